"""XLSX files by XlsxWriter and ODS files by hand, row after row, in memory that does not grow with them (R92).

No text can be a formula. A library that holds an ODS document (odfdo) takes 31 times as long for 5 times the rows; the
parts are those of OpenDocument 1.3: a sheet with its first row as headings, frozen, with filters.
"""

from collections.abc import Generator, Iterable, Iterator
from datetime import date, datetime
from tempfile import TemporaryDirectory
from typing import IO, Final
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from notifications.sql import batches
from portal.exports.sheet import NARROWEST, ROWS_AT_A_TIME, WIDEST, Cell, Ratio, Sheet, cell_of, shown

_OPTIONS: Final = {
    "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False, "use_future_functions": False,
}  # fmt: skip


def write_xlsx(file: IO[bytes], sheets: dict[str, Sheet], *, on_disk: bool = True) -> None:
    """Write each sheet under its name.

    With ``on_disk`` the rows wait in a temporary folder and the memory does not grow; without it, all is in memory.
    """
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
                _write_sheet(workbook.add_worksheet(name), sheet, heading, formats)


def _write_sheet(page: Worksheet, sheet: Sheet, heading: Format, formats: dict[type, Format]) -> None:
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


def _write_cell(page: Worksheet, row: int, column: int, cell: Cell, formats: dict[type, Format]) -> None:
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


def write_ods(file: IO[bytes], sheets: dict[str, Sheet]) -> None:
    """Write each sheet under its name, in memory that does not grow with the rows, and on no other disk."""
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", _MEDIA_TYPE, ZIP_STORED)  # first, so that the file says at once what it is
        archive.writestr("META-INF/manifest.xml", _document(_MANIFEST))
        archive.writestr("settings.xml", _document(_settings(sheets)))
        with archive.open("content.xml", "w", force_zip64=True) as content:
            for pieces in batches(_content(sheets), ROWS_AT_A_TIME):
                content.write("".join(pieces).encode())


def _document(root: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}'


def _settings(sheets: Iterable[str]) -> str:
    tables = "".join(
        f"<config:config-item-map-entry config:name={quoteattr(name)}>{_FROZEN}</config:config-item-map-entry>"
        for name in sheets
    )
    return (
        f'<office:document-settings {_NAMESPACES} xmlns:ooo="http://openoffice.org/2004/office" office:version="1.3">'
        '<office:settings><config:config-item-set config:name="ooo:view-settings">'
        '<config:config-item-map-indexed config:name="Views"><config:config-item-map-entry>'
        '<config:config-item config:name="ViewId" config:type="string">view1</config:config-item>'
        f'<config:config-item-map-named config:name="Tables">{tables}</config:config-item-map-named>'
        "</config:config-item-map-entry></config:config-item-map-indexed></config:config-item-set>"
        "</office:settings></office:document-settings>"
    )


def _content(sheets: dict[str, Sheet]) -> Iterator[str]:
    widths = "".join(
        f'<style:style style:name="w{width}" style:family="table-column"><style:table-column-properties'
        f' style:column-width="{width * _CM_A_CHARACTER:.1f}cm"/></style:style>'
        for width in range(NARROWEST, WIDEST + 1)
    )
    yield _document(
        f'<office:document-content {_NAMESPACES} office:version="1.3"><office:automatic-styles>{_STYLES}{widths}'
        "</office:automatic-styles><office:body><office:spreadsheet>"
    )
    ranges: list[str] = []
    for name, sheet in sheets.items():
        last_row = yield from _table(name, sheet)
        ranges.append(_filtered(name, len(ranges), len(sheet.headings), last_row))
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


def _filtered(name: str, number: int, columns: int, last_row: int) -> str:
    """The range of a sheet whose headings offer filters."""
    quoted = "'{}'".format(name.replace("'", "''"))
    address = quoteattr(f"{quoted}.A1:{quoted}.{_letters(columns)}{last_row}")
    return (
        f'<table:database-range table:name="filters{number}" table:target-range-address={address}'
        ' table:display-filter-buttons="true"/>'
    )


def _letters(column: int) -> str:
    """The name of a column, from 1: A, Z, AA."""
    name = ""
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
