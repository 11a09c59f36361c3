"""The trust in the clock (R52): signs of life, jumps that the machine's counter does not explain.

What cannot be undone waits while it is not: a tick under such a clock revokes, erases and cancels nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from states.model import Actor
from states.rules.schedule import (
    A_DAY_BACK,
    FIRST_DAY,
    LONGEST_ABSENCE,
    SHORT_STOP,
    STEP_AHEAD,
    STEP_BACK,
    ClockFault,
    absurd_clock,
    believed_after,
    check_clock,
)
from workflow.database.clock import HeldClock, held_clock, known_heartbeat, last_heartbeat, record_heartbeat
from workflow.database.connection import Database, this_host
from workflow.database.journal_tables import INSTALLED
from workflow.database.schedule_tables import CLOCK_HOLD, MACHINE_COUNTER, NODE
from workflow.journal import chain
from workflow.journal.chain import JournalHasher

_LATEST: Final = select(func.max(NODE.c.seen_at))

Count = Callable[[], float]
"""Seconds of a counter that nobody sets."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """An instant of the clock, and what the counter showed then."""

    at: datetime
    count: float


@dataclass(frozen=True, slots=True)
class CounterTrace:
    """The last tick that believed the clock, and the last one of all if it did not.

    ``has_started``: the machine has, since the last tick that believed it.
    """

    believed: ClockReading | None = None
    doubted: ClockReading | None = None
    has_started: bool = False


NO_TRACE: Final = CounterTrace()


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockVerdict:
    """The bounds of one tick. ``held``: nothing that cannot be undone; ``is_new``: the trouble was not known yet.

    ``agrees_again``: the clock was wrong and has just been put right, or may have been before a start.
    """

    fault: ClockFault | None = None
    held: bool = False
    is_new: bool = False
    agrees_again: bool = False


BELIEVED: Final = ClockVerdict()


class ClockCheck:
    """Judges the clock at each tick, by the signs of life and by the machine's counter.

    ``count`` None: the clock is not the system's, and no counter explains it. ``boot`` names what the machine has been
    running since it started: where it is known, what the counter showed is kept for the next process (``oda tick``).
    ``host``: this machine's name, the system's when None.
    """

    def __init__(
        self, hasher: JournalHasher, count: Count | None = None, boot: str | None = None, host: str | None = None
    ) -> None:
        self._hasher, self._count = hasher, count
        self._boot = boot if count else None
        self._host = host or this_host()
        self._trace = NO_TRACE
        self._ticked_at: float | None = None

    @property
    def since_tick(self) -> timedelta | None:
        """Time since the last tick of this process, by the counter; None before the first."""
        if self._count is None or self._ticked_at is None:
            return None
        return timedelta(seconds=self._count() - self._ticked_at)

    def is_believed(self, connection: Connection, now: datetime) -> bool:
        """Return True when nothing speaks against the clock at this instant; writes nothing."""
        if held_clock(connection) is not None:
            return False
        return self._fault(connection, now, None, self._trace_in(connection, None)) is None

    def judge(
        self, database: Database, actor: Actor, now: datetime, tell: Callable[[Connection, ClockFault], None]
    ) -> ClockVerdict:
        """Judge the clock for one tick, and keep what was found; ``tell`` alerts of a new trouble, in one transaction.

        A clock that agrees again is believed at once; one that runs on steadily is believed after ``STEADY``, for a
        long stop must end by itself. A step back of less than a day, by which nothing falls due, holds one tick. A
        machine that has just started is believed once its synchronisation has had the time to put it right (R119).
        """
        reading = ClockReading(now, self._count() if self._count else 0.0)
        self._ticked_at = reading.count if self._count else None
        with database.write() as connection:
            chain.lock(connection)
            held = held_clock(connection)
            trace = self._trace_in(connection, held)
            verdict = self._judge(connection, actor, now, held, trace)
            if verdict.is_new and verdict.fault:
                tell(connection, verdict.fault)
            if verdict.fault is ClockFault.STARTED:
                record_heartbeat(connection, self._host, now)  # nothing else of this tick does
            trace = CounterTrace(trace.believed, reading) if verdict.fault else CounterTrace(reading)
            self._keep(connection, trace)
        self._trace = trace
        return verdict

    def _judge(
        self, connection: Connection, actor: Actor, now: datetime, held: HeldClock | None, trace: CounterTrace
    ) -> ClockVerdict:
        fault = self._fault(connection, now, held, trace)
        if held and held.fault is ClockFault.AHEAD and fault is ClockFault.STARTED and now >= held.held_at:
            fault = held.fault  # a new start makes no jump right
        if fault is None:
            if held is None:
                return BELIEVED
            # It is the former one, put right, unless only its trace was lost, by a restart: whoever was ahead must have
            # come back before that.
            was_behind = held.fault in (ClockFault.TOO_EARLY, ClockFault.BACK)
            if was_behind or now < held.held_at or self._drift(trace.believed, now) is not None:
                self._release(connection, actor, now, held, "agrees")
                _forget_future(connection, now, held.known_at)
                return ClockVerdict(agrees_again=True)
            fault = held.fault
        if held is None or held.fault is not fault or self._has_jumped(held, now, trace):
            known_at = held.known_at if held else last_heartbeat(connection, now)
            row = {"id": 1, "fault": fault.value, "held_at": now, "seen_at": now, "known_at": known_at}
            connection.execute(delete(CLOCK_HOLD))
            connection.execute(insert(CLOCK_HOLD), [row])
            chain.record(connection, self._hasher, "clock_held", actor, now, {"why": fault.value})
            return ClockVerdict(fault=fault, held=True, is_new=True)
        steady = believed_after(fault)
        if steady and now - held.held_at >= steady:
            self._release(connection, actor, now, held, "steady")
            _forget_future(connection, now, now)
            return ClockVerdict(agrees_again=fault is ClockFault.STARTED)
        connection.execute(update(CLOCK_HOLD).values(seen_at=now))
        is_harmless = fault is ClockFault.BACK and held.known_at - now < A_DAY_BACK
        return ClockVerdict(fault=fault, held=not is_harmless)

    def _fault(
        self, connection: Connection, now: datetime, held: HeldClock | None, trace: CounterTrace
    ) -> ClockFault | None:
        latest = held.known_at if held else connection.execute(_LATEST).scalar()
        heartbeat, drift = known_heartbeat(connection, now, held), self._drift(trace.believed, now)
        has_started = trace.has_started and (held is not None or _has_ticked(connection))
        return check_clock(now, heartbeat, latest, drift, has_started=has_started)

    def _trace_in(self, connection: Connection, held: HeldClock | None) -> CounterTrace:
        """The trace of the last tick on this machine, of whatever process, unless the machine started anew since.

        None of a clock that was doubted and is no more: a person has confirmed it, or another machine believes it.
        """
        trace = self._kept_trace(connection)
        return NO_TRACE if trace.doubted and held is None else trace

    def _kept_trace(self, connection: Connection) -> CounterTrace:
        """A counter that has gone back is another one: the machine was brought back to what it had been."""
        if self._boot is None or self._count is None:
            return self._trace
        unexplained = self._trace if self._trace.believed else replace(self._trace, has_started=True)
        row = connection.execute(select(MACHINE_COUNTER).where(MACHINE_COUNTER.c.host == self._host)).one_or_none()
        if row is None or row.boot != self._boot:
            return unexplained
        believed, doubted = (
            None if at is None else ClockReading(at, seconds)
            for at, seconds in ((row.believed_at, row.believed_seconds), (row.doubted_at, row.doubted_seconds))
        )
        latest = max(reading.count for reading in (believed, doubted, ClockReading(FIRST_DAY, 0.0)) if reading)
        return CounterTrace(believed, doubted, believed is None) if self._count() >= latest else unexplained

    def _keep(self, connection: Connection, trace: CounterTrace) -> None:
        if self._boot is None:
            return
        values = {
            "boot": self._boot,
            "believed_at": trace.believed and trace.believed.at,
            "believed_seconds": trace.believed and trace.believed.count,
            "doubted_at": trace.doubted and trace.doubted.at,
            "doubted_seconds": trace.doubted and trace.doubted.count,
        }
        own = MACHINE_COUNTER.c.host == self._host
        if connection.execute(update(MACHINE_COUNTER).where(own).values(values)).rowcount == 0:
            connection.execute(insert(MACHINE_COUNTER), [{"host": self._host, **values}])

    def _drift(self, reading: ClockReading | None, now: datetime) -> timedelta | None:
        """Lead of the clock over the counter since that reading."""
        if reading is None or self._count is None:
            return None
        return now - reading.at - timedelta(seconds=self._count() - reading.count)

    def _has_jumped(self, held: HeldClock, now: datetime, trace: CounterTrace) -> bool:
        """True if the clock jumped again since the last tick that did not believe it."""
        step = self._drift(trace.doubted, now)
        if step is None:
            longest = SHORT_STOP if held.fault is ClockFault.STARTED else LONGEST_ABSENCE
            return not -STEP_BACK <= now - held.seen_at <= longest
        return not -STEP_BACK <= step <= STEP_AHEAD

    def _release(self, connection: Connection, actor: Actor, now: datetime, held: HeldClock, how: str) -> None:
        connection.execute(delete(CLOCK_HOLD))
        data = {"why": held.fault.value, "how": how}
        chain.record(connection, self._hasher, "clock_released", actor, now, data)


def _has_ticked(connection: Connection) -> bool:
    """Return True once any machine has; one that could not yet bears the installation's birth."""
    ticked = select(NODE.c.host).where(NODE.c.seen_at > select(INSTALLED.c.created_at).scalar_subquery())
    return connection.execute(ticked).first() is not None


def confirm_clock(
    connection: Connection, hasher: JournalHasher, actor: Actor, host: str | None, now: datetime
) -> bool | None:
    """Let a person say that the clock is right (R52).

    Return True when it was not believed, False when nothing spoke against it, None when it cannot be right. ``host`` is
    this machine's name, the system's when None.
    """
    if now < FIRST_DAY:
        return None
    chain.lock(connection)
    held = held_clock(connection)
    if held is None and absurd_clock(now, known_heartbeat(connection, now, held)) is None:
        return False
    connection.execute(delete(CLOCK_HOLD))
    _forget_future(connection, now, now)
    record_heartbeat(connection, host or this_host(), now)
    why = held.fault.value if held else ClockFault.TOO_LATE.value
    chain.record(connection, hasher, "clock_confirmed", actor, now, {"why": why})
    return True


def _forget_future(connection: Connection, now: datetime, instead: datetime) -> None:
    """Bring back the signs of life that a clock ahead has left."""
    connection.execute(update(NODE).where(NODE.c.seen_at > now).values(seen_at=instead))
