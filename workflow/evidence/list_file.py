"""A list as a file has it: its columns, its rows, and the date that it seems to have (R91, R93)."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from states.french import listing
from workflow.database.file_tables import ListKind
from workflow.evidence.columns import ATTRIBUTE_TITLES, delegation_titles, is_of_delegations
from workflow.evidence.parser import ReadList, bare_attribute_rows, is_bare_attribute, read_rows
from workflow.settings.form_errors import quote
from workflow.spreadsheets.columns import Columns
from workflow.spreadsheets.reader import Table, TableRow, parse_day
from workflow.spreadsheets.unusable import unusable

ADVICE: Final = "désigner la colonne, ou corriger son titre dans le fichier"

_OLDEST: Final = timedelta(days=366)
"""Before that, a date in a file's name is hardly the day on which the list was drawn."""


def with_titles(kind: ListKind, table: Table) -> Table:
    """The same table; with titles when its lines are values of ``FrEduResDel``, which has none of its own."""
    if kind is not ListKind.DELEGATION or not is_bare_attribute(table):
        return table
    rows = (TableRow(0, ATTRIBUTE_TITLES), *(TableRow(line, cells) for line, cells in bare_attribute_rows(table)))
    return replace(table, rows=rows, signs_of_cut=None)


def read_list(kind: ListKind, table: Table, columns: Columns, *, is_complete: bool = False) -> ReadList:
    """Read every row. Raises UnusableFile: a column is missing, it is the other list or looks cut, no row can be taken.

    ``is_complete`` vouches for a file that looks cut (R91).
    """
    columns.refuse_if_incomplete(advice=ADVICE)
    _refuse_other_list(kind, columns)
    table.refuse_if_cut(is_complete=is_complete)
    return read_rows(kind, table.digest, columns.records())


def _refuse_other_list(kind: ListKind, columns: Columns) -> None:
    """Refuse the list of delegations given as that of RUPN, and the reverse: it would prove what it does not say."""
    said = delegation_titles(columns)
    if kind is ListKind.LISTING and is_of_delegations(columns):
        names = listing([f"« {quote(title, 30)} »" for title in said])
        raise unusable(
            f"les colonnes {names} sont celles de la liste des délégations", columns.titles.line,
            advice="donner la liste des RUPN, ou importer ce fichier comme liste des délégations",
        )  # fmt: skip
    if kind is ListKind.DELEGATION and not said:
        raise unusable(
            "aucune colonne ne dit l'application, le début, la fin ni l'auteur d'une délégation", columns.titles.line,
            advice="donner la liste des délégations, ou désigner une de ces colonnes",
        )  # fmt: skip


def likely_date(table: Table, columns: Columns, filename: str, today: date) -> date | None:
    """The day on which the list was drawn, as the file's name or what stands above its titles says it.

    None when they say none, several, or one that cannot be it: a date is proposed when it is sure, never guessed.
    """
    above = [cell for row in table.rows if row.line < columns.titles.line for cell in row.cells]
    days = {day for text in (filename, *above) for day in _days_of(text)}
    return days.pop() if len(days) == 1 and today - _OLDEST <= min(days) <= today else None


_DAY: Final = re.compile(
    r"(?<!\d)(?:\d{4}[-_.]\d{2}[-_.]\d{2}|\d{1,2}[-_./]\d{1,2}[-_./]\d{4}|20\d{6})(?!\d)"
    r"|(?<!\d)\d{1,2}(?:er)?\s[a-zéû]+\s\d{4}(?!\d)",
    re.IGNORECASE,
)


def _days_of(text: str) -> Iterable[date]:
    for match in _DAY.finditer(text):
        try:
            yield parse_day(match[0].replace("_", "-").replace(".", "-"))
        except ValueError:
            continue
