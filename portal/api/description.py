"""The description of the interface (OpenAPI): what FastAPI draws, in French, with the refusals of RFC 9457."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from notifications import vocabulary as mail_words
from portal.api.pages import PREFIX
from portal.api.problems import Problem
from states import removal
from states import vocabulary as words
from states.vocabulary import Labelled
from workflow.doors.vocabulary import Scope

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
