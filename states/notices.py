"""When the end of a school year is announced to an establishment (R78): pure, from dates alone."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from states.days import DayKind, SchoolDays
from states.school_year import YearEnd

_DAY: Final = timedelta(days=1)
_MAYBE_OPEN: Final = (DayKind.SCHOOL, DayKind.UNKNOWN)
"""Where nothing is known, a working day will do: a notice, unlike a reminder, may not be left out."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A day on which a notice leaves, and the delays of the settings for which it stands, the longest first."""

    day: date
    before: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A notice to send today: the delays for which it stands, the longest first, and the days that are left."""

    before: tuple[int, ...]
    days_left: int


def planned(end: YearEnd, days: SchoolDays, notices: Iterable[int]) -> tuple[Planned, ...]:
    """The days on which an end is announced, the earliest first; two delays brought to one day are one notice."""
    found: dict[date, list[int]] = {}
    for before in sorted(set(notices), reverse=True):
        found.setdefault(_brought_back(end.last_day - timedelta(days=before), days), []).append(before)
    return tuple(Planned(day, tuple(found[day])) for day in sorted(found))


def _brought_back(day: date, days: SchoolDays) -> date:
    """The last school day up to this one; where that is unknown, the last working day."""
    known = days.last_school_day(day)
    if known is not None:
        return known
    while not days.is_working_day(day):
        day -= _DAY
    return day


def due(
    end: YearEnd, plan: Iterable[Planned], today: date, sent: Collection[int], days: SchoolDays
) -> DueNotice | None:
    """The notice to send today, None when there is none.

    ``sent``: the delays of this end whose notice has left. Those that were missed leave together, with the day's own:
    today if it is a school day or if no other comes before the end, else they wait for one.
    """
    if today > end.last_day:
        return None
    overdue = [one for one in plan if one.day <= today and not set(one.before) & set(sent)]
    if not overdue or not (overdue[-1].day == today or _leaving_day(end, today, days) == today):
        return None
    return DueNotice(tuple(before for one in overdue for before in one.before), (end.last_day - today).days)


def _leaving_day(end: YearEnd, today: date, days: SchoolDays) -> date:
    """The first day from today on that may be of school, up to the end; today when there is none."""
    ahead = (today + timedelta(days=n) for n in range((end.last_day - today).days + 1))
    return next((day for day in ahead if days.kind(day) in _MAYBE_OPEN), today)
