"""The web application: pages, JSON interface and static files in one ASGI application.

The interface is an application of its own, mounted beside the pages, with its own errors and its own description.
"""

import re
from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from portal.api import actions, auth, establishments, mails, removals, requests, security_journal, year_end
from portal.api.auth import Installation
from portal.api.description import TITLE, describe
from portal.api.problems import Numbered, Unforeseen, install_handlers
from portal.api.requests import PREFIX
from portal.middleware import (
    AnswerHeaders,
    BodyLimit,
    HeadAsGet,
    KnownHosts,
    OriginOfRequest,
    TrustedHeaders,
    gate_secrets,
)
from portal.web import (
    account,
    chef,
    errors,
    health,
    national_sign_in,
    public,
    rectorat,
    rupn,
    second_factor,
    sign_in,
    sign_in_links,
    step_up,
    worklist,
)
from portal.web.context import WebContext
from portal.web.environment import OURS, dsfr_folder, dsfr_version, our_version
from portal.web.rendering import Kept
from portal.web.security import plain_address
from workflow.app import App

ROUTERS: Final = (
    public.router, health.router, sign_in.router, sign_in_links.router, chef.router, national_sign_in.router,
    rectorat.router, rupn.router, second_factor.router, account.router, step_up.router,
    account.substitutions_router, worklist.router,
)  # fmt: skip
"""What anybody may ask for comes first: the routes are looked at one after the other."""

API_ROUTERS: Final = (
    auth.router, requests.router, actions.router, requests.papers_router, requests.notes_router, establishments.router,
    mails.router, actions.batches_router, establishments.lists_router, removals.router, year_end.router,
    year_end.figures_router, security_journal.router,
)  # fmt: skip
"""In the order in which the description shows their groups."""

NO_TELEMETRY: Final[TelemetryConfig] = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False,
}  # fmt: skip
"""FastAPI would tell a process's OpenTelemetry provider every address, and some of them are secrets (R72)."""


def create_app(app: App) -> FastAPI:
    """The application of an installation, without anything of a demonstration."""
    return assembled(WebContext.of(app))


def assembled(context: WebContext, routers: Iterable[APIRouter] = ()) -> FastAPI:
    """The application around the assembled software. ``routers``: those that a demonstration adds."""
    asgi = FastAPI(
        title="Délégations de clés ODA", docs_url=None, redoc_url=None, openapi_url=None,
        dependencies=[Depends(plain_address)], redirect_slashes=False, telemetry=NO_TELEMETRY,
    )  # fmt: skip
    asgi.state.context = context
    for router in (*ROUTERS, *routers):
        asgi.include_router(router)
    asgi.router.routes.append(ApiMount(context))
    asgi.mount(f"/static/dsfr/{dsfr_version()}", Kept(directory=dsfr_folder()), name="dsfr")
    asgi.mount(f"/static/oda/{our_version()}", Kept(directory=OURS), name="ours")
    errors.add_exception_handlers(asgi)
    asgi.add_middleware(GZipMiddleware, minimum_size=1000, exclude_content_types=("font/woff2", "text/event-stream"))
    asgi.add_middleware(HeadAsGet)
    asgi.add_middleware(OriginOfRequest)
    asgi.add_middleware(KnownHosts, address=context.settings.address)
    asgi.add_middleware(BodyLimit)
    asgi.add_middleware(AnswerHeaders, https=context.is_https)
    gate = context.app.settings.sign_in.trusted_headers
    asgi.add_middleware(TrustedHeaders, settings=gate, secrets=gate_secrets(gate, context.app.secrets))
    return asgi


def api_of(context: Installation) -> FastAPI:
    """``/api/v1`` of an installation."""
    app = FastAPI(
        title=TITLE, version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        redirect_slashes=False, root_path_in_servers=False, telemetry=NO_TELEMETRY,
    )  # fmt: skip
    app.state.context = context
    for router in API_ROUTERS:
        app.include_router(router)
    install_handlers(app)
    describe(app, context.app.settings.portal.address)
    app.add_middleware(Unforeseen)
    app.add_middleware(Numbered)
    return app


class ApiMount(Mount):
    """A mount that takes every address below its own, one with a line end too: no page answers for the interface."""

    def __init__(self, context: Installation) -> None:
        super().__init__(PREFIX, app=api_of(context), name="api")
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)
