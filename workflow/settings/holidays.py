"""The first day of the summer holidays, from the package vacances-scolaires-france."""

from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from states.school_year import SchoolYear

Zone = Literal["A", "B", "C"]
_FULL_SUMMER = timedelta(days=28)


@lru_cache
def summer_starts(zone: Zone) -> dict[SchoolYear, date]:
    """The first day of summer by the school year that it ends, for every summer that the package covers.

    A year that it does not cover is absent: the calendar then says that its end is the default date (R22).
    """
    from vacances_scolaires_france import SchoolHolidayDates

    known = SchoolHolidayDates()
    found = {}
    for calendar_year in range(known.min_year, known.max_year + 1):
        # By date, not by name: the package reads its names in the machine's encoding.
        days = set(known.holidays_for_year_and_zone(calendar_year, zone))
        candidates = (date(calendar_year, 6, 15) + timedelta(days=n) for n in range(50))
        first = next((day for day in candidates if day in days), None)
        if first and first + _FULL_SUMMER in days:
            found[SchoolYear(calendar_year - 1)] = first
    return found
