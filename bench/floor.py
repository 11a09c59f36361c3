"""The least that the sweep could cost: its rows written by ``executemany``, nothing read, no rule."""

import time
from itertools import groupby
from typing import Any

from sqlalchemy import select

from bench.bare import EVENT, LAST_DAY, MAIL, change, changed_by, event_of, insertion, mail_of
from bench.population import AFTER_END, BATCH, YEAR
from workflow.database.connection import Database
from workflow.database.tables import REQUEST


def durability(database: Database) -> str:
    """The settings under which both were timed."""
    with database.engine.connect() as connection:
        names: tuple[str, ...] = ("fsync", "synchronous_commit", "wal_level")
        if database.is_postgresql:
            return ", ".join(f"{n}={connection.exec_driver_sql(f'SHOW {n}').scalar()}" for n in names)
        names = ("journal_mode", "synchronous")
        return ", ".join(f"{n}={connection.exec_driver_sql(f'PRAGMA {n}').scalar()}" for n in names)


def floor(database: Database) -> float:
    """Seconds to write what a sweep writes; what must be known beforehand is read before the clock starts."""
    with database.read() as connection:
        rows = connection.execute(select(REQUEST).order_by(REQUEST.c.uai, REQUEST.c.reference)).all()
    mark = "%s" if database.is_postgresql else "?"
    at: Any = AFTER_END if database.is_postgresql else AFTER_END.strftime("%Y-%m-%d %H:%M:%S.%f")
    start = time.perf_counter()
    for first in range(0, len(rows), BATCH):
        with database.write() as connection:
            cursor = connection.connection.cursor()
            _write(cursor, mark, rows[first : first + BATCH], at)
    return time.perf_counter() - start


def _write(cursor: Any, mark: str, rows: Any, at: Any) -> None:
    events = [event_of(row, at) for row in rows]
    cursor.executemany(insertion("event", EVENT, mark), events)
    cursor.executemany(change(mark), [changed_by(row, e, at) for row, e in zip(rows, events, strict=True)])
    removals = [(r.reference, "remove_rights", at) for r in rows]
    cursor.executemany(insertion("removal_task", ("reference", "kind", "opened_at"), mark), removals)
    schools = {uai: list(group) for uai, group in groupby(rows, key=lambda r: r.uai)}
    cursor.executemany(insertion("outgoing_mail", MAIL, mark), [mail_of(u, group, at) for u, group in schools.items()])
    done = [(f"year-end:{YEAR}:{LAST_DAY}:{uai}", at, len(group)) for uai, group in schools.items()]
    cursor.executemany(insertion("occurrence", ("key", "at", "requests"), mark), done)
