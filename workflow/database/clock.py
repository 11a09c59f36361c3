"""The database's clock, which judges of every instant when several machines share one database (R82, docs/adr/0020).

Between two measures it goes on by a counter that nobody sets, so a machine whose own clock jumps jumps no decision.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from notifications.ports import Clock, SystemClock
from workflow.database.connection import Database, DatabaseBusy, DatabaseUnreachable

KEPT: Final = timedelta(seconds=30)
"""How long a measure is good for."""


SLOW: Final = timedelta(seconds=1)
"""A question that took longer tells the time too loosely: it is asked again."""


CLOCK_JUMP: Final = timedelta(seconds=2)
"""The machine's own clock went this much otherwise than the counter: one of them was set, or stood still."""


QUESTIONS: Final = 3


Ask = Callable[[], datetime]
"""Asks the database what time it is, aware; one round trip, and nothing else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One measure: the database's instant and this machine's, when the counter (seconds) stood at ``count``.

    ``trip`` is how long the question took; the answer is taken to be of its middle.
    """

    database: datetime
    own: datetime
    count: float
    trip: timedelta

    @property
    def skew(self) -> timedelta:
        """How far this machine's clock is ahead of the database's; negative when it is behind."""
        return self.own - self.database

    @property
    def doubt(self) -> timedelta:
        """By how much ``skew`` may be wrong, either way."""
        return self.trip / 2


def count_seconds() -> float:
    """A counter that nobody sets; on Linux it also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class DatabaseClock:
    """A ``Clock`` that answers the database's time; any thread may ask.

    ``asking`` opens whatever the question needs; ``kept`` is how long a measure is good for: nothing, and each ``now``
    asks, which is for tests that move the database's clock themselves.
    """

    def __init__(
        self, own: Clock, asking: Callable[[], AbstractContextManager[Ask]], kept: timedelta = KEPT,
        count: Callable[[], float] = count_seconds,
    ) -> None:  # fmt: skip
        self._own, self._asking, self._kept, self._count = own, asking, kept, count
        self._measuring = threading.Lock()
        self._reading: Reading | None = None
        self._tried = 0.0

    def now(self) -> datetime:
        """The database's instant, aware UTC. Raises DatabaseUnreachable as long as it has never answered."""
        reading = self._reading
        if reading is None:
            reading = self.refresh()
        elif self._is_stale(reading) and self._measuring.acquire(blocking=False):
            try:
                reading = self._measured()
            except (DatabaseUnreachable, DatabaseBusy):
                pass  # the counter goes on; it is asked again in a while
            finally:
                self._measuring.release()
        return reading.database + timedelta(seconds=self._count() - reading.count)

    def refresh(self) -> Reading:
        """Measure now. Raises DatabaseUnreachable, DatabaseBusy; then ``now`` goes on from the last measure."""
        with self._measuring:
            return self._measured()

    def learn(self, ask: Ask) -> Reading:
        """Measure by a question that the caller has ready, over a connection that is open."""
        with self._measuring:
            return self._heard(ask)

    def _measured(self) -> Reading:
        self._tried = self._count()
        with self._asking() as ask:
            return self._heard(ask)

    def _heard(self, ask: Ask) -> Reading:
        """The quickest of a few questions, the first that was quick enough."""
        best = self._asked(ask)
        for _ in range(QUESTIONS - 1):
            if best.trip <= SLOW:
                break
            best = min(best, self._asked(ask), key=lambda one: one.trip)
        self._tried, self._reading = self._count(), best
        return best

    def _asked(self, ask: Ask) -> Reading:
        before = self._count()
        database = ask()
        after, own = self._count(), self._own.now()
        trip = timedelta(seconds=after - before)
        return Reading(database=database.astimezone(UTC) + trip / 2, own=own, count=after, trip=trip)

    def _is_stale(self, reading: Reading) -> bool:
        """Whether to measure again: it is time to, or the machine was asleep; never twice in a second."""
        since, count = self._count() - self._tried, self._count() - reading.count
        if since >= self._kept.total_seconds():
            return True
        leapt = abs(self._own.now() - reading.own - timedelta(seconds=count)) > CLOCK_JUMP
        return leapt and since >= 1


def now_in(connection: Connection) -> datetime:
    """The database's instant at this very moment, not that of the transaction; on PostgreSQL alone."""
    found: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return found


def clock_for(database: Database, connection: Connection, own: Clock, database_now: Ask | None = None) -> Clock:
    """Which clock judges in an installation: on PostgreSQL the database's, first asked over ``connection`` (R82).

    On SQLite there is one machine, and its clock judges; so does any clock that is not the system's, as a test gives.
    With ``database_now``, ``own`` is this machine's alone and ``database_now`` plays the database's, asked at each
    ``now``: so tests make machines whose clocks differ, on either database.
    """
    if database_now is not None:
        return DatabaseClock(own, lambda: nullcontext(database_now), kept=timedelta(0), count=lambda: 0)
    if type(own) is not SystemClock or not database.is_postgresql:
        return own
    clock = DatabaseClock(own, lambda: _asking(database))
    clock.learn(lambda: now_in(connection))
    return clock


@contextmanager
def _asking(database: Database) -> Iterator[Ask]:
    """A connection of its own: who waits for one of the pool may hold the very one that this would need."""
    with database.aside() as connection:
        yield lambda: now_in(connection)
