"""One sheet of a workbook: its headings, its rows, the width of its columns; no format is known here (R92)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from portal.exports.cells import Row, cell_of, shown

MOST_ROWS: Final = 1_048_576
"""Of a sheet, its headings included: no spreadsheet opens more."""

NARROWEST, WIDEST = 8, 50
"""Characters of a column."""

_SAMPLE: Final = 100
"""First rows of a sheet, from which the columns get their widths."""


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
