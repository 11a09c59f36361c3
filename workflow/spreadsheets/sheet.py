"""The child process's work on a workbook: the first sheet that holds something, as text (R91).

Values are those that the workbook keeps; a sheet that holds a formula is refused, for the value kept may be an old one.
Of a workbook of Excel before 2007 (.xls) calamine does not say all: ``olefile``, which refuses a container whose parts
do not stand, opens it first, and its records are read.
"""

import csv
import io
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Final
from xml.etree import ElementTree
from xml.parsers import expat

import olefile
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from notifications.rendering.child import step
from workflow.spreadsheets.workbook import (
    ADVICE,
    OLD_EXCEL,
    UnusableFile,
    broken_workbook,
    formula,
    password_protected,
    too_many_columns,
    unusable,
)

_STREAMS: Final = ("Workbook", "Book")
"""Of Excel 97 to 2003, of Excel 95."""

_BEGIN, _END, _SHEET, _ENCRYPTED = 0x0809, 0x000A, 0x0085, 0x002F

_FORMULAS: Final = (0x0006, 0x0206, 0x0406)

MOST_COLUMNS: Final = 1_000

TALLEST: Final = 10_000
"""Rows of a merged cell that are filled; beyond, the rest is left empty."""

_BROKEN: Final = (
    CalamineError, ElementTree.ParseError, expat.ExpatError, zipfile.BadZipFile, struct.error, LookupError, ValueError,
    OSError,
)  # fmt: skip

_Place = tuple[int, int]
"""A row and a column, from 0."""

_XLSX_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s/>]")

_XLSX_CELL: Final = re.compile(rb'\br="([A-Z]{1,3}[0-9]{1,7})"')

_ODS_REMARKABLE: Final = re.compile(rb'\w:formula="|number-rows-spanned="0*(?:[2-9]|1[0-9])')

_ODS_TABLE: Final = "urn:oasis:names:tc:opendocument:xmlns:table:1.0}"


def sheet_as_text(content: bytes, most_rows: int) -> tuple[str, list[str], str]:
    """The name of the first sheet that holds something, those of the others, its rows as CSV.

    Each line is the number of a row, then its cells; one row more than ``most_rows`` shows that there are too many.
    Raises UnusableFile.
    """
    try:
        with step("classeur"):
            return _sheet_as_text(content, most_rows)
    except UnusableFile:
        raise
    except PasswordError:
        raise password_protected() from None
    except _BROKEN:
        raise broken_workbook() from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of Rust, which is no Exception
            raise broken_workbook() from None
        raise


def _sheet_as_text(content: bytes, most_rows: int) -> tuple[str, list[str], str]:
    records = _records_of(content) if content.startswith(OLD_EXCEL) else None
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    names = [
        sheet.name for sheet in workbook.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
    ]  # fmt: skip
    for name in names:
        sheet = workbook.get_sheet_by_name(name)
        if sheet.end is None:
            continue
        if sheet.end[1] >= MOST_COLUMNS:
            raise too_many_columns(MOST_COLUMNS)
        if records is None:
            merged = _inspect(content, workbook, sheet)
        else:
            _refuse_formula(records, workbook.sheet_names.index(name))
            merged = _merged(sheet)
        text = io.StringIO()
        rows = ([number, *cells] for number, cells in enumerate(_rows(sheet, merged), 1) if any(cells))
        csv.writer(text, lineterminator="\n").writerows(islice(rows, most_rows + 1))
        if text.getvalue():
            return name, [other for other in names if other != name], text.getvalue()
    raise unusable("ce classeur est vide", advice="donner un classeur dont une feuille a des titres de colonnes")


def _rows(sheet: CalamineSheet, merged: Mapping[_Place, int]) -> Iterator[list[str]]:
    """The rows from the sheet's first, empty ones too. A cell merged over several rows says the same in each.

    ``merged``: the last row of each cell that is merged over several.
    """
    left = sheet.start[1] if sheet.start else 0
    running: dict[int, tuple[int, str]] = {}  # by column: the last row that says it, what it says
    tops = {row for row, _ in merged}
    for row, values in enumerate(sheet.iter_rows()):
        cells = [""] * left + [_text(value) for value in values]
        for column, (last, text) in running.items():
            if row <= last:
                cells[column] = cells[column] or text
        if row in tops:
            running |= {c: (merged[row, c], cells[c]) for c in range(left, len(cells)) if (row, c) in merged}
        yield cells


def _text(value: object) -> str:
    """A value as a person reads it: a date ``2026-11-12``, a whole number without a point, a truth « oui »."""
    match value:
        case str():
            return " ".join(value.split())
        case bool():
            return "oui" if value else "non"
        case float() | int():
            return str(int(value)) if value == int(value) else f"{value:.15g}"
        case datetime():
            midnight = value.time() == time(0)
            return value.date().isoformat() if midnight else value.strftime("%Y-%m-%d %H:%M")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case _:
            return ""


def _inspect(content: bytes, workbook: CalamineWorkbook, sheet: CalamineSheet) -> dict[_Place, int]:
    """Refuse a sheet that holds a formula; return the last row of each of its cells that is merged over several."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if "xl/workbook.xml" in archive.namelist():
            xml = archive.read(_part_of(archive, sheet.name))
            if found := _XLSX_FORMULA.search(xml):
                cells = _XLSX_CELL.findall(xml, max(found.start() - 1_000, 0), found.start())
                raise formula(None, cells[-1].decode() if cells else "feuille lue")
            return _merged(sheet)
        xml = archive.read("content.xml")
    return _OpenDocumentSheet(workbook.sheet_names.index(sheet.name), xml).merged if _ODS_REMARKABLE.search(xml) else {}


def _merged(sheet: CalamineSheet) -> dict[_Place, int]:
    ranges = sheet.merged_cell_ranges or []
    return {(top, left): _lowest(top, bottom) for (top, left), (bottom, _) in ranges if bottom > top}


def _part_of(archive: zipfile.ZipFile, name: str) -> str:
    """The file of an XLSX archive that holds a sheet."""
    sheets = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - in the child, and expat is recent
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    number = next(
        value for element in sheets.iter() if element.tag.endswith("}sheet") and element.get("name") == name
        for key, value in element.items() if key.endswith("}id")
    )  # fmt: skip
    target = next(link.get("Target", "") for link in links if link.get("Id") == number)
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


class _OpenDocumentSheet:
    """One pass over ``content.xml``: the formulas of one sheet, refused, and its cells merged over several rows."""

    def __init__(self, number: int, xml: bytes) -> None:
        self.merged: dict[_Place, int] = {}
        self._number = number
        self._sheet, self._row, self._column = -1, 0, 0
        self._rows = 1
        parser = expat.ParserCreate(namespace_separator="}")
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.Parse(xml, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition("}")[2]:
            case "table":
                self._sheet, self._row = self._sheet + 1, 0
            case "table-row":
                self._rows, self._column = int(attributes.get(f"{_ODS_TABLE}number-rows-repeated", 1)), 0
            case "table-cell" | "covered-table-cell" if self._sheet == self._number:
                if f"{_ODS_TABLE}formula" in attributes:
                    raise formula(self._row + 1, f"colonne {self._column + 1}")
                span = int(attributes.get(f"{_ODS_TABLE}number-rows-spanned", 1))
                if span > 1:
                    self.merged[self._row, self._column] = _lowest(self._row, self._row + span - 1)
                self._column += int(attributes.get(f"{_ODS_TABLE}number-columns-repeated", 1))

    def _end(self, name: str) -> None:
        if name.rpartition("}")[2] == "table-row":
            self._row += self._rows


def _lowest(top: int, bottom: int) -> int:
    return min(bottom, top + TALLEST)


def _records_of(content: bytes) -> bytes:
    """The stream of records of a workbook. Raises UnusableFile for another document, or one under a password."""
    with olefile.OleFileIO(io.BytesIO(content)) as container:
        if container.exists("EncryptedPackage"):
            raise password_protected()
        name = next((name for name in _STREAMS if container.exists(name)), None)
        if name is None:
            raise unusable("c'est un document d'une autre sorte, pas un classeur", advice=ADVICE)
        with container.openstream(name) as stream:
            records: bytes = stream.read()
    if any(kind == _ENCRYPTED for kind, _ in _records(records, 0)):
        raise password_protected()
    return records


def _refuse_formula(records: bytes, sheet: int) -> None:
    """Raise UnusableFile when a sheet, by its rank from 0, holds a formula."""
    starts = [struct.unpack_from("<I", body)[0] for kind, body in _records(records, 0) if kind == _SHEET]
    for kind, body in _records(records, starts[sheet]):
        if kind in _FORMULAS:
            row, column = struct.unpack_from("<HH", body)
            raise formula(row + 1, f"colonne {column + 1}")


def _records(content: bytes, start: int) -> Iterator[tuple[int, memoryview]]:
    """The records of the part that begins there, those of the charts within it included."""
    view, depth = memoryview(content), 0
    while start < len(view):
        kind, size = struct.unpack_from("<HH", view, start)
        start += 4 + size
        if start > len(view):
            break
        depth += (kind == _BEGIN) - (kind == _END)
        yield kind, view[start - size : start]
        if depth <= 0:
            return
    raise broken_workbook()
