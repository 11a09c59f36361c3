"""The register of foreseen year ends, and the brake on those that were not (R51, R52)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from states.model import Actor
from states.policy import Policy
from states.rules.schedule import BrakeDecision, Hold, RecordedEnd, check_brake
from states.school_calendar import SchoolYear, YearEnd
from workflow.database.clock import last_heartbeat
from workflow.database.mapping import is_readable_year, school_year
from workflow.database.schedule_tables import OCCURRENCE, RECORD
from workflow.journal import installation
from workflow.journal.chain import JournalHasher
from workflow.requests.filters import live_years


@dataclass(frozen=True, slots=True)
class YearEndStatus:
    """The brake's decision about one year's end."""

    end: YearEnd
    verdict: BrakeDecision
    hold: Hold | None = None


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
        statuses = []
        for year in _watched_years(connection, self._policy, now):
            end, recorded = self._policy.calendar.end_of(year), None
            if row := connection.execute(select(RECORD).where(RECORD.c.school_year == str(year))).one_or_none():
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
        years = connection.execute(select(RECORD.c.school_year)).scalars()
        strange = sorted(year for year in years if not is_readable_year(year))
        for year in strange:
            connection.execute(delete(RECORD).where(RECORD.c.school_year == year))
            data = {"school_year": year}
            installation.record(connection, self._hasher, "year_end_set_aside", actor, now, data)
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
        installation.record(connection, self._hasher, kind, actor, now, data)


def _watched_years(connection: Connection, policy: Policy, now: datetime) -> list[SchoolYear]:
    """The years to evaluate: those with a live request, those open, and those whose end is past but not closed."""
    past = connection.execute(select(RECORD.c.school_year, RECORD.c.last_day).where(RECORD.c.ends_at <= now)).all()
    known = (row for row in past if is_readable_year(row.school_year))
    keys = {f"year-end:{row.school_year}:{row.last_day}": school_year(row.school_year) for row in known}
    closed = set(connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.in_(keys))).scalars())
    unfinished = {year for key, year in keys.items() if key not in closed}
    watched = {*live_years(connection), *policy.calendar.open_years(now), *unfinished}
    return sorted(year for year in watched if year.is_of_calendar)  # a clock that is wrong opens others
