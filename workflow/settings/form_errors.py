"""French sentences for values of the wrong form, whether a settings file or a program gives them.

The kinds of error are pydantic's. Whoever reports one names the field its own way, and decides whether to quote it.
"""

from collections.abc import Mapping
from typing import Any, Final

from states.characters import is_invisible

OTHER_ERROR: Final = "cette valeur n'est pas admise"

_MESSAGES: Final = {
    "string_type": "un texte est attendu",
    "int_type": "un nombre entier est attendu",
    "int_parsing": "« {input} » n'est pas un nombre entier",
    "int_from_float": "« {input} » n'est pas un nombre entier",
    "int_parsing_size": "ce nombre est trop grand",
    "bool_type": "ni vrai ni faux",
    "bool_parsing": "« {input} » n'est ni vrai ni faux",
    "literal_error": "« {input} » n'est pas admis",
    "too_long": "cette liste est trop longue",
    "string_too_long": "ce texte est trop long",
    "greater_than_equal": "{input} est trop petit",
    "less_than_equal": "{input} est trop grand",
}

_ALLOWED: Final = {
    "bool_type": "true ou false",
    "bool_parsing": "true ou false",
    "literal_error": "{expected}",
    "too_long": "{max_length} valeurs au plus",
    "string_too_long": "{max_length} caractères au plus",
    "greater_than_equal": "{ge} ou plus",
    "less_than_equal": "{le} ou moins",
}


def error_message(kind: str, quoted: str | None = None) -> str:
    """Say what is wrong, in French; without ``quoted``, the value is not repeated: it may be a code."""
    message = _MESSAGES.get(kind, OTHER_ERROR)
    if quoted is None:
        return message.replace("« {input} »", "ce texte").replace("{input}", "ce nombre")
    return message.replace("{input}", quoted)


def allowed_values(kind: str, context: Mapping[str, Any]) -> str | None:
    """Say which values are allowed, in French, with the bounds of the error's context; None when unknown."""
    if kind not in _ALLOWED:
        return None
    return _ALLOWED[kind].format_map(context).replace("'", "").replace(" or ", " ou ")


def quote(value: object, width: int = 60) -> str:
    """Shorten a value to quote it in a message: one line, no invisible character."""
    text = " ".join(str(value).split())
    text = "".join("·" if is_invisible(character) else character for character in text)
    return text if len(text) <= width else f"{text[: width - 1]}…"
