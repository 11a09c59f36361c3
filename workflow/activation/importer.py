"""The import of « comptes activés »: the numbers of a day replace those of that day, counted in the journal (R100)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from notifications.sql import batches
from states.decision import Scalar
from states.model import Actor
from workflow.activation.reading import (
    Academie,
    ActivationRow,
    ReadRows,
    RefusedRow,
    SchoolOfAccounts,
    read_rows,
    require_numbers,
)
from workflow.database.connection import Database
from workflow.database.figure_tables import ACTIVATION
from workflow.database.tables import ESTABLISHMENT
from workflow.journal.chain import JournalHasher
from workflow.journal.installation import lock, record
from workflow.spreadsheets.columns import Columns

KIND: Final = "activation"
"""Names the choice of columns."""

_NUMBERS: Final = [column.name for column in ACTIVATION.c if column.name.endswith(("_accounts", "_activated"))]


@dataclass(frozen=True, kw_only=True, slots=True)
class GoneCount:
    """The numbers of a place that a day had, and that the file does not give any more."""

    counted_on: date
    place: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivationPlan:
    """What an import would change: ``unchanged`` counts the rows that are stored as they are."""

    new: tuple[ActivationRow, ...]
    changed: tuple[ActivationRow, ...]
    unchanged: int
    gone: tuple[GoneCount, ...]
    refused: tuple[RefusedRow, ...]

    @property
    def changes_something(self) -> bool:
        return bool(self.new or self.changed or self.gone)


def plan_import(
    connection: Connection, columns: Columns, *, departements: Sequence[str], today: date, default_day: date | None
) -> ActivationPlan:
    """Say what an import would change, writing nothing. Raises UnusableFile."""
    require_numbers(columns)
    academie = Academie(
        establishments=_establishments(connection), departements=departements, today=today, default_day=default_day
    )
    return _compared(connection, read_rows(columns.records(), academie))


def import_activation(
    database: Database, hasher: JournalHasher, columns: Columns, actor: Actor, now: datetime, *,
    departements: Sequence[str], today: date, default_day: date | None, digest: str,
) -> ActivationPlan:  # fmt: skip
    """Do it, in one transaction, and return what changed; nothing is written when nothing changes.

    ``digest``: that of the file, which is not kept. Raises UnusableFile, ClockRefused, DatabaseBusy.
    """
    with database.write() as connection:
        lock(connection)  # a second import waits, and is compared with what the first one wrote
        plan = plan_import(
            connection, columns, departements=departements, today=today, default_day=default_day
        )  # fmt: skip
        if not plan.changes_something:
            return plan
        replaced = [row.key for row in plan.changed] + [(gone.counted_on, gone.place) for gone in plan.gone]
        for day, place in replaced:
            connection.execute(delete(ACTIVATION).where(ACTIVATION.c.counted_on == day, ACTIVATION.c.place == place))
        for batch in batches((*plan.new, *plan.changed)):
            connection.execute(insert(ACTIVATION), [_stored(row) for row in batch])
        counts: dict[str, Scalar] = {
            "new": len(plan.new), "changed": len(plan.changed), "unchanged": plan.unchanged, "gone": len(plan.gone),
            "refused": len(plan.refused), "file": digest,
        }  # fmt: skip
        record(connection, hasher, "activation_imported", actor, now, counts)
    return plan


def _establishments(connection: Connection) -> dict[str, SchoolOfAccounts]:
    query = select(ESTABLISHMENT.c.uai, ESTABLISHMENT.c.departement, ESTABLISHMENT.c.kind)
    return {row.uai: SchoolOfAccounts(row.departement, row.kind) for row in connection.execute(query)}


def _compared(connection: Connection, read: ReadRows) -> ActivationPlan:
    """Compare the rows with those of the same days: the file says all of a day, so what it leaves out is gone."""
    days = {row.counted_on for row in read.rows}
    stored: dict[tuple[date, str], Mapping[str, Any]] = {}
    for batch in batches(sorted(days)):
        rows = connection.execute(select(ACTIVATION).where(ACTIVATION.c.counted_on.in_(batch))).mappings()
        stored |= {(row["counted_on"], row["place"]): row for row in rows}
    new = [row for row in read.rows if row.key not in stored]
    known = [row for row in read.rows if row.key in stored]
    changed = [row for row in known if any(stored[row.key][name] != row.numbers[name] for name in _NUMBERS)]
    given = {row.key for row in read.rows}
    gone = [GoneCount(counted_on=day, place=place) for day, place in sorted(stored.keys() - given)]
    return ActivationPlan(
        new=tuple(new), changed=tuple(changed), unchanged=len(known) - len(changed), gone=tuple(gone),
        refused=read.refused,
    )  # fmt: skip


def _stored(row: ActivationRow) -> dict[str, Any]:
    return {
        "counted_on": row.counted_on, "place": row.place, "departement": row.departement, **row.numbers
    }  # fmt: skip
