"""The statements of an import: one query to read, one to insert, one to update, whatever the number of rows."""

from sqlalchemy import Connection, bindparam, insert, select, text, update

from states.vocabulary import State
from workflow.directory.comparison import WRITTEN, Comparison, Row
from workflow.directory.imported import Stranded
from workflow.rows import ESTABLISHMENT, REQUEST

_IMPORTS = 0x0DA_1  # any number: imports alone take this lock of PostgreSQL


def one_import_at_a_time(connection: Connection) -> None:
    """Two imports at once would both insert the same newcomer; SQLite has one writer already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _IMPORTS})


def known_rows(connection: Connection, *, lock: bool) -> list[Row]:
    """Every establishment; locked in the order of the UAI, as the engine does, when it is to be written (R9)."""
    query = select(ESTABLISHMENT).order_by(ESTABLISHMENT.c.uai)
    if lock:
        query = query.with_for_update(key_share=True)
    return [dict(row) for row in connection.execute(query).mappings()]


def write(connection: Connection, comparison: Comparison) -> None:
    """Insert the newcomers, update the others."""
    if comparison.births:
        connection.execute(insert(ESTABLISHMENT), comparison.births)
    if comparison.updates:
        changed = update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == bindparam("b_uai"))
        rows = [{"b_uai": row["uai"]} | {name: row[name] for name in WRITTEN} for row in comparison.updates]
        connection.execute(changed.values({name: bindparam(name) for name in WRITTEN}), rows)


def stranded(connection: Connection, closed: set[str]) -> tuple[Stranded, ...]:
    """The live requests of closed establishments: a few thousand live ones at most, filtered here."""
    if not closed:
        return ()
    live = select(REQUEST.c.reference, REQUEST.c.uai).where(REQUEST.c.state != State.REVOKED.value)
    rows = connection.execute(live.order_by(REQUEST.c.uai, REQUEST.c.reference))
    return tuple(Stranded(row.reference, row.uai) for row in rows if row.uai in closed)
