"""The whole web application, assembled from its rooms."""

from collections.abc import Iterable

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from portal.api.app import ApiMount
from portal.web import chef, errors, health, public, sign_in, worklist
from portal.web import rectorat as rooms
from portal.web import rendering as assets
from portal.web.context import WebContext
from portal.web.rectorat import request
from portal.web.security import Headers, plain_address
from workflow.app import App


def create_app(app: App) -> FastAPI:
    """The application of an installation, without anything of a demonstration."""
    return assembled(WebContext.of(app))


def assembled(context: WebContext, more: Iterable[APIRouter] = ()) -> FastAPI:
    """The application around the assembled software; ``more``: what a demonstration adds."""
    asgi = FastAPI(
        title="Délégations de clés ODA", docs_url=None, redoc_url=None, openapi_url=None,
        dependencies=[Depends(plain_address)],
    )  # fmt: skip
    asgi.state.context = context
    for router in (
        chef.router, health.router, public.router, request.router, *rooms.ROUTERS, *sign_in.ROUTERS, worklist.router,
        *more,
    ):  # fmt: skip
        asgi.include_router(router)
    asgi.router.routes.append(ApiMount(context))
    asgi.mount(f"/static/dsfr/{assets.dsfr_version()}", assets.Kept(directory=assets.dsfr_folder()), name="dsfr")
    asgi.mount(f"/static/oda/{assets.our_version()}", assets.Kept(directory=assets.OURS), name="ours")
    errors.install(asgi)
    asgi.add_middleware(GZipMiddleware, minimum_size=1000, exclude_content_types=("font/woff2", "text/event-stream"))
    asgi.add_middleware(Headers, https=context.is_https)
    return asgi
