"""The ends of school years for display: to come, held, under way, past (R50 to R54)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from states.rules.schedule import BrakeDecision, Hold
from states.school_calendar import SchoolYear, YearEnd
from workflow.database.journal_tables import ACTOR
from workflow.database.mapping import is_readable_year, school_year
from workflow.database.schedule_tables import OCCURRENCE, RECORD
from workflow.database.tables import COUNTER, IS_LIVE, REQUEST
from workflow.year_end.holds import YearEndStatus, done_key
from workflow.year_end.preview import count_live
from workflow.year_end.renewals import renewed

STUCK_AFTER = timedelta(minutes=3)
"""A batch takes a second, and any machine begins one at each of its ticks, a minute apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveYearEnd:
    """A year's end that is to come or not over yet.

    ``live`` requests in ``establishments`` are still to revoke, ``revoked`` are already; ``hold`` is set while the
    brake holds it, since ``held_at``; ``renewed``: how many of the live ones have a request for the next year already
    (R81). While it runs, ``moved_at`` is when it last advanced.
    """

    end: YearEnd
    live: int
    establishments: int
    renewed: int
    revoked: int
    hold: Hold | None
    held_at: datetime | None
    is_running: bool
    moved_at: datetime | None = None

    @property
    def total(self) -> int:
        """All that this end revokes."""
        return self.live + self.revoked

    def is_stuck(self, now: datetime) -> bool:
        """True if nothing was revoked for so long that every machine must be stopped.

        All that is left will be done as soon as one works again (R50).
        """
        return self.is_running and self.moved_at is not None and now - self.moved_at > STUCK_AFTER


@dataclass(frozen=True, kw_only=True, slots=True)
class PastEnd:
    """A year that is over; ``confirmed_by`` is set when the brake held it and somebody let it run (R52)."""

    school_year: SchoolYear
    last_day: date
    revoked: int
    closed_at: datetime
    confirmed_by: str
    confirmed_at: datetime | None


def active_year_ends(connection: Connection, statuses: list[YearEndStatus]) -> tuple[ActiveYearEnd, ...]:
    """Each evaluated year with its figures (see ``YearEnds.statuses``)."""
    rows = (row for row in connection.execute(select(RECORD)) if is_readable_year(row.school_year))
    records = {school_year(row.school_year): row for row in rows}
    return tuple(_active_year_end(connection, status, records.get(status.end.school_year)) for status in statuses)


def _active_year_end(connection: Connection, status: YearEndStatus, record: Any) -> ActiveYearEnd:
    end = status.end
    live, establishments = count_live(connection, end.school_year)
    is_held = status.verdict is BrakeDecision.HELD and record is not None
    closed = select(OCCURRENCE.c.key).where(OCCURRENCE.c.key == done_key(end))
    is_over = not live and connection.execute(closed).first() is not None
    is_running = status.verdict is BrakeDecision.RUN and not is_over
    moved_at: datetime | None = None
    if is_running:  # the last batch, else the instant from which it could run
        moved_at = connection.execute(select(func.max(OCCURRENCE.c.at)).where(_is_of(end))).scalar()
        confirmed_at = record.confirmed_at if record is not None else None
        moved_at = moved_at or max(end.ends_at, confirmed_at or end.ends_at)
    return ActiveYearEnd(
        end=end, live=live, establishments=establishments, revoked=revoked_so_far(connection, end),
        hold=Hold.of(record.held_why) if is_held else status.hold, held_at=record.held_at if is_held else None,
        is_running=is_running, renewed=_renewed(connection, end.school_year) if live else 0,
        moved_at=moved_at,
    )  # fmt: skip


def _renewed(connection: Connection, year: SchoolYear) -> int:
    """Count the live requests of the year that have one for the next; none before its first reference."""
    first = select(COUNTER.c.last).where(COUNTER.c.school_year == str(year.next))
    if connection.execute(first).first() is None:
        return 0
    live = select(func.count()).select_from(REQUEST).where(REQUEST.c.school_year == str(year), IS_LIVE, renewed(year))
    return int(connection.execute(live).scalar_one())


def _is_of(end: YearEnd) -> ColumnElement[bool]:
    """The condition on each establishment's occurrence of this end."""
    return OCCURRENCE.c.key.startswith(f"{done_key(end)}:", autoescape=True)


def revoked_so_far(connection: Connection, end: YearEnd) -> int:
    """Sum the requests that this end has revoked, establishment after establishment (R50)."""
    counts = select(func.sum(OCCURRENCE.c.requests)).where(_is_of(end))
    return int(connection.execute(counts).scalar() or 0)


def past_ends(connection: Connection) -> tuple[PastEnd, ...]:
    """The years that are over, the latest first."""
    records = select(RECORD, ACTOR.c.label).outerjoin(ACTOR, ACTOR.c.number == RECORD.c.confirmed_by)
    keys = {
        f"year-end:{row.school_year}:{row.last_day}": row
        for row in connection.execute(records)
        if is_readable_year(row.school_year)
    }
    closed = connection.execute(select(OCCURRENCE).where(OCCURRENCE.c.key.in_(keys))).all()
    ends = [
        PastEnd(
            school_year=school_year(keys[row.key].school_year), last_day=keys[row.key].last_day, revoked=row.requests,
            closed_at=row.at, confirmed_by=keys[row.key].label or "", confirmed_at=keys[row.key].confirmed_at,
        )
        for row in closed
    ]  # fmt: skip
    return tuple(sorted(ends, key=lambda end: end.school_year, reverse=True))
