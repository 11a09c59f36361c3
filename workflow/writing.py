"""Writes a plan: the only statements of the software that change a request (R8)."""

from sqlalchemy import Connection, Table

from notifications.bulk import insert_rows, update_rows
from notifications.bulk_arrays import Row
from workflow import tables
from workflow.plan import Plan
from workflow.rows import REMOVAL, REPORT, REQUEST, table_of

EVENT = table_of(tables.Event)
NOTE = table_of(tables.EventNote)


class LostRace(Exception):
    """A row was not as it had been loaded: the transaction is rolled back and tried again."""


def write(connection: Connection, plan: Plan) -> None:
    """Events first: the database refuses a state whose event is not there (see the guards of the schema)."""
    insert_rows(connection, EVENT, plan.events)
    insert_rows(connection, NOTE, plan.notes)
    insert_rows(connection, REQUEST, plan.births)
    for columns, rows in plan.changes.items():
        _update(connection, REQUEST, ("reference", "version"), columns, rows)
    insert_rows(connection, REMOVAL, plan.removals)
    _update(connection, REMOVAL, ("reference",), ("outcome", "closed_at"), plan.removals_closed)
    insert_rows(connection, REPORT, plan.reports)
    _update(connection, REPORT, ("reference", "number"), ("settlement", "settled_at"), plan.reports_settled)


def _update(
    connection: Connection, table: Table, keys: tuple[str, ...], columns: tuple[str, ...], rows: list[Row]
) -> None:
    """Raises LostRace when a row no longer was as it had been loaded."""
    if update_rows(connection, table, keys, columns, rows) != len(rows):
        raise LostRace
