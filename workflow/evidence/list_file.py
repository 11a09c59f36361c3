"""A list as a file has it: its columns, its rows, and the date that it seems to have (R91, R93)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import BinaryIO, Final

from workflow.database.evidence_tables import ListKind
from workflow.evidence.columns import columns_of
from workflow.evidence.parser import ReadList, bare_attribute_records, is_bare_attribute, read_rows
from workflow.spreadsheets.columns import Choice, Columns, recognise
from workflow.spreadsheets.reader import Table, parse_day, read_table

MOST_BYTES: Final = 10_000_000
"""Bytes of a list: 20,000 rows take 3 MB."""

MOST_ROWS: Final = 50_000

ADVICE: Final = "désigner la colonne, ou corriger son titre dans le fichier"

_OLDEST: Final = timedelta(days=366)
"""Before that, a date in a file's name is hardly the day on which the list was drawn."""


@dataclass(frozen=True, slots=True)
class ListFile:
    """A table of one kind of list; ``columns`` None when its lines are values of ``FrEduResDel``, without titles."""

    kind: ListKind
    table: Table
    columns: Columns | None

    def read(self, *, is_complete: bool = False) -> ReadList:
        """Read every row. Raises UnusableFile: a column is missing, the file looks cut, no row can be taken.

        ``is_complete`` vouches for a file that looks cut (R91).
        """
        if self.columns is None:
            return read_rows(self.kind, self.table.digest, bare_attribute_records(self.table))
        self.columns.refuse_if_incomplete(advice=ADVICE)
        self.table.refuse_if_cut(is_complete=is_complete)
        return read_rows(self.kind, self.table.digest, self.columns.records())

    def likely_date(self, filename: str, today: date) -> date | None:
        """The day on which the list was drawn, as the file's name or what stands above its titles says it.

        None when they say none, several, or one that cannot be it: a date is proposed when it is sure, never guessed.
        """
        above = [row for row in self.table.rows if self.columns and row.line < self.columns.titles.line]
        days = {*_days_of(filename), *(day for row in above for cell in row.cells for day in _days_of(cell))}
        return days.pop() if len(days) == 1 and today - _OLDEST <= min(days) <= today else None


def list_file(kind: ListKind, table: Table, choice: Choice | None = None) -> ListFile:
    """Recognise the columns of a list; ``choice`` says where some are. Raises UnusableFile on a wrong choice."""
    if kind is ListKind.DELEGATION and is_bare_attribute(table):
        return ListFile(kind, table, None)
    return ListFile(kind, table, recognise(table, columns_of(kind, table), choice))


def open_list(kind: ListKind, file: BinaryIO, choice: Choice | None = None) -> ListFile:
    """Read a binary file as a list. Raises UnusableFile."""
    return list_file(kind, read_table(file, most_bytes=MOST_BYTES, most_rows=MOST_ROWS), choice)


_DAY: Final = re.compile(
    r"(?<!\d)(?:\d{4}[-_.]\d{2}[-_.]\d{2}|\d{1,2}[-_./]\d{1,2}[-_./]\d{4}|20\d{6})(?!\d)"
    r"|(?<!\d)\d{1,2}(?:er)?\s[a-zéû]+\s\d{4}(?!\d)",
    re.IGNORECASE,
)


def _days_of(text: str) -> Iterable[date]:
    for match in _DAY.finditer(text):
        written = match[0].replace("_", "-").replace(".", "-")
        try:
            yield parse_day(written)
        except ValueError:
            continue
