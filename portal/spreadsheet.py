"""Rows for a spreadsheet: CSV as Excel and LibreOffice open it in French, no cell of which can be a formula."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from notifications.cells import csv_cell

MEDIA_TYPE: Final = "text/csv; charset=utf-8"
EVERY: Final = 200
"""Rows written at a time."""
_BOM: Final = "\ufeff"


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The whole file piece after piece, in bounded memory: semicolons, a byte order mark, one line a row."""
    yield _BOM + _line(headings)
    left = iter(rows)
    while piece := "".join(map(_line, islice(left, EVERY))):
        yield piece


def _line(values: Sequence[object]) -> str:
    return ";".join(map(csv_cell, values)) + "\r\n"
