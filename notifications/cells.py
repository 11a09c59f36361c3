"""Values as other software reads them: a cell of a CSV file, a day in figures (R83)."""

import re
from datetime import date
from typing import Final

from notifications.typography import one_line

_FORMULA: Final = tuple("=+-@|%＝＋－＠")
_QUOTED: Final = re.compile(r'[;,|"]')


def csv_cell(value: object) -> str:
    """A value as one cell of a CSV file, whatever separates the cells; nothing for None, ``31/08/2027`` for a date.

    Line ends, tabs and invisible characters go; what a spreadsheet would take for a formula begins with an apostrophe.
    """
    text = one_line(_plain(value))
    neutral = f"'{text}" if text.startswith(_FORMULA) else text
    if _QUOTED.search(neutral):
        doubled = neutral.replace('"', '""')
        return f'"{doubled}"'
    return neutral


def _plain(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "oui" if value else "non"
        case date():
            return short_day(value)
    return str(value)


def short_day(value: date | None) -> str:
    """``31/08/2027``; nothing for None."""
    return f"{value:%d/%m/%Y}" if value else ""


def iso_day(value: date | None) -> str:
    """``2027-08-31``; nothing for None."""
    return f"{value:%Y-%m-%d}" if value else ""
