"""The days off of the simulated académies, copied from the official calendars: the oracle's own table (R77).

Nothing here reads the packages or the code under test; what the settings must be told is written from
``GIVEN_CALENDARS``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)
WORKED, OFF, UNKNOWN = "worked", "off", "unknown"
EASTERS = {y: date.fromisoformat(d) for y, d in {
    2026: "2026-04-05", 2027: "2027-03-28", 2028: "2028-04-16", 2029: "2029-04-01", 2030: "2030-04-21",
    2031: "2031-04-13", 2032: "2032-03-28", 2033: "2033-04-17",
}.items()}  # fmt: skip
FIXED = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
ABOLITION = (12, 20)
"""The end of slavery in La Réunion."""

# From the first day without school to the eve of the return.
_PUBLISHED = {
    "A": """2026-10-17 2026-11-01, 2026-12-19 2027-01-03, 2027-02-13 2027-02-28, 2027-04-10 2027-04-25,
            2027-05-06 2027-05-09, 2027-07-03 2027-08-31,
            2027-10-23 2027-11-07, 2027-12-18 2028-01-02, 2028-02-19 2028-03-05, 2028-04-22 2028-05-08,
            2028-05-25 2028-05-28, 2028-07-04 2028-08-31""",
    "B": """2026-10-17 2026-11-01, 2026-12-19 2027-01-03, 2027-02-20 2027-03-07, 2027-04-17 2027-05-02,
            2027-05-06 2027-05-09, 2027-07-03 2027-08-31,
            2027-10-23 2027-11-07, 2027-12-18 2028-01-02, 2028-02-05 2028-02-20, 2028-04-08 2028-04-23,
            2028-05-25 2028-05-28, 2028-07-04 2028-08-31""",
    "C": """2026-10-17 2026-11-01, 2026-12-19 2027-01-03, 2027-02-06 2027-02-21, 2027-04-03 2027-04-18,
            2027-05-06 2027-05-09, 2027-07-03 2027-08-31,
            2027-10-23 2027-11-07, 2027-12-18 2028-01-02, 2028-02-12 2028-02-27, 2028-04-15 2028-05-01,
            2028-05-25 2028-05-28, 2028-07-04 2028-08-31""",
}
# Given by the settings: by the school year's label, for académies that no zone covers and for years to come.
_GIVEN_CALENDARS = {
    "Réunion": {
        2026: """2026-10-10 2026-10-25, 2026-12-19 2027-01-24, 2027-03-06 2027-03-21, 2027-05-06 2027-05-16,
                 2027-07-10 2027-08-15""",
        2027: """2027-10-09 2027-10-24, 2027-12-18 2028-01-23, 2028-03-04 2028-03-19, 2028-05-06 2028-05-21,
                 2028-07-08 2028-08-15""",
    },
    "Corse": {
        2026: """2026-10-17 2026-11-02, 2026-12-19 2027-01-03, 2027-02-20 2027-03-07, 2027-04-24 2027-05-09,
                 2027-07-03 2027-08-31""",
        2027: """2027-10-23 2027-11-07, 2027-12-18 2028-01-02, 2028-02-19 2028-03-05, 2028-04-15 2028-05-01,
                 2028-07-04 2028-08-31""",
    },
    "C": {
        2028: """2028-10-21 2028-11-05, 2028-12-23 2029-01-07, 2029-02-10 2029-02-25, 2029-04-07 2029-04-22,
                 2029-05-10 2029-05-13, 2029-07-07 2029-08-31""",
    },
}  # fmt: skip

Period = tuple[date, date]


def _read(text: str) -> tuple[Period, ...]:
    pairs = (pair.split() for pair in text.split(","))
    return tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in pairs)


PUBLISHED = {zone: _read(text) for zone, text in _PUBLISHED.items()}
GIVEN_CALENDARS = {
    place: {year: _read(text) for year, text in years.items()} for place, years in _GIVEN_CALENDARS.items()
}


@dataclass(frozen=True, kw_only=True)
class Almanac:
    """What is known of a place's days: ``known`` are the spans of days in which the holidays are all there."""

    holidays: tuple[Period, ...]
    known: tuple[Period, ...]
    public: frozenset[date]
    days_off: frozenset[date] = frozenset()

    def worked(self, day: date) -> bool:
        """Whether the rectorat is at work."""
        return day.weekday() < 5 and day not in self.public and day not in self.days_off

    def kind(self, day: date) -> str:
        """What the day is for a school: worked, off, or unknown."""
        if not self.worked(day) or any(first <= day <= last for first, last in self.holidays):
            return OFF
        return WORKED if any(first <= day <= last for first, last in self.known) else UNKNOWN

    def school(self, day: date) -> bool:
        return self.kind(day) == WORKED

    def backwards(self, day: date) -> Iterator[date]:
        for back in range(400):
            yield day - back * DAY

    def between(self, first: date, last: date) -> Iterator[date]:
        """The school days of a span, both ends included."""
        for shift in range((last - first).days + 1):
            if self.school(first + shift * DAY):
                yield first + shift * DAY


def public_holidays(*local_days: tuple[int, int]) -> frozenset[date]:
    """Those of France for the covered years, and other days that come every year."""
    days = set()
    for year, easter in EASTERS.items():
        days |= {date(year, *day) for day in (*FIXED, *local_days)}
        days |= {easter + shift * DAY for shift in (1, 39, 50)}
    return frozenset(days)


def almanac(zone: str | None, calendar: str | None = None, years: tuple[int, ...] = (), *local_days: tuple[int, int],
            off: frozenset[date] = frozenset()) -> Almanac:  # fmt: skip
    """A place's days: its zone's published calendars, and the ``years`` of ``calendar`` that its settings give."""
    mine = [GIVEN_CALENDARS[calendar][year] for year in years] if calendar else []
    holidays = (*(PUBLISHED[zone] if zone else ()), *(period for periods in mine for period in periods))
    known = [(date(2026, 9, 1), date(2028, 8, 31))] if zone else []
    known += [(date(year, 9, 1), date(year + 1, 8, 31)) for year in years]
    return Almanac(holidays=holidays, known=tuple(known), public=public_holidays(*local_days), days_off=off)
