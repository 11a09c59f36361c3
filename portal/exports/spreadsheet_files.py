"""A workbook of one sheet or several as CSV, XLSX or ODS, for pages and commands, row after row (R92).

XLSX is written by XlsxWriter and ODS by hand, in memory that does not grow with the rows; no text can be a formula. A
library that holds an ODS document (odfdo) takes 31 times as long for 5 times the rows; the parts are those of
OpenDocument 1.3: a sheet with its first row as headings, frozen, with filters.
"""

import re
import unicodedata
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from io import BytesIO
from itertools import chain, islice
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Final, Self
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from notifications.rendering.markup import NBSP, csv_cell, one_line, short_day
from states.vocabulary import Labelled

if TYPE_CHECKING:  # a child process imports this module, which needs neither the library nor a database
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

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

_OPTIONS: Final = {
    "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False, "use_future_functions": False,
}  # fmt: skip

_MEDIA_TYPE: Final = "application/vnd.oasis.opendocument.spreadsheet"
_CM_A_CHARACTER: Final = 0.2

_NAMESPACES: Final = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office", "table": "table", "text": "text", "style": "style", "number": "datastyle",
        "fo": "xsl-fo-compatible", "config": "config", "manifest": "manifest",
    }.items()
)  # fmt: skip

_DAY: Final = (
    '<number:day number:style="long"/><number:text>/</number:text><number:month number:style="long"/>'
    '<number:text>/</number:text><number:year number:style="long"/>'
)

_HOUR: Final = (
    '<number:text> </number:text><number:hours number:style="long"/><number:text>:</number:text>'
    '<number:minutes number:style="long"/>'
)

_STYLES: Final = (
    f'<number:date-style style:name="n-day">{_DAY}</number:date-style>'
    f'<number:date-style style:name="n-instant">{_DAY}{_HOUR}</number:date-style>'
    '<number:percentage-style style:name="n-ratio"><number:number number:decimal-places="1"'
    ' number:min-integer-digits="1"/><number:text> %</number:text></number:percentage-style>'
    '<style:style style:name="heading" style:family="table-cell"><style:table-cell-properties'
    ' fo:border-bottom="0.5pt solid #000000"/><style:text-properties fo:font-weight="bold"/></style:style>'
    + "".join(
        f'<style:style style:name="{kind}" style:family="table-cell" style:data-style-name="n-{kind}"/>'
        for kind in ("day", "instant", "ratio")
    )
)

_MANIFEST: Final = (
    f'<manifest:manifest {_NAMESPACES} manifest:version="1.3">'
    f'<manifest:file-entry manifest:full-path="/" manifest:version="1.3" manifest:media-type="{_MEDIA_TYPE}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
    '<manifest:file-entry manifest:full-path="settings.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)

_FROZEN: Final = "".join(
    f'<config:config-item config:name="{name}" config:type="{kind}">{value}</config:config-item>'
    for name, kind, value in (
        ("VerticalSplitMode", "short", 2), ("VerticalSplitPosition", "int", 1), ("ActiveSplitRange", "short", 2),
        ("PositionTop", "int", 0), ("PositionBottom", "int", 1),
    )
)  # fmt: skip
"""The first row stays on the screen."""

_FORBIDDEN: Final = re.compile(r"[\[\]:*?/\\]")

_LONGEST_NAME: Final = 31
"""What Excel refuses in the name of a sheet, and its length."""


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


def write_xlsx(file: IO[bytes], sheets: dict[str, Sheet], *, on_disk: bool = True) -> None:
    """Write each sheet under its name.

    With ``on_disk`` the rows wait in a temporary folder and the memory does not grow; without it, all is in memory.
    """
    import xlsxwriter

    with TemporaryDirectory(prefix="oda-export-") as folder:
        where = {"constant_memory": True, "tmpdir": folder} if on_disk else {"in_memory": True}
        with xlsxwriter.Workbook(file, {**_OPTIONS, **where}) as workbook:
            heading = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
            formats = {
                str: workbook.add_format({"quote_prefix": True}),
                date: workbook.add_format({"num_format": "dd/mm/yyyy"}),
                datetime: workbook.add_format({"num_format": "dd/mm/yyyy hh:mm"}),
                Ratio: workbook.add_format({"num_format": "0.0%"}),
            }
            for name, sheet in sheets.items():
                page = workbook.add_worksheet(name)
                widths, rows = sheet.measured()
                for column, (width, title) in enumerate(zip(widths, sheet.headings, strict=True)):
                    page.set_column(column, column, width)
                    page.write_string(0, column, title, heading)
                number = 0
                for row in rows:
                    number += 1
                    for column, value in enumerate(row):
                        _write_cell(page, number, column, cell_of(value), formats)
                page.autofilter(0, 0, number, len(widths) - 1)
                page.freeze_panes(1, 0)
                page.repeat_rows(0)
                page.set_landscape()
                page.set_paper(9)  # A4
                page.fit_to_pages(1, 0)


def _write_cell(page: "Worksheet", row: int, column: int, cell: Cell, formats: "dict[type, Format]") -> None:
    """Write one cell; a text that a spreadsheet would take for a formula when it is typed again is marked as text."""
    if isinstance(cell, str):
        if cell:
            page.write_string(row, column, cell, formats[str] if cell[0] in "=+-@" else None)
    elif isinstance(cell, datetime):
        page.write_datetime(row, column, cell.replace(tzinfo=None), formats[datetime])
    elif isinstance(cell, date):
        page.write_datetime(row, column, cell, formats[date])
    elif cell is not None:
        page.write_number(row, column, cell, formats[Ratio] if isinstance(cell, Ratio) else None)


def write_ods(file: IO[bytes], sheets: dict[str, Sheet]) -> None:
    """Write each sheet under its name, in memory that does not grow with the rows, and on no other disk."""
    from notifications.sql import batches

    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", _MEDIA_TYPE, ZIP_STORED)  # first, so that the file says at once what it is
        archive.writestr("META-INF/manifest.xml", _document(_MANIFEST))
        tables = "".join(
            f"<config:config-item-map-entry config:name={quoteattr(name)}>{_FROZEN}</config:config-item-map-entry>"
            for name in sheets
        )
        archive.writestr("settings.xml", _document(
            f'<office:document-settings {_NAMESPACES} xmlns:ooo="http://openoffice.org/2004/office"'
            ' office:version="1.3">'
            '<office:settings><config:config-item-set config:name="ooo:view-settings">'
            '<config:config-item-map-indexed config:name="Views"><config:config-item-map-entry>'
            '<config:config-item config:name="ViewId" config:type="string">view1</config:config-item>'
            f'<config:config-item-map-named config:name="Tables">{tables}</config:config-item-map-named>'
            "</config:config-item-map-entry></config:config-item-map-indexed></config:config-item-set>"
            "</office:settings></office:document-settings>"
        ))  # fmt: skip
        with archive.open("content.xml", "w", force_zip64=True) as content:
            for pieces in batches(_content(sheets), ROWS_AT_A_TIME):
                content.write("".join(pieces).encode())


def _document(root: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}'


def _content(sheets: dict[str, Sheet]) -> Iterator[str]:
    from xlsxwriter.utility import xl_col_to_name

    widths = "".join(
        f'<style:style style:name="w{width}" style:family="table-column"><style:table-column-properties'
        f' style:column-width="{width * _CM_A_CHARACTER:.1f}cm"/></style:style>'
        for width in range(NARROWEST, WIDEST + 1)
    )
    yield _document(
        f'<office:document-content {_NAMESPACES} office:version="1.3"><office:automatic-styles>{_STYLES}{widths}'
        "</office:automatic-styles><office:body><office:spreadsheet>"
    )
    ranges: list[str] = []  # those whose headings offer filters
    for name, sheet in sheets.items():
        last_row = yield from _table(name, sheet)
        quoted = "'{}'".format(name.replace("'", "''"))
        last_column = xl_col_to_name(len(sheet.headings) - 1)
        address = quoteattr(f"{quoted}.A1:{quoted}.{last_column}{last_row}")
        ranges.append(
            f'<table:database-range table:name="filters{len(ranges)}" table:target-range-address={address}'
            ' table:display-filter-buttons="true"/>'
        )
    yield f"<table:database-ranges>{''.join(ranges)}</table:database-ranges>"
    yield "</office:spreadsheet></office:body></office:document-content>"


def _table(name: str, sheet: Sheet) -> Generator[str, None, int]:
    """Yield the sheet, and return the number of its last row."""
    widths, rows = sheet.measured()
    yield f"<table:table table:name={quoteattr(name)}>"
    yield from (f'<table:table-column table:style-name="w{width}"/>' for width in widths)
    headings = "".join(_text_cell(heading, ' table:style-name="heading"') for heading in sheet.headings)
    yield f"<table:table-header-rows><table:table-row>{headings}</table:table-row></table:table-header-rows>"
    last_row = 1
    for row in rows:
        last_row += 1
        yield f"<table:table-row>{''.join(_table_cell(cell_of(value)) for value in row)}</table:table-row>"
    yield "</table:table>"
    return last_row


def _text_cell(text: str, style: str = "") -> str:
    return f'<table:table-cell{style} office:value-type="string"><text:p>{escape(text)}</text:p></table:table-cell>'


def _table_cell(cell: Cell) -> str:
    """One cell; a text is one, whatever it begins with."""
    if cell is None or cell == "":
        return "<table:table-cell/>"
    if isinstance(cell, str):
        return _text_cell(cell)
    if isinstance(cell, date):
        style, iso = ("instant", "%Y-%m-%dT%H:%M:%S") if isinstance(cell, datetime) else ("day", "%Y-%m-%d")
        kind = f'table:style-name="{style}" office:value-type="date" office:date-value="{cell:{iso}}"'
    elif isinstance(cell, Ratio):
        kind = f'table:style-name="ratio" office:value-type="percentage" office:value="{float(cell)!r}"'
    else:
        kind = f'office:value-type="float" office:value="{cell!r}"'
    return f"<table:table-cell {kind}><text:p>{shown(cell)}</text:p></table:table-cell>"


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
        elif file_format is FileFormat.XLSX:
            write_xlsx(file, self._named_sheets())
        else:
            write_ods(file, self._named_sheets())

    def content(self, file_format: FileFormat) -> bytes:
        """The whole file, which no disk has seen: for what is secret, and not too long. Raises TooManyRows."""
        file = BytesIO()
        if file_format is FileFormat.XLSX:
            write_xlsx(file, self._named_sheets(), on_disk=False)
        else:
            self.write(file_format, file)
        return file.getvalue()

    def _csv(self) -> Iterator[str]:
        """The only sheet, or each after a line with its title, an empty line between two.

        As Excel and LibreOffice read them in French: semicolons, and no cell that is a formula.
        """
        from notifications.sql import batches

        for number, sheet in enumerate(self.sheets):
            yield "\r\n" if number else "\ufeff"
            title = [(sheet.title,)] if len(self.sheets) > 1 else []
            rows = chain(title, [sheet.headings], sheet.rows)
            lines = (";".join(map(_csv_cell, row)) + "\r\n" for row in rows)
            yield from map("".join, batches(lines, ROWS_AT_A_TIME))

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


def _csv_cell(value: object) -> str:
    if isinstance(value, (int, float, datetime)) and not isinstance(value, bool):
        return shown(value)  # a number may begin with a minus, and is no formula
    return csv_cell(value)
