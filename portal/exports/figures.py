"""The figures as a workbook: a sheet a table, percentages as the spreadsheet writes them (R92, R99)."""

from collections.abc import Iterable, Sequence

from portal.exports.cells import Ratio, Row
from portal.exports.sheet import Sheet
from portal.exports.workbook import Workbook
from workflow.figures.account import FiguresAccount
from workflow.figures.tables import Cell, FigureTable, Share


def figures_workbook(account: FiguresAccount, tables: Iterable[FigureTable]) -> Workbook:
    """The figures at two dates; nobody is named."""
    stem = f"chiffres-{account.now.day}-{account.before.day}"
    return Workbook(stem, [Sheet(table.title, table.headings, map(_row, table.rows)) for table in tables])


def _row(row: Sequence[Cell]) -> Row:
    return [Ratio(cell / 100) if isinstance(cell, Share) else cell for cell in row]
