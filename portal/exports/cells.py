"""What a cell holds, whatever the format: a text, a number, a day, an instant, or nothing (R92)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from notifications.rendering.typography import NBSP, one_line, short_day

MOST_CHARACTERS: Final = 32_767
"""Of one cell, in Excel; the rest is cut."""

Row = Sequence[object]

Cell = str | int | float | date | None
"""A datetime is a date of Python's; a boolean has become « oui » or « non »."""


class Ratio(float):
    """A share of 1, which every format shows as a percentage: 0.573 is « 57,3 % »."""


def cell_of(value: object) -> Cell:
    """The value as a cell; a text is on one line, without the characters that nobody sees."""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if value is None or isinstance(value, (int, float, date)):
        return value
    return one_line(str(value))[:MOST_CHARACTERS]


def shown(cell: Cell) -> str:
    """What a reader sees: ``31/08/2027``, ``31/08/2027 09:05``, ``57,3 %``, ``12,5``; nothing for None.

    An instant is shown as it comes: whoever gives the row gives the académie's hour.
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, datetime):
        return f"{cell:%d/%m/%Y %H:%M}"
    if cell is None or isinstance(cell, date):
        return short_day(cell)
    text = f"{cell:.1%}".replace("%", f"{NBSP}%") if isinstance(cell, Ratio) else str(cell)
    return text.replace(".", ",")
