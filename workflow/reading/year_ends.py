"""The ends of school years as people look at them: to come, held, under way, past (R50 to R54)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from states.brake import Hold, Verdict
from states.school_year import SchoolYear, YearEnd
from workflow.foresight import OCCURRENCE, RECORD, Judged, done_key
from workflow.installation import ACTOR
from workflow.preview import count_live
from workflow.rows import school_year

_HOLDS = {hold.value: hold for hold in Hold}


@dataclass(frozen=True, kw_only=True, slots=True)
class YearInPlay:
    """A year's end that is to come or not over yet. ``live`` requests in ``establishments`` are still to revoke,
    ``revoked`` are already; ``hold`` is set while the brake holds it, since ``held_at``."""

    end: YearEnd
    live: int
    establishments: int
    revoked: int
    hold: Hold | None
    held_at: datetime | None
    is_running: bool

    @property
    def total(self) -> int:
        """All that this end revokes."""
        return self.live + self.revoked


@dataclass(frozen=True, kw_only=True, slots=True)
class PastEnd:
    """A year that is over; ``confirmed_by`` is set when the brake held it and somebody let it run (R52)."""

    school_year: SchoolYear
    last_day: date
    revoked: int
    closed_at: datetime
    confirmed_by: str
    confirmed_at: datetime | None


def years_in_play(connection: Connection, judged: list[Judged]) -> tuple[YearInPlay, ...]:
    """Each judged year with its figures (see ``YearEnds.verdicts``)."""
    records = {school_year(row.school_year): row for row in connection.execute(select(RECORD))}
    return tuple(_in_play(connection, one, records.get(one.end.school_year)) for one in judged)


def _in_play(connection: Connection, one: Judged, record: Any) -> YearInPlay:
    live, places = count_live(connection, one.end.school_year)
    held = one.verdict is Verdict.HELD and record is not None
    return YearInPlay(
        end=one.end, live=live, establishments=places, revoked=revoked_so_far(connection, one.end),
        hold=_HOLDS[record.held_why] if held else one.hold, held_at=record.held_at if held else None,
        is_running=one.verdict is Verdict.RUN and not _is_closed(connection, one.end, live),
    )  # fmt: skip


def _is_closed(connection: Connection, end: YearEnd, live: int) -> bool:
    closed = select(OCCURRENCE.c.key).where(OCCURRENCE.c.key == done_key(end))
    return not live and connection.execute(closed).first() is not None


def revoked_so_far(connection: Connection, end: YearEnd) -> int:
    """How many requests this end has revoked, establishment after establishment (R50)."""
    key = done_key(end)
    counts = select(func.sum(OCCURRENCE.c.requests)).where(OCCURRENCE.c.key.startswith(f"{key}:", autoescape=True))
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
