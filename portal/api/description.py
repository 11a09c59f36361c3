"""Our own OpenAPI document, made once: FastAPI's, in French, with refusals, headers, and an example of every answer."""

import json
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from notifications import vocabulary as mail_vocabulary
from portal.api.answer_texts import ANSWERS, TAGS
from portal.api.calls import HEADER
from portal.api.problems import MEDIA_TYPE, Problem, example_of_status
from portal.api.requests import PREFIX
from states import vocabulary
from states.rules import revocation, schedule
from states.vocabulary import Labelled
from workflow.database import file_tables
from workflow.database.access_tables import Scope
from workflow.journal import event_kinds
from workflow.schedule import upcoming
from workflow.year_end import figures

TITLE: Final = "Délégations de clés ODA"

_ABOUT: Final = """\
Les mêmes commandes, les mêmes refus et la même histoire que le portail et la ligne de commande.

Chaque requête porte `Authorization: Bearer oda_…`, un jeton d'accès personnel avec une portée (lire, ou lire et agir)
et une fin. Les jours sont au format `2026-09-14` dans le calendrier de l'académie, les instants en UTC. Un champ
inconnu est refusé. Un refus est un `application/problem+json` dont `reasons` dit tout ce qui ne va pas et que faire.
Chaque réponse porte son numéro dans l'en-tête `X-Request-Id` : le donner à qui aide.
"""

PUBLIC_NAMES: Final = {"CodeStatus": "CodeFate"}
"""Our classes whose schema bears another name in the published description."""

_MODULES: Final = (vocabulary, mail_vocabulary, revocation, schedule, upcoming, figures, file_tables, event_kinds)
"""Where the closed lists of the answers are."""

_REFERENCE: Final = "#/components/schemas/"

_NUMBER: Final = {
    "description": "Le numéro de la requête, que le journal du service porte aussi.",
    "schema": {"type": "string", "pattern": "^[0-9A-F]{12}$", "examples": ["9F0C2A7B41D6"]},
}

_LINK: Final = {
    "description": 'La première page (`rel="first"`) et la suivante (`rel="next"`), s\'il y en a une (RFC 8288).',
    "schema": {"type": "string", "examples": ['</api/v1/requests?limit=50>; rel="first"']},
}


def describe(app: FastAPI, address: str) -> None:
    """Serve our document, made at the first call; ``address`` is that of the portal, where people are asked."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, address)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _document(app: FastAPI, address: str) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=_ABOUT, routes=app.routes, servers=[{"url": PREFIX}],
        tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        contact={"name": "Les contacts du portail", "url": f"{address.rstrip('/')}/contact"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )  # fmt: skip
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template=f"{_REFERENCE}{{model}}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    classes = [Scope, *(value for module in _MODULES for value in vars(module).values() if isinstance(value, type))]
    enums = {kind.__name__: kind for kind in classes if issubclass(kind, Labelled) and kind is not Labelled}
    for name, schema in schemas.items():
        schema.pop("description", None)  # a class's docstring is for who reads the code
        if name in enums:
            schema["description"] = " ; ".join(f"{member.value} : {member.label}" for member in enums[name])
        if schema.get("additionalProperties") is not False:  # what is sent describes itself
            for field, member in schema.get("properties", {}).items():
                _describe_field(name, field, member)
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        _describe_operation(operation, schemas)
    return _with_public_names(document)


def _describe_field(schema: str, name: str, member: dict[str, Any]) -> None:
    """Give a field of an answer its sentence and its example, unless the class itself gave them."""
    sentence, example = ANSWERS.get(f"{schema}.{name}") or ANSWERS.get(name) or ("", None)
    if sentence:
        member.setdefault("description", sentence)
    if example is not None and not {"$ref", "const"} & member.keys():
        member.setdefault("examples", [example])


def _describe_operation(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        response.setdefault("headers", {})[HEADER] = _NUMBER
        if not status.startswith("2"):
            response["content"][MEDIA_TYPE]["example"] = example_of_status(int(status))
            continue
        content = response.get("content", {})
        response["description"] = (
            "La réponse." if "application/json" in content else "Le fichier." if content else "C'est fait."
        )
        answer = content.get("application/json")
        if answer:
            answer["example"] = example_of(answer["schema"], schemas)
            if {"items", "next"} <= _resolved(answer["schema"], schemas).get("properties", {}).keys():
                response["headers"]["Link"] = _LINK
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if not {"example", "examples"} & content.keys() and "$ref" in content["schema"]:
            content["examples"] = {
                "simple": {"summary": "L'essentiel", "value": example_of(content["schema"], schemas, required=True)}
            }


def example_of(schema: dict[str, Any], schemas: dict[str, Any], *, required: bool = False) -> Any:
    """A value that this schema accepts, of its own examples; ``required``: without what may be left out."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "$ref" in schema:
        return example_of(_resolved(schema, schemas), schemas, required=required)
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        value = example_of(alternatives[0], schemas, required=required)
        return None if value == _ANY_TEXT and {"type": "null"} in alternatives else value
    match schema.get("type"):
        case "object":
            names = schema.get("required", []) if required else schema.get("properties", {})
            return {name: example_of(schema["properties"][name], schemas, required=required) for name in names}
        case "array":
            return [example_of(schema["items"], schemas, required=required)]
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "number":
            return 12.5
        case "boolean":
            return False
        case "string":
            return _TEXTS.get(schema.get("format", ""), _ANY_TEXT)
    return None


_ANY_TEXT: Final = "…"

_TEXTS: Final = {"date": "2026-09-14", "date-time": "2026-09-14T08:00:00Z"}


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schemas[schema["$ref"].removeprefix(_REFERENCE)] if "$ref" in schema else schema
    return found


def _with_public_names(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the schemas' names that clients know, whatever our classes are called."""
    text = json.dumps(document)
    for name, public in PUBLIC_NAMES.items():
        text = text.replace(f'"{_REFERENCE}{name}"', f'"{_REFERENCE}{public}"')
    renamed: dict[str, Any] = json.loads(text)
    schemas = renamed["components"]["schemas"]
    for name, public in PUBLIC_NAMES.items():
        schemas[public] = schemas.pop(name) | {"title": public}
    renamed["components"]["schemas"] = dict(sorted(schemas.items()))
    return renamed
