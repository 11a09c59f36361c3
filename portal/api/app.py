"""The JSON interface as one application, mounted beside the pages: its own errors, its own description."""

import json
import logging
import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from notifications import vocabulary as mail_vocabulary
from portal.api import actions, auth, directory, requests
from portal.api.problems import Problem, install_handlers, of_form, problem_of, problem_response
from portal.api.requests import PREFIX
from portal.web.context import WebContext
from portal.web.security import NO_TELEMETRY
from states import vocabulary
from states.rules import revocation
from states.vocabulary import Labelled
from workflow.database.access_tables import Scope

_ABOUT: Final = """\
Les mêmes commandes, les mêmes refus et la même histoire que le portail et la ligne de commande.

Chaque requête porte `Authorization: Bearer oda_…`, un jeton d'accès personnel avec une portée (lire, ou lire et agir)
et une fin. Les jours sont au format `2026-09-14` dans le calendrier de l'académie, les instants en UTC. Un champ
inconnu est refusé. Un refus est un `application/problem+json` dont `reasons` dit tout ce qui ne va pas et que faire.
"""

PUBLIC_NAMES: Final = {"CodeStatus": "CodeFate"}
"""Our classes whose schema bears another name in the published description."""

_log = logging.getLogger("oda")


def api_of(context: WebContext) -> FastAPI:
    """``/api/v1`` of an installation."""
    app = FastAPI(
        title="Délégations de clés ODA", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        redirect_slashes=False, root_path_in_servers=False, telemetry=NO_TELEMETRY,
    )  # fmt: skip
    app.state.context = context
    for router in (auth.router, requests.router, actions.router, directory.router):
        app.include_router(router)
    install_handlers(app)
    _install_description(app)
    app.add_middleware(Unforeseen)
    return app


class ApiMount(Mount):
    """A mount that takes every address below its own, one with a line end too: no page answers for the interface."""

    def __init__(self, context: WebContext) -> None:
        super().__init__(PREFIX, app=api_of(context), name="api")
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


def _install_description(app: FastAPI) -> None:
    """Serve our own OpenAPI document, made once: FastAPI's, in French, with the refusals of RFC 9457."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _describe(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=_ABOUT, routes=app.routes, servers=[{"url": PREFIX}]
    )
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    modules = (vocabulary, mail_vocabulary, revocation)
    classes = [Scope, *(value for module in modules for value in vars(module).values() if isinstance(value, type))]
    enums = {kind.__name__: kind for kind in classes if issubclass(kind, Labelled) and kind is not Labelled}
    for name, schema in schemas.items():
        schema.pop("description", None)  # a class's docstring is for who reads the code
        if name in enums:
            schema["description"] = " ; ".join(f"{member.value} : {member.label}" for member in enums[name])
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                response["description"] = "La réponse."
    return _with_public_names(document)


def _with_public_names(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the schemas' names that clients know, whatever our classes are called."""
    text = json.dumps(document)
    for name, public in PUBLIC_NAMES.items():
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{public}"')
    renamed: dict[str, Any] = json.loads(text)
    schemas = renamed["components"]["schemas"]
    for name, public in PUBLIC_NAMES.items():
        schemas[public] = schemas.pop(name) | {"title": public}
    renamed["components"]["schemas"] = dict(sorted(schemas.items()))
    return renamed


class Unforeseen:
    """Outermost middleware: answers 500 without a detail for what nobody foresaw."""

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
            _log.error("interface %s: %s", getattr(scope.get("route"), "path", "?"), type(error).__name__)
            if started:
                raise
            reason = of_form(
                "unforeseen", "Une erreur imprévue empêche de répondre", "Recommencer ; si cela dure, l'écrire."
            )
            await problem_response(problem_of([reason], 500))(scope, receive, send)
