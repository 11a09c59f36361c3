"""The ends of school years as people look at them: to come, held, under way, past (R50 to R54)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from states.rules.schedule import BrakeDecision, Hold
from states.school_calendar import SchoolYear, YearEnd
from workflow.database.mapping import school_year
from workflow.database.tables import ACTOR, COUNTER, IS_LIVE, OCCURRENCE, RECORD, REQUEST
from workflow.year_end.holds import YearEndStatus, done_key
from workflow.year_end.preview import count_live
from workflow.year_end.renewals import renewed

STUCK_AFTER = timedelta(minutes=3)
"""A batch takes a second, and any machine begins one at each of its ticks, a minute apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class YearInPlay:
    """A year's end that is to come or not over yet. ``live`` requests in ``establishments`` are still to revoke,
    ``revoked`` are already; ``hold`` is set while the brake holds it, since ``held_at``; ``renewed``: how many of the
    live ones have a request for the next year already (R81). While it runs, ``moved_at`` is when it last advanced."""

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
        """Whether nobody has revoked anything for so long that every machine must be stopped; all that is left will be
        done as soon as one works again (R50)."""
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


def years_in_play(connection: Connection, judged: list[YearEndStatus]) -> tuple[YearInPlay, ...]:
    """Each judged year with its figures (see ``YearEnds.verdicts``)."""
    records = {school_year(row.school_year): row for row in connection.execute(select(RECORD))}
    return tuple(_in_play(connection, one, records.get(one.end.school_year)) for one in judged)


def _in_play(connection: Connection, one: YearEndStatus, record: Any) -> YearInPlay:
    live, places = count_live(connection, one.end.school_year)
    held = one.verdict is BrakeDecision.HELD and record is not None
    running = one.verdict is BrakeDecision.RUN and not _is_closed(connection, one.end, live)
    return YearInPlay(
        end=one.end, live=live, establishments=places, revoked=revoked_so_far(connection, one.end),
        hold=Hold.of(record.held_why) if held else one.hold, held_at=record.held_at if held else None,
        is_running=running, renewed=_renewed(connection, one.end.school_year) if live else 0,
        moved_at=_moved_at(connection, one.end, record) if running else None,
    )  # fmt: skip


def _renewed(connection: Connection, year: SchoolYear) -> int:
    """How many live requests of the year have one for the next; nothing to look for before its first reference."""
    begun = select(COUNTER.c.last).where(COUNTER.c.school_year == str(year.next))
    if connection.execute(begun).first() is None:
        return 0
    live = select(func.count()).select_from(REQUEST).where(REQUEST.c.school_year == str(year), IS_LIVE, renewed(year))
    return int(connection.execute(live).scalar_one())


def _moved_at(connection: Connection, end: YearEnd, record: Any) -> datetime:
    """The last batch, else the instant from which it could run."""
    last: datetime | None = connection.execute(select(func.max(OCCURRENCE.c.at)).where(_of(end))).scalar()
    confirmed = record.confirmed_at if record is not None else None
    return last or max(end.ends_at, confirmed or end.ends_at)


def _of(end: YearEnd) -> ColumnElement[bool]:
    """What each establishment's occurrence of this end is known by."""
    return OCCURRENCE.c.key.startswith(f"{done_key(end)}:", autoescape=True)


def _is_closed(connection: Connection, end: YearEnd, live: int) -> bool:
    closed = select(OCCURRENCE.c.key).where(OCCURRENCE.c.key == done_key(end))
    return not live and connection.execute(closed).first() is not None


def revoked_so_far(connection: Connection, end: YearEnd) -> int:
    """How many requests this end has revoked, establishment after establishment (R50)."""
    counts = select(func.sum(OCCURRENCE.c.requests)).where(_of(end))
    return int(connection.execute(counts).scalar() or 0)


def past_ends(connection: Connection) -> tuple[PastEnd, ...]:
    """The years that are over, the latest first."""
    named = select(RECORD, ACTOR.c.label).outerjoin(ACTOR, ACTOR.c.number == RECORD.c.confirmed_by)
    keys = {f"year-end:{row.school_year}:{row.last_day}": row for row in connection.execute(named)}
    closed = connection.execute(select(OCCURRENCE).where(OCCURRENCE.c.key.in_(keys))).all()
    found = [
        PastEnd(
            school_year=school_year(keys[row.key].school_year), last_day=keys[row.key].last_day, revoked=row.requests,
            closed_at=row.at, confirmed_by=keys[row.key].label or "", confirmed_at=keys[row.key].confirmed_at,
        )
        for row in closed
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: one.school_year, reverse=True))
