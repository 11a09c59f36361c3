"""The end of a school year as one service: observe, hold, confirm, sweep, preview, report (R50 to R54).

A register keeps the ends foreseen, and the brake holds those that were not.
"""

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, delete, exists, func, insert, literal, select, union_all, update
from sqlalchemy.exc import IntegrityError

from notifications.mailer import Mailer
from notifications.messages.facts import DepartementCount
from notifications.ports import crash_point
from notifications.sql import insert_rows
from states.commands import Expire
from states.decision import RequestEvent, Scalar
from states.model import Actor, Policy
from states.rules.schedule import BrakeDecision, Hold, RecordedEnd, check_brake
from states.school_calendar import SchoolCalendar, SchoolYear, YearEnd
from states.vocabulary import RemovalKind
from workflow.auth.actors import require_operator
from workflow.database.clock import last_heartbeat, record_heartbeat, require_right_clock
from workflow.database.mapping import establishment_from, is_readable_year, live_years, school_year
from workflow.database.schedule_tables import OCCURRENCE, RECORD
from workflow.database.tables import ESTABLISHMENT, IS_LIVE, REMOVAL, REQUEST
from workflow.engine.clock_check import BELIEVED, ClockVerdict
from workflow.engine.engine import ATTEMPTS, ConcurrentUpdate, Engine, WriteBatch
from workflow.engine.loader import Loader
from workflow.journal import chain
from workflow.journal.chain import JournalHasher

BATCH = 1000

_BATCH_SQLITE = 700
"""Requests a transaction; on SQLite fewer, for its writers wait for each other."""

COUNTED: Final = ("establishments", "revoked", "removals", "questions")

_RECORDS: Final = select(RECORD)

_RECORDED_YEARS: Final = select(RECORD.c.school_year)

_CLOSED: Final = select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.in_(bindparam("keys", expanding=True)))

_HELD: Final = (
    select(RECORD).where(RECORD.c.held_why.is_not(None), RECORD.c.confirmed_at.is_(None)).order_by(RECORD.c.school_year)
)

COUNTED_AS: Final = {RemovalKind.REMOVE_RIGHTS: "removals", RemovalKind.KEY_ENABLED: "questions"}
"""The counts of the report in each département, and the name under which a removal task is counted (R54)."""


@dataclass(frozen=True, slots=True)
class YearEndStatus:
    """The brake's decision about one year's end."""

    end: YearEnd
    verdict: BrakeDecision
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class HeldYear:
    """A year's end that the brake holds, since ``held_at``, until an operator confirms it."""

    school_year: SchoolYear
    last_day: date
    hold: Hold
    held_at: datetime


class NothingHeld(Exception):
    """Cette fin d'année n'est pas retenue : il n'y a rien à confirmer."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """Number of requests that one sweep revoked; ``finished`` when the year is over for good."""

    revoked: int
    finished: bool


def done_key(end: YearEnd) -> str:
    """The occurrence of a whole year's end; its day is in it, for an end may be moved and come again."""
    return f"year-end:{end.school_year}:{end.last_day}"


class YearEndRegistry:
    """Record the ends to come, and hold those that were not foreseen."""

    def __init__(self, policy: Policy, hasher: JournalHasher) -> None:
        self._policy = policy
        self._hasher = hasher

    def evaluate(self, connection: Connection, now: datetime, *, clock_held: bool = False) -> list[YearEndStatus]:
        """Return the brake's decision on every watched year, without writing; ``clock_held``: see ``check_brake``."""
        heartbeat = last_heartbeat(connection, now)
        records = {row.school_year: row for row in connection.execute(_RECORDS)}
        statuses = []
        for year in _watched_years(connection, self._policy, now, records.values()):
            end, recorded = self._policy.calendar.end_of(year), None
            if row := records.get(str(year)):
                is_held, is_confirmed = row.held_why is not None, row.confirmed_at is not None
                recorded = RecordedEnd(row.ends_at, row.recorded_at, is_held, is_confirmed)
            statuses.append(YearEndStatus(end, *check_brake(end, recorded, now, heartbeat, clock_held)))
        return statuses

    def observe(
        self, connection: Connection, actor: Actor, now: datetime, *, clock_held: bool = False
    ) -> list[YearEndStatus]:
        """Evaluate, then record and hold what must be. The caller records its own heartbeat afterwards."""
        statuses = self.evaluate(connection, now, clock_held=clock_held)
        for status in statuses:
            if status.verdict in (BrakeDecision.RECORD, BrakeDecision.HOLD):
                self._record(connection, actor, status, now)
        return statuses

    def set_aside(self, connection: Connection, actor: Actor, now: datetime) -> list[str]:
        """Remove the records of years that no calendar has, left by a clock that was wrong, and return those years.

        A record is only what a tick had foreseen: the journal keeps that there was this one (R52).
        """
        strange = strange_years(connection)
        for year in strange:
            connection.execute(delete(RECORD).where(RECORD.c.school_year == year))
            data = {"school_year": year}
            chain.record(connection, self._hasher, "year_end_set_aside", actor, now, data)
        return strange

    def undo_holds(self, connection: Connection, now: datetime) -> None:
        """Let go the ends that were held for the clock alone while it was ahead; it has been put right (R52)."""
        of_clock = [Hold.CLOCK.value, Hold.ABSENCE.value]
        held = (RECORD.c.held_why.in_(of_clock), RECORD.c.held_at > now, RECORD.c.confirmed_at.is_(None))
        connection.execute(update(RECORD).where(*held).values(held_why=None, held_at=None))

    def _record(self, connection: Connection, actor: Actor, status: YearEndStatus, now: datetime) -> None:
        year = str(status.end.school_year)
        values = {
            "last_day": status.end.last_day, "ends_at": status.end.ends_at, "recorded_at": now,
            "held_why": status.hold.value if status.hold else None, "held_at": now if status.hold else None,
            "confirmed_at": None, "confirmed_by": None,
        }  # fmt: skip
        if status.hold in (Hold.CLOCK, Hold.ABSENCE):  # the date stood recorded: it counts once the clock is right
            del values["recorded_at"]
        changed = connection.execute(update(RECORD).where(RECORD.c.school_year == year).values(values))
        if changed.rowcount == 0:
            connection.execute(insert(RECORD), [{"school_year": year, **values}])
        data = {
            "school_year": year, "last_day": status.end.last_day.isoformat(), "rule": status.end.rule.value,
            "why": status.hold.value if status.hold else None,
        }  # fmt: skip
        kind = "year_end_held" if status.hold else "year_end_foreseen"
        chain.record(connection, self._hasher, kind, actor, now, data)


def strange_years(connection: Connection) -> list[str]:
    """The recorded years that no calendar has."""
    years = connection.execute(_RECORDED_YEARS).scalars()
    return sorted(year for year in years if not is_readable_year(year))


def _watched_years(connection: Connection, policy: Policy, now: datetime, records: Iterable[Any]) -> list[SchoolYear]:
    """The years to evaluate: those with a live request, those open, and those whose end is past but not closed."""
    past = (row for row in records if row.ends_at <= now and is_readable_year(row.school_year))
    keys = {f"year-end:{row.school_year}:{row.last_day}": school_year(row.school_year) for row in past}
    closed = set(connection.execute(_CLOSED, {"keys": list(keys)}).scalars()) if keys else set()
    unfinished = {year for key, year in keys.items() if key not in closed}
    watched = {*live_years(connection), *policy.calendar.open_years(now), *unfinished}
    return sorted(year for year in watched if year.is_of_calendar)  # a clock that is wrong opens others


class YearEnds:
    """Everything about the ends of school years."""

    def __init__(self, engine: Engine, reporter: "YearEndReporter") -> None:
        self._engine = engine
        self._reporter = reporter
        self._registry = YearEndRegistry(engine.policy, engine.hasher)
        self._sweep = Sweep(engine, self._close)

    def observe(self, actor: Actor, host: str, clock: ClockVerdict = BELIEVED) -> list[YearEndStatus]:
        """Evaluate every end and record this machine's heartbeat, in one transaction: a hold is recorded with it.

        Under a clock that is not believed, no end runs (R52).
        """
        now = self._engine.clock.now()
        with self._engine.database.write() as connection:
            chain.lock(connection)
            if clock.agrees_again:
                self._registry.undo_holds(connection, now)
            statuses = self._registry.observe(connection, actor, now, clock_held=clock.held)
            for status in statuses:
                if status.verdict is BrakeDecision.HOLD and status.hold:
                    self._reporter.year_held(connection, status.end, status.hold, now)
            record_heartbeat(connection, host, now)
            crash_point("year_end.observed")
        return statuses

    def set_aside(self, actor: Actor) -> list[str]:
        """Remove the records of ends of years that no calendar has, and return those years."""
        now = self._engine.clock.now()
        with self._engine.database.write() as connection:
            return self._registry.set_aside(connection, actor, now)

    def run(self, end: YearEnd, actor: Actor, progress: Callable[[int], None] = lambda _: None) -> int:
        """Sweep a year that may run. Returns how many requests were revoked by this call."""
        return self._sweep.run(end, actor, progress).revoked

    def _close(self, connection: Connection, end: YearEnd, revoked: int, now: datetime) -> None:
        actor = chain.schedule_actor_in(connection)
        day = end.last_day.isoformat()
        data: dict[str, Scalar] = {"school_year": str(end.school_year), "last_day": day, "revoked": revoked}
        chain.record(connection, self._engine.hasher, "year_ended", actor, now, data)
        if revoked:
            self._reporter.year_ended(connection, end, revoked, now)

    def held(self) -> list[HeldYear]:
        """The ends that the brake holds and nobody has confirmed."""
        with self._engine.database.read() as connection:
            return held_in(connection, self._engine.policy.calendar)

    def confirm(self, year: SchoolYear, actor: Actor) -> YearEnd:
        """Let a held end run (R52); the caller then sweeps with ``run``.

        Raises NothingHeld, NotAllowed, ClockRefused.
        """
        require_operator(actor, "confirmer une fin d'année")
        end, now = self._engine.policy.calendar.end_of(year), self._engine.clock.now()
        is_held = (
            RECORD.c.school_year == str(year), RECORD.c.held_why.is_not(None), RECORD.c.confirmed_at.is_(None),
            RECORD.c.ends_at == end.ends_at,
        )  # fmt: skip
        with self._engine.database.write() as connection:
            require_right_clock(connection, now)  # before it is said that nothing is held, which may be wrong
            values = {"confirmed_at": now, "confirmed_by": actor.number}
            if now < end.ends_at or connection.execute(update(RECORD).where(*is_held).values(values)).rowcount == 0:
                raise NothingHeld
            data = {"school_year": str(year), "last_day": end.last_day.isoformat()}
            chain.record(connection, self._engine.hasher, "year_end_confirmed", actor, now, data)
        return end

    def ending_by(self, connection: Connection, at: datetime) -> list[YearEnd]:
        """The ends past at ``at`` of the years that have a live request."""
        calendar = self._engine.policy.calendar
        return [calendar.end_of(y) for y in live_years(connection) if calendar.has_ended(y, at)]

    def instant_of(self, day: date) -> datetime:
        """24:00 of a day: the instant that a preview « on » that day evaluates."""
        return self._engine.policy.calendar.midnight(day + timedelta(days=1))

    def preview(self, connection: Connection, at: datetime, actor: Actor) -> Iterator[Sequence[RequestEvent]]:
        """Yield what a sweep at ``at`` would do, batch after batch; nothing is written (R53)."""
        for end in self.ending_by(connection, at):
            yield from self._sweep.preview(connection, end, actor, at)

    def preview_of(
        self, connection: Connection, end: YearEnd, uais: Sequence[str], at: datetime, actor: Actor
    ) -> Sequence[RequestEvent]:
        """Return the same for a few establishments alone, those of one page."""
        return self._sweep.preview_of(connection, end, actor, uais, at)

    def statuses(self, connection: Connection, at: datetime) -> list[YearEndStatus]:
        """Return what the brake would decide at ``at``, if nothing else happened until then."""
        return self._registry.evaluate(connection, at)


def held_in(connection: Connection, calendar: SchoolCalendar) -> list[HeldYear]:
    """The ends that the brake holds and nobody has confirmed; one whose date has moved since is evaluated anew."""
    rows = connection.execute(_HELD).all()
    return [
        HeldYear(school_year(row.school_year), row.last_day, Hold(row.held_why), row.held_at)
        for row in rows
        if is_readable_year(row.school_year) and calendar.end_of(school_year(row.school_year)).ends_at == row.ends_at
    ]


class YearEndReporter:
    """Write to the operators about the ends of years, in the caller's transaction, which makes it happen once."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    def year_ended(self, connection: Connection, end: YearEnd, revoked: int, now: datetime) -> None:
        """Report a swept year: how many, département by département, and what is left to remove (R54)."""
        swept = OCCURRENCE.c.key == done_key(end) + ":" + ESTABLISHMENT.c.uai
        no_mailbox = func.coalesce(ESTABLISHMENT.c.set_mailbox, ESTABLISHMENT.c.mailbox).is_(None)
        not_told = select(ESTABLISHMENT).where(no_mailbox, exists().where(swept)).order_by(ESTABLISHMENT.c.uai)
        counts = _by_departement(connection, end)
        report = self._mailer.reports.year_end_report(
            end, revoked=revoked, establishments=sum(count.establishments for count in counts),
            removals=sum(count.removals for count in counts), questions=sum(count.questions for count in counts),
            without_mailbox=[establishment_from(row) for row in connection.execute(not_told)], departements=counts,
        )  # fmt: skip
        self._mailer.enqueue(connection, [replace(report, dedupe_key=None)], now)

    def year_held(self, connection: Connection, end: YearEnd, hold: Hold, now: datetime) -> None:
        """Alert that a year's end is held, and say why (R52)."""
        live = select(func.count()).where(REQUEST.c.school_year == str(end.school_year), IS_LIVE)
        requests = connection.execute(live).scalar_one()
        alert = self._mailer.reports.brake_alert(end, requests=requests, why=hold.label)
        self._mailer.enqueue(connection, [replace(alert, dedupe_key=None)], now)


class Sweep:
    """Revoke by establishment, in bounded batches, each its own transaction; any number may run at once."""

    def __init__(self, engine: Engine, close: Callable[[Connection, YearEnd, int, datetime], None]) -> None:
        """``close`` writes the operators' report in the transaction that closes the year."""
        self._engine = engine
        self._close = close
        self._size = BATCH if engine.database.is_postgresql else _BATCH_SQLITE

    def run(self, end: YearEnd, actor: Actor, progress: Callable[[int], None] = lambda _: None) -> SweepResult:
        """Revoke what is left of the year. ``progress`` is told how many more after each batch."""
        total = 0
        after: str | None = ""
        with _gc_frozen():
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
            chain.lock(connection)
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


def _by_departement(connection: Connection, end: YearEnd) -> list[DepartementCount]:
    """Count what the sweep revoked and what is left to remove of the whole year, in one query; sorted by code."""
    none, code = literal(0), ESTABLISHMENT.c.departement.label("code")
    swept = select(
        code, literal(1).label("establishments"), OCCURRENCE.c.requests.label("revoked"), none.label("removals"),
        none.label("questions"),
    ).join(OCCURRENCE, OCCURRENCE.c.key == done_key(end) + ":" + ESTABLISHMENT.c.uai)  # fmt: skip
    to_do = (
        select(code, none, none, *(case((REMOVAL.c.kind == kind.value, 1), else_=0) for kind in COUNTED_AS))
        .join(REQUEST, REQUEST.c.uai == ESTABLISHMENT.c.uai)
        .join(REMOVAL, REMOVAL.c.reference == REQUEST.c.reference)
        .where(REQUEST.c.school_year == str(end.school_year), REMOVAL.c.outcome.is_(None))
    )
    table = union_all(swept, to_do).subquery()
    sums = (func.sum(table.c[name]).label(name) for name in COUNTED)
    rows = connection.execute(select(table.c.code, *sums).group_by(table.c.code))
    counts = (DepartementCount(code=row.code, **{name: int(getattr(row, name)) for name in COUNTED}) for row in rows)
    return sorted(counts, key=lambda count: count.code)


def _live(year: SchoolYear, after: str, limit: int) -> Any:
    """The establishments that follow ``after`` and have a live request of the year."""
    return (
        select(REQUEST.c.uai)
        .where(REQUEST.c.school_year == str(year), IS_LIVE, REQUEST.c.uai > after)
        .order_by(REQUEST.c.uai)
        .limit(limit)
    )


@contextmanager
def _gc_frozen() -> Iterator[None]:
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
