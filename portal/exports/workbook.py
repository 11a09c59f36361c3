"""A workbook of one sheet or several, written as CSV, XLSX or ODS: one call for pages and commands (R92)."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from itertools import chain
from typing import IO, Final, Self

from notifications.rendering.typography import csv_cell
from portal.exports.sheet import ROWS_AT_A_TIME, Row, Sheet, shown
from states.vocabulary import Labelled

_FORBIDDEN: Final = re.compile(r"[\[\]:*?/\\]")
_LONGEST_NAME: Final = 31
"""What Excel refuses in the name of a sheet, and its length."""


class FileFormat(Labelled):
    """The format of a list's file; the value is the file's suffix."""

    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel (XLSX)"
    ODS = "ods", "LibreOffice (ODS)"

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES[self]

    @classmethod
    def of_filename(cls, name: str) -> Self | None:
        """The format that the suffix tells; None for another suffix, or none."""
        return next((member for member in cls if name.casefold().endswith(f".{member}")), None)


_MEDIA_TYPES: Final = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.ODS: "application/vnd.oasis.opendocument.spreadsheet",
}


@dataclass(slots=True)
class RowCount:
    """The rows of a workbook that have been written so far, headings apart."""

    total: int = 0

    def of(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows, counted as they pass."""
        for row in rows:
            self.total += 1
            yield row


@dataclass(frozen=True)
class Workbook:
    """A file to be: the stem of its name, and its sheets, whose names the formats make safe and different."""

    stem: str
    sheets: Sequence[Sheet]

    def filename(self, file_format: FileFormat) -> str:
        """``demandes.xlsx``: letters without accents, digits and hyphens."""
        plain = unicodedata.normalize("NFKD", self.stem).encode("ascii", "ignore").decode()
        return f"{re.sub('[^A-Za-z0-9]+', '-', plain).strip('-')}.{file_format}"

    def counted(self) -> tuple["Workbook", RowCount]:
        """The same workbook, and how many of its rows have been written."""
        count = RowCount()
        return replace(self, sheets=[replace(sheet, rows=count.of(sheet.rows)) for sheet in self.sheets]), count

    def write(self, file_format: FileFormat, file: IO[bytes]) -> None:
        """Write the whole file, in memory that does not grow with the rows. Raises TooManyRows.

        XLSX goes through temporary files: see ``content`` for what must not touch the disk.
        """
        if file_format is FileFormat.CSV:
            file.writelines(map(str.encode, self._csv()))
        else:
            self._writer(file_format)(file, self._named_sheets())

    def content(self, file_format: FileFormat) -> bytes:
        """The whole file, which no disk has seen: for what is secret, and not too long. Raises TooManyRows."""
        file = BytesIO()
        if file_format is FileFormat.XLSX:
            from portal.exports.spreadsheet_files import write_xlsx

            write_xlsx(file, self._named_sheets(), on_disk=False)
        else:
            self.write(file_format, file)
        return file.getvalue()

    @staticmethod
    def _writer(file_format: FileFormat) -> "Callable[[IO[bytes], dict[str, Sheet]], None]":
        """Imported when it is wanted: most commands write no file."""
        if file_format is FileFormat.XLSX:
            from portal.exports.spreadsheet_files import write_xlsx

            return write_xlsx
        from portal.exports.spreadsheet_files import write_ods

        return write_ods

    def _csv(self) -> Iterator[str]:
        """The only sheet, or each after a line with its title, an empty line between two."""
        for number, sheet in enumerate(self.sheets):
            yield "\r\n" if number else "\ufeff"
            title = [(sheet.title,)] if len(self.sheets) > 1 else []
            yield from _csv_lines(chain(title, [sheet.headings], sheet.rows))

    def _named_sheets(self) -> dict[str, Sheet]:
        named: dict[str, Sheet] = {}
        folded: set[str] = set()
        for number, sheet in enumerate(self.sheets, start=1):
            name = _FORBIDDEN.sub("-", sheet.title)[:_LONGEST_NAME].strip(" '") or f"Feuille {number}"
            if name.casefold() in folded:
                name = f"{name[: _LONGEST_NAME - 5]} ({number})"
            folded.add(name.casefold())
            named[name] = sheet
        return named


def _csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """As Excel and LibreOffice read them in French: semicolons, and no cell that is a formula."""
    from notifications.sql import batches  # the trial of a page's text imports this module, and no database

    lines = (";".join(map(_csv_cell, row)) + "\r\n" for row in rows)
    yield from map("".join, batches(lines, ROWS_AT_A_TIME))


def _csv_cell(value: object) -> str:
    if isinstance(value, (int, float, datetime)) and not isinstance(value, bool):
        return shown(value)  # a number may begin with a minus, and is no formula
    return csv_cell(value)
