"""The columns that a person chose by hand, kept for the next file that has the same titles (R91)."""

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import select

from notifications.ports import Clock
from notifications.sql import upsert
from workflow.database.connection import Database
from workflow.database.file_tables import COLUMN_CHOICES as C
from workflow.spreadsheets.columns import (
    Choice,
    Columns,
    ColumnSpec,
    named_choice,
    recognise,
    titles_digest,
    titles_row,
)
from workflow.spreadsheets.reader import Table
from workflow.spreadsheets.unusable import UnusableFile


class ColumnChoices:
    """The choices of this installation, by kind of import and print of the titles; no one's data is in them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def recognise(
        self, kind: str, table: Table, specs: Sequence[ColumnSpec], choice: Choice | None = None,
        named: Mapping[str, str] | None = None,
    ) -> Columns:  # fmt: skip
        """Find the columns of a table: as ``choice`` says, else as a person last said for the same titles.

        ``named`` is a choice as a command says it, of some columns. Raises UnusableFile when a choice cannot be; a kept
        one that no longer can is left aside.
        """
        if named:
            choice = named_choice(named, titles_row(table, specs), specs)
        if choice is not None:
            return recognise(table, specs, choice)
        kept = self.find(kind, titles_digest(titles_row(table, specs)))
        try:
            return recognise(table, specs, kept)
        except UnusableFile:
            return recognise(table, specs)

    def find(self, kind: str, titles: str) -> Choice | None:
        """The choice kept for these titles."""
        query = select(C.c.places).where(C.c.kind == kind, C.c.titles == titles)
        with self._database.read() as connection:
            places = connection.execute(query).scalar_one_or_none()
        return None if places is None else json.loads(places)

    def keep(self, kind: str, columns: Columns) -> None:
        """Keep where the columns of a table are: those that it has not are kept as not being there."""
        places = {spec.key: columns.places.get(spec.key) for spec in columns.specs}
        row = {
            "kind": kind, "titles": columns.digest, "places": json.dumps(places), "chosen_at": self._clock.now(),
        }  # fmt: skip
        with self._database.write() as connection:
            connection.execute(upsert(connection, C, row, ["kind", "titles"]))
