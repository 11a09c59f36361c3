"""The two dates and the school year of the figures: what is asked for, and what is proposed (R99)."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from states.school_calendar import SchoolCalendar, SchoolYear
from workflow.figures.account import (
    FiguresAccount,
    FiguresReader,
    FigureTargets,
    year_of,
    years_counted,
)
from workflow.figures.ledger import MOST_FRESH_EVENTS, FigureLedger
from workflow.settings.sections import TargetsSettings


class DayToCome(ValueError):
    """A day of which there are no figures yet; the message says so in French."""


@dataclass(frozen=True, kw_only=True)
class FiguresChoice:
    """``day`` beside the earlier day ``before``. ``year`` None: at each of them, the year that runs then."""

    day: date
    before: date
    year: SchoolYear | None = None

    def year_at(self, calendar: SchoolCalendar, day: date) -> SchoolYear:
        return self.year or year_of(calendar, day)


def choose(
    connection: Connection, calendar: SchoolCalendar, today: date, *, day: date | None = None,
    before: date | None = None, year: SchoolYear | None = None,
) -> FiguresChoice:  # fmt: skip
    """What is asked for, with a proposal for what is not. Raises DayToCome.

    Proposed: today, or the last day of a year that is over; beside the same day a year earlier when there were requests
    for that year, else the opening of the campaign.
    """
    for given in (day, before):
        if given and given > today:
            raise DayToCome(f"Le {given:%d/%m/%Y} est à venir : donner un jour passé, ou aujourd'hui.")
    day = day or (min(today, calendar.end_of(year).last_day) if year else today)
    if before:
        return FiguresChoice(day=day, before=before, year=year)
    a_year_ago = _a_year_before(day)
    if year is None and year_of(calendar, a_year_ago) in years_counted(connection):
        return FiguresChoice(day=day, before=a_year_ago)
    year = year or year_of(calendar, day)
    opening = calendar.opening_day(year)
    return FiguresChoice(day=day, before=opening if opening < day else day - timedelta(days=7), year=year)


def _a_year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28)


def account_of(
    connection: Connection, ledger: FigureLedger, calendar: SchoolCalendar, choice: FiguresChoice,
    targets: TargetsSettings, most_fresh: int | None = MOST_FRESH_EVENTS,
) -> FiguresAccount:  # fmt: skip
    """The figures that were asked for. Raises CountingUnderWay when more than ``most_fresh`` events are not counted."""
    reader = FiguresReader(connection, ledger, calendar, most_fresh)
    now, before = choice.year_at(calendar, choice.day), choice.year_at(calendar, choice.before)
    wanted = FigureTargets(**targets.model_dump())
    return reader.account((choice.day, now), (choice.before, before), wanted)
