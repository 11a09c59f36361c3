"""The JSON interface as one application, mounted beside the pages: its own errors, its own description."""

import logging
import re
from typing import Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from portal.api import actions, auth, establishments, mails, removals, requests, security_journal, year_end
from portal.api.auth import Installation
from portal.api.description import TITLE, describe
from portal.api.problems import Numbered, current_call, install_handlers, of_form, problem_of, problem_response
from portal.api.requests import PREFIX

ROUTERS: Final = (
    auth.router, requests.router, actions.router, requests.papers_router, requests.notes_router, establishments.router,
    mails.router, actions.batches_router, establishments.lists_router, removals.router, year_end.router,
    year_end.figures_router, security_journal.router,
)  # fmt: skip
"""In the order in which the description shows their groups."""

_log = logging.getLogger("oda")


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


class Unforeseen:
    """Middleware around all but the numbering: answers 500 without a detail for what nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        started = False

        async def noted_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted_send)
        except Exception as error:
            call, route = current_call(), getattr(scope.get("route"), "path", "?")
            _log.error("interface %s: %s, %s", call.number if call else "?", route, type(error).__name__)
            if started:
                raise
            reason = of_form(
                "unforeseen", "Une erreur imprévue empêche de répondre", "Recommencer ; si cela dure, l'écrire."
            )
            await problem_response(problem_of([reason], 500))(scope, receive, send)
