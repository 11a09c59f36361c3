"""What is foreseen of each year's end, and the brake (R51, R52): one short transaction at each tick."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from states.model import Actor
from states.policy import Policy
from states.rules.schedule import BrakeDecision, Hold, RecordedEnd, check_brake
from states.school_calendar import SchoolYear, YearEnd
from workflow.database.mapping import school_year
from workflow.database.tables import INSTALLED, NODE, OCCURRENCE, RECORD
from workflow.journal import installation
from workflow.journal.chain import JournalHasher
from workflow.requests.filters import live_years


@dataclass(frozen=True, slots=True)
class YearEndStatus:
    """What a tick found about one year's end."""

    end: YearEnd
    verdict: BrakeDecision
    hold: Hold | None = None


def done_key(end: YearEnd) -> str:
    """The occurrence of a whole year's end; its day is in it, for an end may be moved and come again."""
    return f"year-end:{end.school_year}:{end.last_day}"


def last_seen(connection: Connection, now: datetime | None = None) -> datetime:
    """The last trace of life: the latest tick of any node, else the installation's birth (R52).

    With ``now``, one left later by a clock that has come back since counts only where there is no other: the machine
    may be gone, and would stand in the future for ever.
    """
    latest = select(func.max(NODE.c.seen_at))
    seen: datetime | None = connection.execute(latest.where(NODE.c.seen_at <= now)).scalar() if now else None
    seen = seen or connection.execute(latest).scalar()
    born: datetime = connection.execute(select(INSTALLED.c.created_at)).scalar_one()
    return seen or born


def recorded(connection: Connection, year: SchoolYear) -> RecordedEnd | None:
    row = connection.execute(select(RECORD).where(RECORD.c.school_year == str(year))).one_or_none()
    if row is None:
        return None
    return RecordedEnd(row.ends_at, row.recorded_at, row.held_why is not None, row.confirmed_at is not None)


def watched_years(connection: Connection, policy: Policy, now: datetime) -> list[SchoolYear]:
    """The years to judge: those with a live request, those open, and those whose end is past but not closed."""
    past = connection.execute(select(RECORD.c.school_year, RECORD.c.last_day).where(RECORD.c.ends_at <= now)).all()
    keys = {f"year-end:{row.school_year}:{row.last_day}": school_year(row.school_year) for row in past}
    done = set(connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.in_(keys))).scalars())
    unfinished = {year for key, year in keys.items() if key not in done}
    return sorted({*live_years(connection), *policy.calendar.open_years(now), *unfinished})


class YearEndRegistry:
    """Records the ends to come, and holds those that were not foreseen."""

    def __init__(self, policy: Policy, hasher: JournalHasher) -> None:
        self._policy = policy
        self._hasher = hasher

    def judge(self, connection: Connection, now: datetime) -> list[YearEndStatus]:
        """The verdict on every watched year, without writing."""
        seen = last_seen(connection, now)
        judged = []
        for year in watched_years(connection, self._policy, now):
            end = self._policy.calendar.end_of(year)
            judged.append(YearEndStatus(end, *check_brake(end, recorded(connection, year), now, seen)))
        return judged

    def observe(self, connection: Connection, actor: Actor, now: datetime) -> list[YearEndStatus]:
        """Judge, then record and hold what must be. The caller marks its own trace of life afterwards."""
        judged = self.judge(connection, now)
        for one in judged:
            if one.verdict is BrakeDecision.RECORD or one.verdict is BrakeDecision.HOLD:
                self._keep(connection, actor, one, now)
        return judged

    def _keep(self, connection: Connection, actor: Actor, one: YearEndStatus, now: datetime) -> None:
        year = str(one.end.school_year)
        values = {
            "last_day": one.end.last_day, "ends_at": one.end.ends_at, "recorded_at": now,
            "held_why": one.hold.value if one.hold else None, "held_at": now if one.hold else None,
            "confirmed_at": None, "confirmed_by": None,
        }  # fmt: skip
        changed = connection.execute(update(RECORD).where(RECORD.c.school_year == year).values(values))
        if changed.rowcount == 0:
            connection.execute(insert(RECORD), [{"school_year": year, **values}])
        data = {
            "school_year": year, "last_day": one.end.last_day.isoformat(), "rule": one.end.rule.value,
            "why": one.hold.value if one.hold else None,
        }  # fmt: skip
        kind = "year_end_held" if one.hold else "year_end_foreseen"
        installation.record(connection, self._hasher, kind, actor, now, data)


def record_heartbeat(connection: Connection, host: str, now: datetime) -> None:
    """This machine's trace of life."""
    changed = connection.execute(update(NODE).where(NODE.c.host == host).values(seen_at=now))
    if changed.rowcount == 0:
        connection.execute(insert(NODE), [{"host": host, "seen_at": now}])
