"""CSV files that Excel and LibreOffice open in French: a byte order mark, semicolons, no cell that is a formula."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from notifications.rendering.typography import csv_cell
from notifications.sql import batches
from portal.exports.cells import Row, shown

ROWS_AT_A_TIME: Final = 200


def csv_text(headings: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """The file piece after piece, in bounded memory."""
    yield "\ufeff"
    yield from csv_lines(chain([headings], rows))


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """The rows alone, many at a time."""
    lines = (";".join(map(_csv, row)) + "\r\n" for row in rows)
    yield from map("".join, batches(lines, ROWS_AT_A_TIME))


def _csv(value: object) -> str:
    if isinstance(value, (int, float, datetime)) and not isinstance(value, bool):
        return shown(value)  # a number may begin with a minus, and is no formula
    return csv_cell(value)
