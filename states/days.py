"""The days on which a school or the rectorat is at work: for reminders, notices and digests (R77)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from states.school_year import SchoolYear
from states.vocabulary import Labelled

Period = tuple[date, date]
"""The first and the last day without school."""
_DAY: Final = timedelta(days=1)
_FARTHEST: Final = 200
"""Days looked at around a day before giving up: more than a summer and the months beside it."""


class DayKind(Labelled):
    """What a day is, for a school."""

    SCHOOL = "school", "jour de classe"
    WEEKEND = "weekend", "week-end"
    PUBLIC_HOLIDAY = "public_holiday", "jour férié"
    GIVEN = "given", "jour chômé"
    SCHOOL_HOLIDAY = "school_holiday", "vacances scolaires"
    UNKNOWN = "unknown", "inconnu"


def no_public_holiday(year: int) -> frozenset[date]:  # noqa: ARG001
    """The public holidays of an académie that has none: for tests."""
    return frozenset()


def year_around(day: date) -> SchoolYear:
    """The school year whose holidays tell what a day is: from 1 September to 31 August."""
    return SchoolYear(day.year if day.month >= 9 else day.year - 1)


@dataclass(frozen=True, kw_only=True)
class SchoolDays:
    """The académie's days off, as the settings and the holidays' calendar give them.

    ``public_holidays`` gives those of a calendar year; ``given`` are other days off; ``holidays`` the school holidays
    by school year. Of a year that is absent there we know nothing, and say so (R77); with ``holidays`` None, for
    tests, every year is known to have none.
    """

    public_holidays: Callable[[int], frozenset[date]] = no_public_holiday
    given: frozenset[date] = field(default_factory=frozenset)
    holidays: Mapping[SchoolYear, tuple[Period, ...]] | None = None

    def kind(self, day: date) -> DayKind:
        """What this day is; UNKNOWN past what the calendar covers, unless it is off in any case."""
        if day.weekday() >= 5:
            return DayKind.WEEKEND
        if day in self.public_holidays(day.year):
            return DayKind.PUBLIC_HOLIDAY
        if day in self.given:
            return DayKind.GIVEN
        if self.holidays is None:
            return DayKind.SCHOOL
        if any(first <= day <= last for first, last in self._around(day)):
            return DayKind.SCHOOL_HOLIDAY
        return DayKind.SCHOOL if year_around(day) in self.holidays else DayKind.UNKNOWN

    def _around(self, day: date) -> tuple[Period, ...]:
        """The holidays that may hold a day: overseas, a year's summer may lie in the next one's September."""
        known, year = self.holidays or {}, year_around(day)
        return tuple(p for shift in (-1, 0, 1) for p in known.get(SchoolYear(year.start + shift), ()))

    def is_school_day(self, day: date) -> bool:
        """Whether schools are certainly open: what a reminder needs."""
        return self.kind(day) is DayKind.SCHOOL

    def is_working_day(self, day: date) -> bool:
        """Whether the rectorat works: it does in the school holidays."""
        return self.kind(day) not in (DayKind.WEEKEND, DayKind.PUBLIC_HOLIDAY, DayKind.GIVEN)

    def last_school_day(self, day: date) -> date | None:
        """The last school day up to ``day`` included; None when what lies before is unknown."""
        return self._first_school_day(day, -_DAY)

    def next_school_day(self, day: date) -> date | None:
        """The first school day from ``day`` on; None when what comes is unknown."""
        return self._first_school_day(day, _DAY)

    def _first_school_day(self, day: date, step: timedelta) -> date | None:
        for _ in range(_FARTHEST):
            match self.kind(day):
                case DayKind.SCHOOL:
                    return day
                case DayKind.UNKNOWN:
                    return None
            day += step
        return None
