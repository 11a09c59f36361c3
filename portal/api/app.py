"""The interface as one application, mounted beside the pages: its own errors, its own description."""

import logging
import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Scope_of_limits

from notifications import vocabulary as mail_words
from portal.api import actions as acting
from portal.api import actions as batch
from portal.api import auth as me
from portal.api import directory as places
from portal.api import problems as errors
from portal.api import requests
from portal.api.problems import Problem, answer, of_form, problem_of
from portal.api.requests import PREFIX
from portal.web.context import WebContext
from states import vocabulary as words
from states.rules import revocation as removal
from states.vocabulary import Labelled
from workflow.database.tables import Scope

# The description of the interface (OpenAPI): what FastAPI draws, in French, with the refusals of RFC 9457.


_ABOUT: Final = """\
Les mêmes commandes, les mêmes refus et la même histoire que le portail et la ligne de commande.

Chaque requête porte `Authorization: Bearer oda_…`, un jeton d'accès personnel avec une portée (lire, ou lire et agir)
et une fin. Les jours sont au format `2026-09-14` dans le calendrier de l'académie, les instants en UTC. Un champ
inconnu est refusé. Un refus est un `application/problem+json` dont `reasons` dit tout ce qui ne va pas et que faire.
"""


def install(app: FastAPI) -> None:
    """Serve our own description; it is drawn once."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _drawn(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _drawn(app: FastAPI) -> dict[str, Any]:
    drawn = get_openapi(
        title=app.title, version=app.version, description=_ABOUT, routes=app.routes, servers=[{"url": PREFIX}]
    )
    schemas = drawn["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    labelled = _labelled()
    for name, schema in schemas.items():
        schema.pop("description", None)  # a class's docstring is for who reads the code
        if name in labelled:
            schema["description"] = " ; ".join(f"{one.value} : {one.label}" for one in labelled[name])
    for operation in (one for path in drawn["paths"].values() for one in path.values()):
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                response["description"] = "La réponse."
    return drawn


def _labelled() -> dict[str, type[Labelled]]:
    """The closed lists, whose French labels the description gives."""
    found = [one for room in (words, mail_words, removal) for one in vars(room).values() if isinstance(one, type)]
    return {one.__name__: one for one in [*found, Scope] if issubclass(one, Labelled) and one is not Labelled}


# The outermost door: no body beyond what is useful, and no failure that tells more than itself.


LARGEST: Final = 1_000_000


_log = logging.getLogger("oda")


class Bounded:
    """Refuses a body of more than ``LARGEST`` bytes, announced or not; answers for what nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope_of_limits, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > LARGEST:
            await too_large()(scope, receive, send)
            return
        await self._watched(scope, receive, send)

    async def _watched(self, scope: Scope_of_limits, receive: Receive, send: Send) -> None:
        received, started = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST:
                raise HTTPException(413)
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except Exception as error:
            _log.error("interface %s: %s", getattr(scope.get("route"), "path", "?"), type(error).__name__)
            if started:
                raise
            await unforeseen()(scope, receive, send)


def too_large() -> ASGIApp:
    """413."""
    reason = of_form("too_large", "Le corps dépasse 1 Mo", "Envoyer moins de commandes à la fois.")
    return answer(problem_of([reason], 413), {"Connection": "close"})


def unforeseen() -> ASGIApp:
    """500, without a detail."""
    reason = of_form("unforeseen", "Une erreur imprévue empêche de répondre", "Recommencer ; si cela dure, l'écrire.")
    return answer(problem_of([reason], 500))


class Whole(Mount):
    """A mount that takes every address below its own, one with a line end too: no page answers for the interface."""

    def __init__(self, context: WebContext) -> None:
        super().__init__(PREFIX, app=api_of(context), name="api")
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


def api_of(context: WebContext) -> FastAPI:
    """``/api/v1`` of an installation."""
    app = FastAPI(
        title="Délégations de clés ODA", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        redirect_slashes=False, root_path_in_servers=False,
    )  # fmt: skip
    app.state.context = context
    for router in (me.router, requests.router, acting.router, batch.router_batch, places.router):
        app.include_router(router)
    errors.install(app)
    install(app)
    app.add_middleware(Bounded)
    return app
