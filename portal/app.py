"""The whole web application, assembled from its rooms."""

from collections.abc import Iterable

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from portal.api.app import Whole
from portal.web import chef, errors, health, public, sign_in, worklist
from portal.web import rectorat as rooms
from portal.web import rendering as assets
from portal.web.context import Installed
from portal.web.rectorat import request
from portal.web.security import Headers, plain_address
from workflow.app import House


def create_app(house: House) -> FastAPI:
    """The application of an installation, without anything of a demonstration."""
    return assembled(Installed.of(house))


def assembled(installed: Installed, more: Iterable[APIRouter] = ()) -> FastAPI:
    """The application around the assembled software; ``more``: what a demonstration adds."""
    app = FastAPI(
        title="Délégations de clés ODA", docs_url=None, redoc_url=None, openapi_url=None,
        dependencies=[Depends(plain_address)],
    )  # fmt: skip
    app.state.installed = installed
    for router in (
        chef.router, health.router, public.router, request.router, *rooms.ROUTERS, *sign_in.ROUTERS, worklist.router,
        *more,
    ):  # fmt: skip
        app.include_router(router)
    app.router.routes.append(Whole(installed))
    app.mount(f"/static/dsfr/{assets.dsfr_version()}", assets.Kept(directory=assets.dsfr_folder()), name="dsfr")
    app.mount(f"/static/oda/{assets.our_version()}", assets.Kept(directory=assets.OURS), name="ours")
    errors.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=1000, exclude_content_types=("font/woff2", "text/event-stream"))
    app.add_middleware(Headers, https=installed.is_https)
    return app
