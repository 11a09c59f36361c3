"""One sheet of a workbook, in no format: its headings, the width of its columns, its rows of typed cells (R92)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from typing import Final

from notifications.rendering.typography import NBSP, one_line, short_day

MOST_ROWS: Final = 1_048_576
"""Of a sheet, its headings included: no spreadsheet opens more."""

NARROWEST, WIDEST = 8, 50
"""Characters of a column."""

_SAMPLE: Final = 100
"""First rows of a sheet, from which the columns get their widths."""

MOST_CHARACTERS: Final = 32_767
"""Of one cell, in Excel; the rest is cut."""

Row = Sequence[object]

ROWS_AT_A_TIME: Final = 200
"""Rows of which the text is put together before it is written."""

Cell = str | int | float | date | None
"""A datetime is a date of Python's; a boolean has become « oui » or « non »."""


class TooManyRows(ValueError):
    """More rows than a sheet holds; the message, in French, says what to do."""


@dataclass(frozen=True)
class Sheet:
    """Headings, and rows that are read once, as they are written.

    A cell may be a text, a number, a Ratio, a boolean, a date, a datetime of the académie's hour, or None.
    """

    title: str
    headings: Sequence[str]
    rows: Iterable[Row]

    def measured(self) -> tuple[list[int], Iterator[Row]]:
        """The width of each column in characters, and all the rows.

        The iterator raises TooManyRows.
        """
        rows = iter(self.rows)
        sample = list(islice(rows, _SAMPLE))
        texts = zip(self.headings, *([shown(cell_of(value)) for value in row] for row in sample), strict=True)
        widths = [min(max(NARROWEST, *map(len, column)) + 2, WIDEST) for column in texts]
        return widths, _bounded(chain(sample, rows))


def _bounded(rows: Iterable[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows, start=2):
        if number > MOST_ROWS:
            raise TooManyRows(
                f"La liste dépasse {MOST_ROWS - 1} lignes, plus qu'une feuille de tableur n'en contient : la demander"
                " en CSV, ou la filtrer."
            )
        yield row


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
    """A cell as a reader sees it: ``31/08/2027``, ``31/08/2027 09:05``, ``57,3 %``, ``12,5``; nothing for None.

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
