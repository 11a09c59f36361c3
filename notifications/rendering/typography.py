"""French spacing, values that cannot break out of their line, and values as other software reads them (R83)."""

import re
from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import Any, Final

from states.characters import has_invisible, without_invisible

WIDTH: Final = 72

NBSP: Final = "\u00a0"

_MONTH = "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"

BOUND: Final = re.compile(
    " (?:(?=[:;?!»])"  # before the high signs
    r"|(?<=[«\drh°] )(?:"  # only after these, so that most of a text's spaces are passed over at once
    "(?<=« )"
    rf"|(?<=[\dr] )(?=(?:{_MONTH}|jours?|mois|h|%)\b)"  # 31 août, 1er mars, 10 jours
    r"|(?<=\d h )(?=\d\d\b)"  # 9 h 05
    r"|(?<=n° )(?=\d)))"
)
"""Each space of a text that must not break."""


def one_line(value: str) -> str:
    """A value on one line: line breaks and runs of spaces become a space, invisible characters go."""
    line = " ".join(value.split())
    if not has_invisible(line):
        return line
    return " ".join(without_invisible(line).split())  # once more: what went may have held spaces apart


def single_line(value: Any) -> Any:
    """The same facts with every string on one line, at any depth."""
    if type(value) is str:
        return one_line(value)
    if isinstance(value, tuple):
        return tuple(single_line(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: single_line(getattr(value, f.name)) for f in fields(value)})
    return value


def french_spacing(line: str) -> str:
    """French spacing: a space that must not break before ``: ; ? !``, inside guillemets, in a date, after ``n°``."""
    return BOUND.sub(NBSP, line)


_FORMULA: Final = tuple("=+-@|%＝＋－＠")

_QUOTED: Final = re.compile(r'[;,|"]')


def csv_cell(value: object) -> str:
    """A value as one cell of a CSV file, whatever separates the cells; nothing for None, ``31/08/2027`` for a date.

    Line ends, tabs and invisible characters go; what a spreadsheet would take for a formula begins with an apostrophe.
    """
    if isinstance(value, bool):
        text = "oui" if value else "non"
    elif isinstance(value, date):
        text = short_day(value)
    else:
        text = "" if value is None else one_line(str(value))
    neutral = f"'{text}" if text.startswith(_FORMULA) else text
    if _QUOTED.search(neutral):
        doubled = neutral.replace('"', '""')
        return f'"{doubled}"'
    return neutral


def short_day(value: date | None) -> str:
    """``31/08/2027``; nothing for None."""
    return f"{value:%d/%m/%Y}" if value else ""


def iso_day(value: date | None) -> str:
    """``2027-08-31``; nothing for None."""
    return f"{value:%Y-%m-%d}" if value else ""
