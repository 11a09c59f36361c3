"""School and public holidays, from two packages that are read only when a day is asked about (R22, R77)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Final, Literal

from states.school_calendar import Period, SchoolYear, year_around

_SUBDIVISIONS: Final = {
    "57": "57", "67": "6AE", "68": "6AE", "971": "971", "972": "972", "973": "973", "974": "974", "975": "PM",
    "976": "976", "977": "BL", "978": "MF", "984": "TF", "986": "WF", "987": "PF", "988": "NC",
}  # fmt: skip
"""The départements whose public holidays are not those of all France, as the package holidays calls them."""


@lru_cache
def public_holidays(departements: tuple[str, ...]) -> Callable[[int], frozenset[date]]:
    """The public holidays of a calendar year: a day that is off in one of these départements is off (R77)."""
    subdivisions = frozenset(_SUBDIVISIONS.get(code) for code in departements)

    @lru_cache(maxsize=64)
    def of_year(year: int) -> frozenset[date]:
        from holidays import country_holidays

        return frozenset(
            day for subdivision in subdivisions for day in country_holidays("FR", subdiv=subdivision, years=year)
        )

    return of_year


@lru_cache
def ascension(calendar_year: int) -> date:
    """The Thursday of the Ascension."""
    from holidays import country_holidays

    return country_holidays("FR", years=calendar_year).get_named("Ascension")[0]


Zone = Literal["A", "B", "C"]

_DAY: Final = timedelta(days=1)

_FULL_SUMMER: Final = timedelta(days=28)

_SEASONS: Final = (
    ((10, 1), (11, 5)), ((12, 10), (12, 31)), ((1, 25), (3, 14)), ((3, 15), (5, 10)), ((6, 15), (7, 31)),
)  # fmt: skip
"""The days between which the holidays of autumn, Christmas, winter, spring and summer begin, in every zone."""

_SHORTEST: Final = timedelta(days=8)


@lru_cache
def zone_days(zone: Zone) -> frozenset[date]:
    """Every day of school holidays that the package knows for this zone, Sundays included."""
    from vacances_scolaires_france import SchoolHolidayDates

    known = SchoolHolidayDates()
    years = range(known.min_year, known.max_year + 1)
    # By date, never by name: the package reads its names in the machine's encoding.
    return frozenset(day for year in years for day in known.holidays_for_year_and_zone(year, zone))


@lru_cache
def zone_periods(zone: Zone) -> tuple[Period, ...]:
    """The zone's school holidays, the earliest first: days that follow one another make one period."""
    days = zone_days(zone)
    firsts = sorted(day for day in days if day - _DAY not in days)
    lasts = sorted(day for day in days if day + _DAY not in days)
    return tuple(zip(firsts, lasts, strict=True))


@lru_cache
def summer_starts(zone: Zone) -> dict[SchoolYear, date]:
    """The first day of summer by the school year that it ends, for every summer that the package covers.

    A year that it does not cover is absent: the calendar then says that its end is the default date (R22).
    """
    return {year_around(period[0]): period[0] for period in zone_periods(zone) if _is_summer(period)}


def _is_summer(period: Period) -> bool:
    return period[0].month in (6, 7) and period[1] - period[0] >= _FULL_SUMMER


@lru_cache
def zone_years(zone: Zone) -> dict[SchoolYear, tuple[Period, ...]]:
    """The zone's holidays by school year, for those alone of which the package has all five.

    Past its last calendar it answers that no day is off, without a word: a year without its five is not known (R77).
    """
    by_year: dict[SchoolYear, list[Period]] = {}
    for period in zone_periods(zone):
        by_year.setdefault(year_around(period[0]), []).append(period)
    return {year: _with_bridge(year, periods) for year, periods in by_year.items() if _is_whole(periods)}


def _is_whole(periods: list[Period]) -> bool:
    """True if each season's holidays are there, and the summer to its end."""
    long = [(first.month, first.day) for first, last in periods if last - first >= _SHORTEST]
    to_its_end = any(_is_summer(period) and (period[1].month, period[1].day) >= (8, 20) for period in periods)
    return to_its_end and all(any(first <= begins <= last for begins in long) for first, last in _SEASONS)


def _with_bridge(year: SchoolYear, periods: list[Period]) -> tuple[Period, ...]:
    """The package forgets some years' Friday after the Ascension (2024 to 2026), off in every calendar since 2016."""
    thursday = ascension(year.end_year)
    if any(first <= thursday + _DAY <= last for first, last in periods):
        return tuple(periods)
    return tuple(sorted([*periods, (thursday, thursday + 2 * _DAY)]))


@dataclass(frozen=True, kw_only=True)
class SchoolHolidays(Mapping[SchoolYear, tuple[Period, ...]]):
    """The school holidays of every year that is known: the settings' own, else the zone's.

    ``rentrees``, the pupils' returns of the settings, give to the day the end of a zone's summer; they change
    nothing of a year ``from_settings``.
    """

    zone: Zone | None = None
    rentrees: Mapping[SchoolYear, date] = field(default_factory=dict)
    from_settings: Mapping[SchoolYear, tuple[Period, ...]] = field(default_factory=dict)

    @cached_property
    def _zone(self) -> dict[SchoolYear, tuple[Period, ...]]:
        years = dict(zone_years(self.zone)) if self.zone else {}
        for year, periods in years.items():
            if rentree := self.rentrees.get(year.next):
                years[year] = tuple((p[0], rentree - _DAY) if _is_summer(p) else p for p in periods)
        return years

    def __getitem__(self, year: SchoolYear) -> tuple[Period, ...]:
        return self.from_settings[year] if year in self.from_settings else self._zone[year]

    def __iter__(self) -> Iterator[SchoolYear]:
        return iter(sorted({*self.from_settings, *self._zone}))

    def __len__(self) -> int:
        return len({*self.from_settings, *self._zone})
