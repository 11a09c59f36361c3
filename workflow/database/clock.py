"""The clock: the database's, by which its machines judge every instant (R82), and the refusal of an absurd one (R52).

Between two measures it goes on by a counter that nobody sets, so a machine whose own clock jumps jumps no decision
(docs/adr/0020). The machines' signs of life, and the installation's birth, show a clock to be absurd.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, bindparam, case, func, insert, select, update

from notifications.ports import Clock, SystemClock
from notifications.sql import UtcDateTime
from states import french
from states.refusals import Reason
from states.rules.schedule import FIRST_DAY, ClockFault, absurd_clock
from workflow.database.connection import Database
from workflow.database.faults import DatabaseBusy, DatabaseUnreachable
from workflow.database.journal_tables import INSTALLED
from workflow.database.schedule_tables import CLOCK_HOLD, NODE

VALIDITY: Final = timedelta(seconds=30)
"""A measure is good for this long."""

SLOW: Final = timedelta(seconds=1)
"""A question that took longer tells the time too loosely: it is asked again."""

CLOCK_JUMP: Final = timedelta(seconds=2)
"""A difference this large between wall clock and counter means that the clock was changed or the machine slept."""

QUESTIONS: Final = 3

Ask = Callable[[], datetime]
"""Asks the database what time it is, aware; one round trip, and nothing else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockSample:
    """One measure: the database's instant and this machine's, when the counter (seconds) stood at ``count``.

    ``round_trip`` is how long the question took; the answer is taken to be of its middle.
    """

    database: datetime
    own: datetime
    count: float
    round_trip: timedelta

    @property
    def skew(self) -> timedelta:
        """Lead of this machine's clock over the database's; negative when it is behind."""
        return self.own - self.database

    @property
    def doubt(self) -> timedelta:
        """Error of ``skew``, either way."""
        return self.round_trip / 2


def count_seconds() -> float:
    """A counter that nobody sets; on Linux it also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def boot_identity(place: Path = Path("/proc/sys/kernel/random/boot_id")) -> str | None:
    """A name of the machine's present run, by which two processes know that they read one ``count_seconds``.

    None where there is no such name, or no counter that goes on while the machine sleeps.
    """
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return None
    try:
        return place.read_text().strip() or None
    except OSError:
        return None


class DatabaseClock:
    """A ``Clock`` that answers the database's time; any thread may ask.

    ``asking`` opens whatever the question needs; ``validity`` is how long a measure is good for: zero, and each
    ``now`` asks, which is for tests that move the database's clock themselves.
    """

    def __init__(
        self, own: Clock, asking: Callable[[], AbstractContextManager[Ask]], validity: timedelta = VALIDITY,
        count: Callable[[], float] = count_seconds,
    ) -> None:  # fmt: skip
        self._own, self._asking, self._validity, self._count = own, asking, validity, count
        self._measuring = threading.Lock()
        self._last: ClockSample | None = None
        self._tried_at = 0.0

    def now(self) -> datetime:
        """The database's instant, aware UTC. Raises DatabaseUnreachable as long as it has never answered."""
        sample = self._last
        if sample is None:
            sample = self.refresh()
        elif self._is_stale(sample) and self._measuring.acquire(blocking=False):
            try:
                sample = self._measure()
            except (DatabaseUnreachable, DatabaseBusy):
                pass  # the counter goes on; it is asked again in a while
            finally:
                self._measuring.release()
        return sample.database + timedelta(seconds=self._count() - sample.count)

    def refresh(self) -> ClockSample:
        """Measure now. Raises DatabaseUnreachable, DatabaseBusy; then ``now`` goes on from the last measure."""
        with self._measuring:
            return self._measure()

    def refresh_by(self, ask: Ask) -> ClockSample:
        """Measure by a question that the caller has ready, over a connection that is open."""
        with self._measuring:
            return self._sample(ask)

    def _measure(self) -> ClockSample:
        self._tried_at = self._count()
        with self._asking() as ask:
            return self._sample(ask)

    def _sample(self, ask: Ask) -> ClockSample:
        """Keep the first sample that was quick enough, else the quickest of a few."""
        best = self._ask_once(ask)
        for _ in range(QUESTIONS - 1):
            if best.round_trip <= SLOW:
                break
            best = min(best, self._ask_once(ask), key=lambda sample: sample.round_trip)
        self._tried_at, self._last = self._count(), best
        return best

    def _ask_once(self, ask: Ask) -> ClockSample:
        before = self._count()
        database = ask()
        after, own = self._count(), self._own.now()
        round_trip = timedelta(seconds=after - before)
        middle = database.astimezone(UTC) + round_trip / 2
        return ClockSample(database=middle, own=own, count=after, round_trip=round_trip)

    def _is_stale(self, sample: ClockSample) -> bool:
        """Return True when it is time to measure again, or the machine was asleep; never twice in a second."""
        since, elapsed = self._count() - self._tried_at, self._count() - sample.count
        if since >= self._validity.total_seconds():
            return True
        jumped = abs(self._own.now() - sample.own - timedelta(seconds=elapsed)) > CLOCK_JUMP
        return jumped and since >= 1


def now_in(connection: Connection) -> datetime:
    """Return the database's instant at this very moment, not that of the transaction; on PostgreSQL alone."""
    instant: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return instant


def clock_for(database: Database, connection: Connection, own: Clock, database_now: Ask | None = None) -> Clock:
    """Return the clock that judges: on PostgreSQL the database's, first asked over ``connection`` (R82).

    On SQLite there is one machine, and its clock judges; so does any clock that is not the system's, as a test gives.
    With ``database_now``, ``own`` is this machine's alone and ``database_now`` plays the database's, asked at each
    ``now``: so tests make machines whose clocks differ, on either database.
    """
    if database_now is not None:
        return DatabaseClock(own, lambda: nullcontext(database_now), validity=timedelta(0), count=lambda: 0)
    if type(own) is not SystemClock or not database.is_postgresql:
        return own
    clock = DatabaseClock(own, lambda: _asking(database))
    clock.refresh_by(lambda: now_in(connection))
    return clock


class ClockRefused(Exception):
    """An action of a person that an absurd clock refuses (R52); nothing has changed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reasons = (reason,)


_IS_OF_NOW: Final = NODE.c.seen_at <= bindparam("now", type_=UtcDateTime())

_HEARTBEATS: Final = select(func.max(NODE.c.seen_at), func.max(case((_IS_OF_NOW, NODE.c.seen_at)))).where(
    NODE.c.seen_at >= FIRST_DAY
)
"""The latest sign of life since the software exists, and the latest that is not later than ``now``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldClock:
    """The clock's present trouble: since when and when last seen, by that clock itself.

    ``known_at``: the last sign of life before it.
    """

    fault: ClockFault
    held_at: datetime
    seen_at: datetime
    known_at: datetime


_BIRTH: Final = select(INSTALLED.c.created_at)

_ALIVE: Final = update(NODE).where(NODE.c.host == bindparam("machine")).values(seen_at=bindparam("now"))

_HELD: Final = select(CLOCK_HOLD)


def last_heartbeat(connection: Connection, now: datetime | None = None) -> datetime:
    """The latest heartbeat of any node, else the instant of installation (R52).

    Ignore heartbeats later than ``now`` (left by a clock that was ahead, whose machine may be gone), unless there is
    no other; and those of before the software existed.
    """
    latest, past = connection.execute(_HEARTBEATS, {"now": now}).one()
    heartbeat: datetime | None = past or latest
    if heartbeat:
        return heartbeat
    installed_at: datetime = connection.execute(_BIRTH).scalar_one()
    return installed_at


def record_heartbeat(connection: Connection, host: str, now: datetime) -> None:
    """Record that this machine is alive (R52)."""
    if connection.execute(_ALIVE, {"machine": host, "now": now}).rowcount == 0:
        connection.execute(insert(NODE), [{"host": host, "seen_at": now}])


def held_clock(connection: Connection) -> HeldClock | None:
    """The clock's trouble as the last tick left it; None when it was believed."""
    row = connection.execute(_HELD).one_or_none()
    if row is None:
        return None
    return HeldClock(
        fault=ClockFault(row.fault), held_at=row.held_at, seen_at=row.seen_at, known_at=row.known_at
    )  # fmt: skip


def known_heartbeat(connection: Connection, now: datetime, held: HeldClock | None) -> datetime | None:
    """The last sign of life that was believed: that of before ``held``, the clock's trouble, if it has one.

    None for an installation made under a clock of before the software, which says nothing of when it lived.
    """
    heartbeat = held.known_at if held else last_heartbeat(connection, now)
    return heartbeat if heartbeat >= FIRST_DAY else None


def refused_clock(connection: Connection, now: datetime) -> Reason | None:
    """The refusal of whatever a person asks under an absurd clock (R52); None under any other."""
    fault = absurd_clock(now, known_heartbeat(connection, now, held_clock(connection)))
    if fault is None:
        return None
    remedy = "Remettre la machine à l'heure et vérifier sa synchronisation (NTP), puis recommencer."
    if fault is ClockFault.TOO_LATE:
        remedy += " Si cette date est la bonne, le dire par « oda clock confirm »."
    when = french.day(now.date())
    return Reason("clock_absurd", "R52", f"Le serveur n'est pas à l'heure ({when}) : {fault.label}", remedy)


def require_right_clock(connection: Connection, now: datetime) -> None:
    """Raise ClockRefused under an absurd clock (R52)."""
    if reason := refused_clock(connection, now):
        raise ClockRefused(reason)


@contextmanager
def _asking(database: Database) -> Iterator[Ask]:
    """Open a connection outside the pool: who waits for one of the pool may hold the very one that this needs."""
    with database.aside() as connection:
        yield lambda: now_in(connection)
