"""The automatic revocation: every live request of an ended school year, once (R50, R54)."""

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from notifications.ports import crash_point
from notifications.sql import insert_rows
from states.commands import Expire
from states.decision import RequestEvent
from states.model import Actor
from states.school_calendar import SchoolYear, YearEnd
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REQUEST
from workflow.engine.engine import ATTEMPTS, ConcurrentUpdate, Engine, WriteBatch
from workflow.engine.loader import Loader
from workflow.journal import installation
from workflow.year_end.holds import done_key

BATCH = 1000


BATCH_SQLITE = 700
"""Requests a transaction; on SQLite fewer, for its writers wait for each other."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """Number of requests that one sweep revoked; ``finished`` when the year is over for good."""

    revoked: int
    finished: bool


class Sweep:
    """Revoke by establishment, in bounded batches, each its own transaction; any number may run at once."""

    def __init__(self, engine: Engine, close: Callable[[Connection, YearEnd, int, datetime], None]) -> None:
        """``close`` writes the operators' report in the transaction that closes the year."""
        self._engine = engine
        self._close = close
        self._size = BATCH if engine.database.is_postgresql else BATCH_SQLITE

    def run(self, end: YearEnd, actor: Actor, progress: Callable[[int], None] = lambda _: None) -> SweepResult:
        """Revoke what is left of the year. ``progress`` is told how many more after each batch."""
        total = 0
        after: str | None = ""
        with gc_frozen():
            while after is not None:
                after, revoked = self._batch(end, actor, after)
                total += revoked
                if revoked:
                    progress(revoked)
                    crash_point("sweep.between_batches")
        return SweepResult(total, self._finish(end))

    def _batch(self, end: YearEnd, actor: Actor, after: str) -> tuple[str | None, int]:
        """Return the last establishment of the batch, None past the end, and how many requests it revoked.

        PostgreSQL plans under the locks of the establishments, which other nodes skip. SQLite plans before it takes
        the writer's lock, so as to hold it briefly; a request that changed in between makes it plan again.
        """
        database, now = self._engine.database, self._engine.clock.now()
        if database.is_postgresql:
            with database.write() as connection:
                last, plan = self._plan(connection, end, actor, after, now, lock=True)
                return last, self._write(connection, end, plan, now)
        for attempt in range(ATTEMPTS):
            with database.read() as connection:
                last, plan = self._plan(connection, end, actor, after, now, lock=False)
            try:
                with database.write() as connection:
                    return last, self._write(connection, end, plan, now)
            except (ConcurrentUpdate, IntegrityError):
                time.sleep(0.01 * attempt)  # another process swept it in between: its event is there already
        raise ConcurrentUpdate

    def _plan(
        self, connection: Connection, end: YearEnd, actor: Actor, after: str, now: datetime, *, lock: bool
    ) -> tuple[str | None, WriteBatch]:
        """Plan the revocations of the next establishments; the run and the preview share it (R53)."""
        uais = sorted(set(connection.execute(_live(end.school_year, after, self._size)).scalars().all()))
        if not uais:
            return None, WriteBatch()
        return uais[-1], self._plan_of(connection, end, actor, uais, now, lock=lock)

    def _plan_of(
        self, connection: Connection, end: YearEnd, actor: Actor, uais: Sequence[str], now: datetime, *, lock: bool
    ) -> WriteBatch:
        query = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(uais)).order_by(ESTABLISHMENT.c.uai)
        if lock:  # less those that another node is at (PostgreSQL)
            query = query.with_for_update(key_share=True, skip_locked=True)
        rows = connection.execute(query).all()
        loader = Loader(connection, lambda _c, _r: {}, locked=rows)
        facts = loader.load_year(str(end.school_year), {row.uai for row in rows})
        commands = [Expire(reference=reference) for reference in facts.requests]
        return self._engine.plan(facts, commands, actor, now)

    def _write(self, connection: Connection, end: YearEnd, plan: WriteBatch, now: datetime) -> int:
        if plan.events:
            self._engine.write(connection, plan, now)
            _count(connection, end, [event.request.uai for event in plan.events], now)
            crash_point("sweep.before_commit")
        return len(plan.events)

    def _finish(self, end: YearEnd) -> bool:
        """Close the year once nothing of it is live: one report, however many nodes swept (R54)."""
        now = self._engine.clock.now()
        with self._engine.database.write() as connection:
            installation.lock(connection)
            if connection.execute(_live(end.school_year, "", 1)).first():
                return False
            key = done_key(end)
            counts = select(OCCURRENCE.c.requests).where(OCCURRENCE.c.key.like(f"{key}:%"))
            total = sum(connection.execute(counts).scalars())
            before = connection.execute(select(OCCURRENCE.c.requests).where(OCCURRENCE.c.key == key)).scalar()
            if before == total:
                return True
            _upsert(connection, key, total, now, exists=before is not None)
            self._close(connection, end, total, now)
            crash_point("sweep.before_close")
        return True

    def preview(
        self, connection: Connection, end: YearEnd, actor: Actor, now: datetime
    ) -> Iterator[Sequence[RequestEvent]]:
        """Yield what the sweep would do at ``now``, by the same plan, writing nothing (R53)."""
        after: str | None = ""
        while after is not None:
            after, plan = self._plan(connection, end, actor, after, now, lock=False)
            yield plan.events

    def preview_of(
        self, connection: Connection, end: YearEnd, actor: Actor, uais: Sequence[str], now: datetime
    ) -> Sequence[RequestEvent]:
        """Return the same for these establishments alone, few enough for one query."""
        return self._plan_of(connection, end, actor, uais, now, lock=False).events


def _live(year: SchoolYear, after: str, limit: int) -> Any:
    """The establishments that follow ``after`` and have a live request of the year."""
    return (
        select(REQUEST.c.uai)
        .where(REQUEST.c.school_year == str(year), IS_LIVE, REQUEST.c.uai > after)
        .order_by(REQUEST.c.uai)
        .limit(limit)
    )


@contextmanager
def gc_frozen() -> Iterator[None]:
    """Freeze long-lived objects so that the garbage collector skips them during the sweep."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _count(connection: Connection, end: YearEnd, revoked: list[str], now: datetime) -> None:
    """Record how many requests each establishment lost, under its occurrence's key (R50)."""
    counts = Counter(f"{done_key(end)}:{uai}" for uai in revoked)
    if not counts:
        return
    stored = select(OCCURRENCE.c.key, OCCURRENCE.c.requests).where(OCCURRENCE.c.key.in_(counts))
    totals = {row.key: row.requests for row in connection.execute(stored).all()}
    new_rows = [{"key": key, "at": now, "requests": n} for key, n in sorted(counts.items()) if key not in totals]
    if new_rows:
        insert_rows(connection, OCCURRENCE, new_rows)
    for key, before in totals.items():
        _upsert(connection, key, before + counts[key], now, exists=True)


def _upsert(connection: Connection, key: str, count: int, now: datetime, *, exists: bool) -> None:
    if exists:
        connection.execute(update(OCCURRENCE).where(OCCURRENCE.c.key == key).values(requests=count, at=now))
    else:
        connection.execute(insert(OCCURRENCE), [{"key": key, "at": now, "requests": count}])
