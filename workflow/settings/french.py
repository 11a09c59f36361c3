"""Pydantic's refusals in French, each with its key, its line and the values allowed."""

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from workflow.settings.nodes import Document, KeyPath
from workflow.settings.problems import Problem, shown
from workflow.settings.unknown_keys import unknown_key

_LIST = "une liste est attendue : [valeur, valeur], ou une ligne « - valeur » pour chacune"
_SECTION = "une section est attendue : des lignes « clé : valeur » en retrait sous celle-ci"
_BOOLEAN = "ni vrai ni faux"
_MESSAGES = {
    "missing": "cette clé manque",
    "string_type": "un texte est attendu",
    "int_type": "un nombre entier est attendu",
    "int_parsing": "« {input} » n'est pas un nombre entier",
    "int_parsing_size": "ce nombre est trop grand",
    "int_from_float": "« {input} » n'est pas un nombre entier",
    "bool_type": _BOOLEAN,
    "bool_parsing": "« {input} » n'est ni vrai ni faux",
    "literal_error": "« {input} » n'est pas admis",
    "date_type": "une date est attendue",
    "tuple_type": _LIST,
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "too_short": "cette liste est vide",
    "too_long": "cette liste est trop longue",
    "string_too_long": "ce texte est trop long",
    "greater_than_equal": "{input} est trop petit",
    "less_than_equal": "{input} est trop grand",
}
_OTHERWISE = "cette valeur n'est pas admise"


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """Every refusal of the models, as told to the author of the file."""
    found = error.errors(include_url=False)
    around = {details["loc"][:-1] for details in found}
    # Pydantic counts the items that are right: a list whose only item is wrong is said to be short as well.
    return [_problem(d, document) for d in found if d["type"] != "too_short" or d["loc"] not in around]


def _problem(details: ErrorDetails, document: Document) -> Problem:
    path: KeyPath = tuple(part for part in details["loc"] if part != "[key]")
    key = ".".join(part for part in path if isinstance(part, str))
    context = details.get("ctx", {})
    if details["type"] == "refused":
        message, allowed = str(context["message"]), context["allowed"]
    elif details["type"] == "extra_forbidden":
        message, allowed = unknown_key(path, details["input"]), None
    else:
        message, allowed = _message(details), _allowed(details["type"], context)
    return Problem(document.line_of(path), shown(key, 80), shown(message, 300), allowed)


def _message(details: ErrorDetails) -> str:
    value = details["input"]
    if value is None and details["type"] != "missing":
        return "cette valeur ne peut pas être vide (null)"
    quoted = "{…}" if isinstance(value, dict) else "[…]" if isinstance(value, list) else shown(value)
    return _MESSAGES.get(details["type"], _OTHERWISE).replace("{input}", quoted)


def _allowed(kind: str, context: dict[str, Any]) -> str | None:
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "").replace(" or ", " ou ")
    if kind.startswith("bool"):
        return "true ou false"
    if kind == "greater_than_equal":
        return f"{context['ge']} ou plus"
    if kind == "less_than_equal":
        return f"{context['le']} ou moins"
    if kind == "too_long":
        return f"{context['max_length']} valeurs au plus"
    if kind == "string_too_long":
        return f"{context['max_length']} caractères au plus"
    return None
