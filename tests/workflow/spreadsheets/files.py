"""Workbooks made by tests, as Excel and LibreOffice save them."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from odfdo import Cell, Document, Row, Table

Rows = Sequence[Sequence[Any]]

OLD_EXCEL = Path(__file__).with_name("old_excel.xls").read_bytes()
"""As Excel 97 to 2003 saves: titles, then three rows, the first cells of the last two merged."""


def xlsx_of(rows: Rows, *, merged: Sequence[tuple[int, int, int, int]] = (), sheet: str = "Liste") -> bytes:
    """A workbook of one sheet; ``merged`` are (first row, first column, last row, last column), from 0."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        page = workbook.add_worksheet(sheet)
        day = workbook.add_format({"num_format": "dd/mm/yyyy"})
        hour = workbook.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        for line, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if isinstance(cell, date):
                    page.write_datetime(line, column, cell, hour if isinstance(cell, datetime) else day)
                elif cell is not None:
                    page.write(line, column, cell)
        for place in merged:
            page.merge_range(*place, rows[place[0]][place[1]])
    return file.getvalue()


def ods_of(rows: Rows, *, merged: Sequence[tuple[int, int, int, int]] = (), sheet: str = "Liste") -> bytes:
    document = Document("spreadsheet")
    document.body.clear()
    table = Table(sheet)
    for cells in rows:
        row = Row()
        for cell in cells:
            is_formula = isinstance(cell, str) and cell.startswith("=")
            row.append_cell(Cell(7, formula=f"of:{cell}") if is_formula else Cell(cell))
        table.append_row(row)
    for top, left, bottom, right in merged:
        table.set_span((left, top, right, bottom))
    document.body.append(table)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()
