"""Rows for a spreadsheet: CSV as Excel and LibreOffice open it in French, no cell of which can be a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

MEDIA_TYPE: Final = "text/csv; charset=utf-8"
EVERY: Final = 200
"""Rows written at a time."""
_BOM: Final = "\ufeff"
_FORMULA: Final = ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠")
"""What a spreadsheet computes, full width included."""


def cell(value: object) -> str:
    """A value in a cell, on one line; what a spreadsheet would compute is preceded by an apostrophe."""
    if isinstance(value, bool):
        return "oui" if value else "non"
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split()) if value is not None else ""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The whole file piece after piece, in bounded memory: semicolons, a byte order mark, one line a row."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    buffer.write(_BOM)
    writer.writerow(headings)
    for number, row in enumerate(rows, 1):
        writer.writerow([cell(value) for value in row])
        if number % EVERY == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
