"""The JSON interface as one application, mounted beside the pages: its own errors, its own description."""

import re
from typing import Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Mount

from portal.api import actions, auth, establishments, mails, removals, requests, security_journal, year_end
from portal.api.auth import Installation
from portal.api.description import TITLE, describe
from portal.api.problems import Numbered, Unforeseen, install_handlers
from portal.api.requests import PREFIX

ROUTERS: Final = (
    auth.router, requests.router, actions.router, requests.papers_router, requests.notes_router, establishments.router,
    mails.router, actions.batches_router, establishments.lists_router, removals.router, year_end.router,
    year_end.figures_router, security_journal.router,
)  # fmt: skip
"""In the order in which the description shows their groups."""


def api_of(context: Installation, telemetry: TelemetryConfig) -> FastAPI:
    """``/api/v1`` of an installation."""
    app = FastAPI(
        title=TITLE, version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        redirect_slashes=False, root_path_in_servers=False, telemetry=telemetry,
    )  # fmt: skip
    app.state.context = context
    for router in ROUTERS:
        app.include_router(router)
    install_handlers(app)
    describe(app, context.app.settings.portal.address)
    app.add_middleware(Unforeseen)
    app.add_middleware(Numbered)
    return app


class ApiMount(Mount):
    """A mount that takes every address below its own, one with a line end too: no page answers for the interface."""

    def __init__(self, context: Installation, telemetry: TelemetryConfig) -> None:
        super().__init__(PREFIX, app=api_of(context, telemetry), name="api")
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)
