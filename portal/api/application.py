"""The interface as one application, mounted beside the pages: its own errors, its own description."""

import re

from fastapi import FastAPI
from starlette.routing import Mount

from portal.api import acting, batch, description, errors, me, places, requests
from portal.api.limits import Bounded
from portal.api.pages import PREFIX
from portal.web.installed import Installed


class Whole(Mount):
    """A mount that takes every address below its own, one with a line end too: no page answers for the interface."""

    def __init__(self, installed: Installed) -> None:
        super().__init__(PREFIX, app=api_of(installed), name="api")
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


def api_of(installed: Installed) -> FastAPI:
    """``/api/v1`` of an installation."""
    app = FastAPI(
        title="Délégations de clés ODA", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        redirect_slashes=False, root_path_in_servers=False,
    )  # fmt: skip
    app.state.installed = installed
    for module in (me, requests, acting, batch, places):
        app.include_router(module.router)
    errors.install(app)
    description.install(app)
    app.add_middleware(Bounded)
    return app
