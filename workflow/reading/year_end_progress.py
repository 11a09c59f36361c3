"""How far a year's end is, in one look (R85): read from what is written, so that a stop and a start lose nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from states.policy import Policy
from states.school_year import SchoolYear, YearEnd
from states.vocabulary import Labelled
from workflow.foresight import Judged
from workflow.preview import count_live
from workflow.reading.year_ends import YearInPlay, past_ends, revoked_so_far, years_in_play

SOON: Final = timedelta(days=1)
"""How long before its instant an end is worth waiting for."""


class EndStage(Labelled):
    """Where a year's end is."""

    TO_COME = "to_come", "à venir"
    HELD = "held", "retenue"
    RUNNING = "running", "en cours"
    STUCK = "stuck", "rien n'avance"
    OVER = "over", "terminée"


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """One look: ``live`` requests are left, ``revoked`` are done; ``moved_at``: when a running one last advanced."""

    end: YearEnd
    stage: EndStage
    live: int
    revoked: int
    moved_at: datetime | None
    is_soon: bool

    @property
    def total(self) -> int:
        return self.live + self.revoked

    @property
    def is_worth_following(self) -> bool:
        """Whether something may change before long."""
        return self.stage is not EndStage.OVER and (self.stage is not EndStage.TO_COME or self.is_soon)


def progress_of(
    connection: Connection, policy: Policy, judged: Sequence[Judged], now: datetime, year: SchoolYear | None = None
) -> Progress | None:
    """Of that year, None when it ended without the software; without one, of the first that has ended and is not over,
    else of the last that is over, else of the next to end."""
    playing = years_in_play(connection, list(judged))
    past = {one.school_year: one for one in past_ends(connection)}
    wanted = year or _first(playing, list(past), now)
    mine = next((one for one in playing if one.end.school_year == wanted), None)
    end = mine.end if mine else policy.calendar.end_of(wanted)
    if mine is None and wanted not in past and now >= end.ends_at:
        return None
    is_over = wanted in past and (mine is None or not mine.live)
    live = mine.live if mine else count_live(connection, wanted)[0]
    return Progress(
        end=end, stage=EndStage.OVER if is_over else _stage(mine, now), live=live,
        revoked=past[wanted].revoked if is_over else revoked_so_far(connection, end),
        moved_at=mine.moved_at if mine else None, is_soon=now >= end.ends_at - SOON,
    )  # fmt: skip


def _first(playing: Sequence[YearInPlay], past: Sequence[SchoolYear], now: datetime) -> SchoolYear:
    begun = [one.end.school_year for one in playing if now >= one.end.ends_at and one.end.school_year not in past]
    to_come = [one.end.school_year for one in playing if now < one.end.ends_at]
    return (begun or list(past[:1]) or to_come)[0]


def _stage(mine: YearInPlay | None, now: datetime) -> EndStage:
    if mine is None or now < mine.end.ends_at:
        return EndStage.TO_COME
    if mine.hold:
        return EndStage.HELD
    return EndStage.STUCK if mine.is_stuck(now) else EndStage.RUNNING
