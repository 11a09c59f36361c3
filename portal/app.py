"""The web application: pages, JSON interface and static files in one ASGI application."""

from collections.abc import Iterable

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from portal.api.app import ApiMount
from portal.server import BodyLimit
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
from portal.web.security import (
    NO_TELEMETRY,
    AnswerHeaders,
    HeadAsGet,
    KnownHosts,
    OriginOfRequest,
    TrustedHeaders,
    gate_secrets,
    plain_address,
)
from workflow.app import App

ROUTERS = (
    public.router, chef.router, health.router, national_sign_in.router, rectorat.router, rupn.router,
    second_factor.router, account.router, sign_in.router, sign_in_links.router, step_up.router,
    account.substitutions_router, worklist.router,
)  # fmt: skip


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
    asgi.router.routes.append(ApiMount(context, NO_TELEMETRY))
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
