"""Writes a plan: the only statements of the software that change a request (R8)."""

from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, update

from workflow import tables
from workflow.loading import REMOVAL, REPORT
from workflow.plan import Plan, Row
from workflow.rows import REQUEST, table_of

EVENT = table_of(tables.Event)
NOTE = table_of(tables.EventNote)


class LostRace(Exception):
    """A row was not as it had been loaded: the transaction is rolled back and tried again."""


def write(connection: Connection, plan: Plan) -> None:
    """Events first: the database refuses a state whose event is not there (see the triggers of the schema)."""
    _insert(connection, EVENT, plan.events)
    _insert(connection, NOTE, plan.notes)
    _insert(connection, REQUEST, plan.births)
    for columns, rows in plan.changes.items():
        where = (REQUEST.c.reference == bindparam("b_reference"), REQUEST.c.version == bindparam("b_version"))
        _update(connection, REQUEST, where, columns, rows)
    _insert(connection, REMOVAL, plan.removals)
    one = (REMOVAL.c.reference == bindparam("b_reference"), REMOVAL.c.outcome.is_(None))
    _update(connection, REMOVAL, one, ("outcome", "closed_at"), plan.removals_closed)
    _insert(connection, REPORT, plan.reports)
    numbered = (REPORT.c.reference == bindparam("b_reference"), REPORT.c.number == bindparam("b_number"))
    _update(connection, REPORT, numbered, ("settlement", "settled_at"), plan.reports_settled)


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _update(
    connection: Connection, table: Table, where: tuple[Any, ...], columns: tuple[str, ...], rows: list[Row]
) -> None:
    """One prepared statement for all the rows. Raises LostRace when one of them no longer was as loaded."""
    if not rows:
        return
    statement = update(table).where(*where).values({name: bindparam(name) for name in columns})
    result = connection.execute(statement, rows)
    if result.rowcount != len(rows):
        raise LostRace
