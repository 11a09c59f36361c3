"""Values as a reader sees them in a terminal, and as JSON: nothing that could drive the terminal gets through."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo

from states.vocabulary import Labelled

_SPACING = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    """``text`` on one line, harmless to a terminal: line breaks become spaces, other control characters « � »."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", _SPACING.sub(" ", text))


def cell(value: object, timezone: tzinfo | None = None) -> str:
    """A value in French on one line: labels, 14/09/2026, oui/non; nothing for None.

    An instant is shown in ``timezone``, the académie's; without one it keeps its own and says which.
    """
    match value:
        case None:
            return ""
        case bool():
            return "oui" if value else "non"
        case Labelled():
            return value.label
        case datetime():
            local = value.astimezone(timezone) if timezone else value
            return local.strftime("%d/%m/%Y %H:%M" if timezone else "%d/%m/%Y %H:%M %Z").strip()
        case date():
            return value.strftime("%d/%m/%Y")
        case list() | tuple():
            return ", ".join(cell(item, timezone) for item in value)
        case _:
            return printable(str(value))


def _plain(value: object) -> str:
    from states.school_year import SchoolYear

    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, SchoolYear):
        return str(value)
    raise TypeError(f"{type(value).__qualname__} has no JSON form here")


def as_json(rows: Sequence[Mapping[str, object]]) -> str:
    """``rows`` as one JSON array, readable as it is; dates in ISO 8601, control characters as ``\\uXXXX``.

    Raises TypeError on a value that is no text, number, date, school year, list or mapping of these.
    """
    text = json.dumps([dict(row) for row in rows], ensure_ascii=False, indent=2, default=_plain)
    # Only characters inside strings can match here, apart from the line feeds of the indentation.
    return _UNSAFE.sub(lambda found: "\n" if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)
