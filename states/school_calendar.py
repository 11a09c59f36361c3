"""School years, their campaigns and their ends (R20 to R24); school days and days off (R77).

Computed from given dates, never from a clock.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from states.validation import plain_hyphens
from states.vocabulary import Labelled

LATE_DECLARATION_DAYS = 30

FIRST_DATE_YEAR, LAST_DATE_YEAR = 2, 9997
"""Between these, a date and those around it can be computed."""

Period = tuple[date, date]
"""The first and the last day without school."""

_DAY: Final = timedelta(days=1)

_FARTHEST: Final = 200
"""Days looked at around a day before giving up: more than a summer and the months beside it."""


def months_before(day: date, months: int) -> date:
    """The same day some months before, or the last one of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, order=True, slots=True)
class SchoolYear:
    """A school year, by the calendar year in which it begins: ``SchoolYear(2026)`` is 2026-2027."""

    start: int

    @classmethod
    def parse(cls, text: str) -> "SchoolYear":
        """Read ``2026-2027``, of this century. Raises ValueError, in French, on anything else."""
        match = re.fullmatch(r"\s*([0-9]{4})\s*[-/]\s*([0-9]{4})\s*", plain_hyphens(text))
        if not match or int(match[2]) != int(match[1]) + 1:
            raise ValueError(f"« {text} » n'est pas une année scolaire : écrire par exemple 2026-2027")
        if not match[1].startswith("20"):
            raise ValueError(f"« {text} » est une année hors du calendrier, qui va de 2000-2001 à 2099-2100")
        return cls(int(match[1]))

    @classmethod
    def stored(cls, text: str) -> "SchoolYear":
        """Read a stored year, of any century: what a clock that was wrong has written must not stop those who read.

        Raises ValueError.
        """
        start, end = (int(part) for part in text.split("-"))
        if end != start + 1 or not FIRST_DATE_YEAR < start < LAST_DATE_YEAR:
            raise ValueError(f"{text!r} is no school year")
        return cls(start)

    @property
    def is_of_calendar(self) -> bool:
        """True for the years that a person may name: see ``parse``."""
        return 2000 <= self.start <= 2099

    @property
    def end_year(self) -> int:
        """The calendar year in which it ends: the one that a reference bears."""
        return self.start + 1

    @property
    def next(self) -> "SchoolYear":
        return SchoolYear(self.start + 1)

    def __str__(self) -> str:
        return f"{self.start}-{self.end_year}"


class EndRule(StrEnum):
    """Ways to find the end of a year (R22)."""

    EVE_OF_RENTREE = "eve_of_rentree"
    SUMMER_START = "summer_start"
    FIXED_DAY = "fixed_day"
    GIVEN = "given"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class YearEnd:
    """The last day of a school year, the instant at which it is over (aware UTC), and how it was found."""

    school_year: SchoolYear
    last_day: date
    ends_at: datetime
    rule: EndRule

    @property
    def is_default(self) -> bool:
        """True when no date was known and 31 August stands in (R22): to be said wherever it is shown."""
        return self.rule is EndRule.DEFAULT


@dataclass(frozen=True, kw_only=True)
class SchoolCalendar:
    """The settings from which every year's campaign and end are computed (R20 to R23).

    ``rule`` is one of EVE_OF_RENTREE, SUMMER_START or FIXED_DAY (then ``fixed_day`` is (month, day)).
    ``rentrees`` gives the pupils' return by the year that begins with it; ``given_ends`` overrides any rule;
    ``summer_starts`` gives the first day of the summer holidays by the year that they end.
    """

    timezone: ZoneInfo
    rule: EndRule = EndRule.EVE_OF_RENTREE
    fixed_day: tuple[int, int] | None = None
    rentrees: dict[SchoolYear, date] = field(default_factory=dict)
    given_ends: dict[SchoolYear, date] = field(default_factory=dict)
    summer_starts: dict[SchoolYear, date] = field(default_factory=dict)
    campaign_opens: tuple[int, int] = (6, 1)

    @cached_property
    def _ends(self) -> dict[int, YearEnd]:
        return {}

    def end_of(self, year: SchoolYear) -> YearEnd:
        """The end of this year, at 24:00 of its last day in the académie's timezone (R22, R23)."""
        end = self._ends.get(year.start)
        if end is None:
            last_day, rule = self._last_day(year)
            end = YearEnd(year, last_day, self.midnight(last_day + timedelta(days=1)), rule)
            self._ends[year.start] = end
        return end

    def _last_day(self, year: SchoolYear) -> tuple[date, EndRule]:
        if year in self.given_ends:
            return self.given_ends[year], EndRule.GIVEN
        if self.rule is EndRule.FIXED_DAY and self.fixed_day:
            return date(year.end_year, *self.fixed_day), EndRule.FIXED_DAY
        if self.rule is EndRule.SUMMER_START and year in self.summer_starts:
            return self.summer_starts[year], EndRule.SUMMER_START
        if self.rule is EndRule.EVE_OF_RENTREE and year.next in self.rentrees:
            return self.rentrees[year.next] - timedelta(days=1), EndRule.EVE_OF_RENTREE
        return date(year.end_year, 8, 31), EndRule.DEFAULT

    def midnight(self, day: date) -> datetime:
        """The instant (UTC) at which ``day`` begins in the académie."""
        return datetime.combine(day, time(), tzinfo=self.timezone).astimezone(UTC)

    def today(self, now: datetime) -> date:
        """The académie's calendar day at the instant ``now``."""
        return now.astimezone(self.timezone).date()

    def opening_day(self, year: SchoolYear) -> date:
        """The day on which the year's campaign opens (R20)."""
        month, day = self.campaign_opens
        return date(year.start, month, day)

    def pupils_return(self, year: SchoolYear) -> date:
        """The day on which pupils come back for the year; 1 September when no setting gives it (R22, R81)."""
        return self.rentrees.get(year, date(year.start, 9, 1))

    def accepts_from(self, year: SchoolYear) -> date:
        """The first day on which a declaration for ``year`` is accepted: its campaign's opening, or the morrow of the
        year before when nothing else is open then (R20)."""
        return min(self.opening_day(year), self.end_of(SchoolYear(year.start - 1)).last_day + timedelta(days=1))

    def has_ended(self, year: SchoolYear, now: datetime) -> bool:
        """Return True when the year is over at ``now`` (R24)."""
        return now >= self.end_of(year).ends_at

    def last_end(self, now: datetime) -> datetime:
        """The instant at which a school year ended last, at ``now`` or before."""
        around = (SchoolYear(self.today(now).year + shift) for shift in (-2, -1, 0))
        return max(self.end_of(year).ends_at for year in around if self.has_ended(year, now))

    def open_years(self, now: datetime) -> tuple[SchoolYear, ...]:
        """The years that accept a declaration, the earliest first, never empty (R20)."""
        today = self.today(now)
        around = [SchoolYear(today.year + shift) for shift in (-2, -1, 0, 1)]
        running = [y for y in around if self.opening_day(y) <= today and not self.has_ended(y, now)]
        if running:
            return tuple(running)
        return (next(y for y in around if not self.has_ended(y, now)),)


class DayKind(Labelled):
    """Kinds of days, for a school."""

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
    """The school year whose holidays hold a day: from 1 September to 31 August."""
    return SchoolYear(day.year if day.month >= 9 else day.year - 1)


@dataclass(frozen=True, kw_only=True)
class SchoolDays:
    """Days off of the académie, from the settings and the holidays' calendar.

    ``public_holidays`` returns those of a calendar year; ``days_off`` are others, from the settings; ``holidays`` are
    the school holidays by school year. A year absent there is unknown (R77); with ``holidays`` None, for tests, every
    year is known to have none.
    """

    public_holidays: Callable[[int], frozenset[date]] = no_public_holiday
    days_off: frozenset[date] = field(default_factory=frozenset)
    holidays: Mapping[SchoolYear, tuple[Period, ...]] | None = None
    _kinds: dict[date, DayKind] = field(default_factory=dict, init=False, repr=False, compare=False)

    def kind(self, day: date) -> DayKind:
        """The kind of a day; UNKNOWN past what the calendar covers, unless it is off in any case."""
        if day not in self._kinds:  # the schedule asks for the same weeks at each tick
            self._kinds[day] = self._kind(day)
        return self._kinds[day]

    def _kind(self, day: date) -> DayKind:
        if day.weekday() >= 5:
            return DayKind.WEEKEND
        if day in self.public_holidays(day.year):
            return DayKind.PUBLIC_HOLIDAY
        if day in self.days_off:
            return DayKind.GIVEN
        if self.holidays is None:
            return DayKind.SCHOOL
        if any(first <= day <= last for first, last in self._around(day)):
            return DayKind.SCHOOL_HOLIDAY
        return DayKind.SCHOOL if year_around(day) in self.holidays else DayKind.UNKNOWN

    def _around(self, day: date) -> tuple[Period, ...]:
        """The holidays that may hold a day: overseas, a year's summer may lie in the next one's September."""
        holidays, year = self.holidays or {}, year_around(day)
        return tuple(period for shift in (-1, 0, 1) for period in holidays.get(SchoolYear(year.start + shift), ()))

    def is_school_day(self, day: date) -> bool:
        """Return True when schools are certainly open, as a reminder needs."""
        return self.kind(day) is DayKind.SCHOOL

    def is_working_day(self, day: date) -> bool:
        """Return True when the rectorat works, as it does in the school holidays."""
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
