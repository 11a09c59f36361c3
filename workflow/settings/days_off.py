"""The académie's days off: school holidays given year by year, and other days without school (R77)."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from notifications.settings import Section, refusal, refusals
from states.days import Period, SchoolDays
from states.french import day as french_day
from states.school_year import SchoolYear
from workflow.settings.dates import Day, Year
from workflow.settings.holidays import KnownHolidays, Zone
from workflow.settings.public_holidays import public_holidays

_FIRST, _LAST = (8, 1), (9, 30)
"""A year's holidays lie from 1 August before its first day to 30 September after its last: overseas included."""


class PeriodSettings(Section):
    """School holidays: both days are without school."""

    first: Day = Field(description="Premier jour sans classe.")
    last: Day = Field(description="Dernier jour sans classe, veille de la reprise.")

    @field_validator("last")
    @classmethod
    def _after_the_first(cls, last: date, info: ValidationInfo) -> date:
        first = info.data.get("first")
        if first and last < first:
            raise refusal(f"ces vacances finiraient avant de commencer, le {french_day(first)}")
        return last

    @property
    def days(self) -> Period:
        return self.first, self.last


Periods = Annotated[tuple[PeriodSettings, ...], Field(min_length=1, max_length=30)]
Found = Iterator[tuple[tuple[str | int, ...], PydanticCustomError]]


class HolidaysSettings(Section):
    """What the calendars of the zones do not say: Corsica, overseas, years to come, days off of one's own."""

    school: dict[Year, Periods] = Field(
        default_factory=dict,
        description="Toutes les vacances d'une année scolaire, été compris, à la place de celles de la zone :"
        " 2026-2027: [{first: 2026-10-17, last: 2026-11-01}, …] (R77).",
    )
    days_off: tuple[Day, ...] = Field(
        (), description="Autres jours chômés de l'académie, comme un pont : des dates. Rien n'y est rappelé (R77)."
    )

    @field_validator("school")
    @classmethod
    def _in_their_year(
        cls, school: dict[SchoolYear, tuple[PeriodSettings, ...]]
    ) -> dict[SchoolYear, tuple[PeriodSettings, ...]]:
        found = [
            one for year, periods in school.items() for one in (*_outside(year, periods), *_overlaps(year, periods))
        ]
        if found:
            raise refusals(found)
        return school


def _outside(year: SchoolYear, periods: tuple[PeriodSettings, ...]) -> Found:
    earliest, latest = date(year.start, *_FIRST), date(year.end_year, *_LAST)
    for index, period in enumerate(periods):
        if not earliest <= period.first <= period.last <= latest:
            message = f"ces vacances ne sont pas de l'année {year}"
            yield (str(year), index), refusal(message, f"du {french_day(earliest)} au {french_day(latest)}")


def _overlaps(year: SchoolYear, periods: tuple[PeriodSettings, ...]) -> Found:
    for (_, one), (index, other) in pairwise(sorted(enumerate(periods), key=lambda numbered: numbered[1].days)):
        if other.first <= one.last:
            yield (
                (str(year), index),
                refusal(f"ces vacances commencent avant que celles du {french_day(one.first)} soient finies"),
            )


def school_days(
    settings: HolidaysSettings,
    departements: tuple[str, ...],
    zone: Zone | None,
    rentrees: Mapping[SchoolYear, date],
) -> SchoolDays:
    """The days off of these départements: a year given in the settings replaces the zone's whole year (R77)."""
    return SchoolDays(
        public_holidays=public_holidays(departements),
        given=frozenset(settings.days_off),
        holidays=KnownHolidays(
            zone=zone,
            rentrees=dict(rentrees),
            given={year: tuple(sorted(p.days for p in periods)) for year, periods in settings.school.items()},
        ),
    )
