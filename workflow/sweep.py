"""The automatic revocation: every live request of an ended school year, once (R50, R54)."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from notifications.bulk import insert_rows
from notifications.ports import crash_point
from states.actors import Actor
from states.commands import Expire
from states.happening import Happening
from states.school_year import SchoolYear, YearEnd
from workflow.engine import Done, Engine
from workflow.foresight import OCCURRENCE, done_key
from workflow.loading import Known, Loader
from workflow.rows import ESTABLISHMENT, IS_LIVE, REQUEST

BATCH = 1000
BATCH_SQLITE = 500
PAUSE = 0.001
"""Requests a transaction; on SQLite fewer, with a pause in seconds, so that other processes write in between."""


def _live(year: SchoolYear, after: str, limit: int) -> Any:
    """The establishments that follow ``after`` and have a live request of the year."""
    return (
        select(REQUEST.c.uai)
        .where(REQUEST.c.school_year == str(year), IS_LIVE, REQUEST.c.uai > after)
        .order_by(REQUEST.c.uai)
        .limit(limit)
    )


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep revoked, and whether the year is over for good."""

    revoked: int
    finished: bool


class Sweep:
    """Revokes by establishments, in bounded batches, each its own transaction; any number may run at once."""

    def __init__(self, engine: Engine, close: Callable[[Connection, YearEnd, int, datetime], None]) -> None:
        """``close`` writes the operators' report in the transaction that closes the year."""
        self._engine = engine
        self._close = close
        self._size = BATCH if engine.database.is_postgresql else BATCH_SQLITE

    def run(self, end: YearEnd, actor: Actor, progress: Callable[[int], None] = lambda _: None) -> Swept:
        """Revoke what is left of the year. ``progress`` is told how many more after each batch."""
        total, after = 0, ""
        while True:
            last, revoked = self._batch(end, actor, after)
            total += revoked
            if revoked:
                progress(revoked)
                crash_point("sweep.between_batches")
            if last is None:
                break
            after = last
            if not self._engine.database.is_postgresql:
                time.sleep(PAUSE)
        return Swept(total, self._finish(end))

    def _batch(self, end: YearEnd, actor: Actor, after: str) -> tuple[str | None, int]:
        """One transaction: the last establishment that it looked at, None past the end, and how many it revoked."""
        now = self._engine.clock.now()
        with self._engine.database.write() as connection:
            uais = sorted(set(connection.execute(_live(end.school_year, after, self._size)).scalars().all()))
            if not uais:
                return None, 0
            mine = self._mine(connection, uais)
            known = Loader(connection, lambda _c, _r: {}, locked=mine).load_year(
                str(end.school_year), {row.uai for row in mine}
            )
            commands = [Expire(reference=reference) for reference in known.requests]
            results = self._engine.run(connection, commands, actor, now, known=known) if commands else []
            revoked = [known.requests[r.reference].uai for r in results if isinstance(r, Done)]
            _count(connection, end, revoked, now)
            crash_point("sweep.before_commit")
        return uais[-1], len(revoked)

    def _mine(self, connection: Connection, uais: list[str]) -> list[Any]:
        """These establishments' rows, less those that another node is at (PostgreSQL)."""
        query = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(uais)).order_by(ESTABLISHMENT.c.uai)
        return list(connection.execute(query.with_for_update(key_share=True, skip_locked=True)))

    def _finish(self, end: YearEnd) -> bool:
        """Close the year once nothing of it is live: one report, however many nodes swept (R54)."""
        now = self._engine.clock.now()
        with self._engine.database.write() as connection:
            if connection.execute(_live(end.school_year, "", 1)).first():
                return False
            key = done_key(end)
            counts = select(OCCURRENCE.c.requests).where(OCCURRENCE.c.key.like(f"{key}:%"))
            total = sum(connection.execute(counts).scalars())
            before = connection.execute(select(OCCURRENCE.c.requests).where(OCCURRENCE.c.key == key)).scalar()
            if before == total:
                return True
            _upsert(connection, key, total, now, known=before is not None)
            self._close(connection, end, total, now)
            crash_point("sweep.before_close")
        return True

    def preview(
        self, connection: Connection, end: YearEnd, actor: Actor, now: datetime
    ) -> Iterator[Sequence[Happening]]:
        """What the sweep would do at ``now``, by the same loading and the same rules, writing nothing (R53)."""
        after = ""
        while uais := sorted(set(connection.execute(_live(end.school_year, after, BATCH)).scalars().all())):
            known = Loader(connection, lambda _c, _r: {}, lock=False).load_year(str(end.school_year), set(uais))
            yield self._planned(known, actor, now)
            after = uais[-1]

    def _planned(self, known: Known, actor: Actor, now: datetime) -> Sequence[Happening]:
        commands = [Expire(reference=reference) for reference in known.requests]
        return self._engine.plan(known, commands, actor, now).happenings


def _count(connection: Connection, end: YearEnd, revoked: list[str], now: datetime) -> None:
    """How many requests each establishment lost, under its occurrence's key (R50)."""
    counts = Counter(f"{done_key(end)}:{uai}" for uai in revoked)
    if not counts:
        return
    stored = select(OCCURRENCE.c.key, OCCURRENCE.c.requests).where(OCCURRENCE.c.key.in_(counts))
    known = {row.key: row.requests for row in connection.execute(stored).all()}
    fresh = [{"key": key, "at": now, "requests": n} for key, n in sorted(counts.items()) if key not in known]
    if fresh:
        insert_rows(connection, OCCURRENCE, fresh)
    for key, before in known.items():
        _upsert(connection, key, before + counts[key], now, known=True)


def _upsert(connection: Connection, key: str, count: int, now: datetime, *, known: bool) -> None:
    if known:
        connection.execute(update(OCCURRENCE).where(OCCURRENCE.c.key == key).values(requests=count, at=now))
    else:
        connection.execute(insert(OCCURRENCE), [{"key": key, "at": now, "requests": count}])
