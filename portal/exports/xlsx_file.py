"""XLSX files by XlsxWriter, row after row: every text is written as one, so that nothing can be a formula."""

from datetime import date, datetime
from tempfile import TemporaryDirectory
from typing import IO, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from portal.exports.cells import Cell, Ratio, cell_of
from portal.exports.sheet import Sheet

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
