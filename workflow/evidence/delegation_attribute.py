"""The attribute ``FrEduResDel``: a delegation as the national directory of staff writes it (R93).

Eight fields parted by ``|``: the resource's name, its url, begin and end (``dd/mm/yyyy``), the login of who delegated,
``FrEduRneResp=`` and the establishments by ``;``, the server, the module. Any may be absent, or ``X``, which says so.
"""

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import parse_qs, urlsplit

from states.french import parse_day
from states.validation import has_uai_form, normalise_uai
from workflow.settings.form_errors import quote

FIELDS: Final = 8

ESTABLISHMENTS: Final = "fredurneresp="
"""How the field of the establishments begins, whatever its case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DelegatedResource:
    """One value of the attribute; what it does not say is empty or None."""

    application: str
    begins: date | None
    ends: date | None
    author: str
    uais: tuple[str, ...]


def looks_like_attribute(text: str) -> bool:
    """True for a text that can only be this attribute, whatever the title of its column."""
    return text.count("|") >= FIELDS - 3 and (ESTABLISHMENTS in text.lower() or _DATES.search(text) is not None)


def parse_attribute(text: str) -> list[DelegatedResource]:
    """Read a cell that holds one value, several, a list in brackets, or none (empty, ``X``).

    Raises ValueError with what is wrong, in French, without a full stop.
    """
    return [_parse_value(value) for value in _values(text)]


_DAY: Final = r"(?:\d{1,2}/\d{1,2}/\d{4}|X|)"

_DATES: Final = re.compile(r"\|\d{1,2}/\d{1,2}/\d{4}\|")

_NEXT_VALUE: Final = re.compile(rf"(\s*,\s*|(?<=\|)\s+)(?=[^|,]*\|[^|]*\|{_DAY}\|{_DAY}\|)")
"""What parts two values: a comma, or the space of a line's end, where name, url and two dates follow."""


def _values(text: str) -> list[str]:
    text = text.strip()
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except ValueError:
            raise ValueError(f"la liste « {quote(text)} » ne se lit pas") from None
        pieces = [str(value) for value in listed]
    else:
        pieces = _parted(text)
    return [value for piece in pieces if (value := piece.strip().strip("\"'")) and value.upper() != "X"]


def _parted(text: str) -> list[str]:
    """The values of a text; a comma inside a resource's name parts nothing."""
    first, *rest = _NEXT_VALUE.split(text)
    pieces = [first]
    for mark, piece in zip(rest[::2], rest[1::2], strict=True):
        if "|" in pieces[-1]:
            pieces.append(piece)
        else:
            pieces[-1] += mark + piece
    return pieces


def _parse_value(value: str) -> DelegatedResource:
    fields = [_said(field) for field in value.split("|")]
    if len(fields) < 2 or any(fields[FIELDS:]):
        raise ValueError(f"« {quote(value)} » n'a pas les {FIELDS} champs de FrEduResDel, séparés par « | »")
    name, url, begins, ends, author, establishments, _, module = (fields + [""] * FIELDS)[:FIELDS]
    place = next((n for n, field in enumerate(fields) if field.lower().startswith(ESTABLISHMENTS)), None)
    if place not in (None, 5):
        raise ValueError(f"« {quote(value)} » n'a pas ses champs dans l'ordre de FrEduResDel")
    return DelegatedResource(
        application=_application(url) or name or module,
        begins=parse_day(begins) if begins else None,
        ends=parse_day(ends) if ends else None,
        author=author,
        uais=_establishments(establishments),
    )


def _said(field: str) -> str:
    field = field.strip()
    return "" if field.upper() == "X" else field


def _application(url: str) -> str:
    """The ``applicationname`` of the url, by which the application is recognised; empty when it says none."""
    try:
        query = parse_qs(urlsplit(url).query)
    except ValueError:
        return ""
    names = [values[0].strip() for key, values in query.items() if key.lower() == "applicationname"]
    return _said(names[0]) if names else ""


def _establishments(field: str) -> tuple[str, ...]:
    """The UAI of each establishment: the first part of what is parted by ``$``. Raises ValueError."""
    uais: list[str] = []
    for part in field.split(";"):
        if part.strip().lower().startswith(ESTABLISHMENTS):
            part = part.strip()[len(ESTABLISHMENTS) :]
        uai = normalise_uai(part.partition("$")[0])
        if not uai or uai == "X":
            continue
        if not has_uai_form(uai):
            raise ValueError(f"« {quote(uai)} » n'est pas un UAI (7 chiffres et une lettre)")
        uais.append(uai)
    return tuple(dict.fromkeys(uais))
