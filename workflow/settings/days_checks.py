"""What is not known of the académie's school days, or looks odd: warnings of ``oda check-config`` (R77, R78)."""

from collections.abc import Iterator
from datetime import date, timedelta

from states.days import DayKind, SchoolDays, year_around
from states.french import day as french_day
from states.french import listing, plural
from states.school_year import SchoolYear
from workflow.settings.model import Settings

_FORESEEN = 365
"""Days ahead: what the calendar page shows, too."""
_FEWEST = 84
"""Days of holidays in a year, Sundays included: an ordinary year has more than a hundred."""


def days_warnings(settings: Settings, running: SchoolYear, today: date) -> Iterator[str]:
    """French warnings on the days off; ``running`` is the school year of ``today``."""
    days = settings.school_days()
    yield from _unknown(days, today)
    yield from _notices(settings, days, running)
    yield from _incomplete(settings, running)
    yield from _rentrees(settings, days, today)


def _unknown(days: SchoolDays, today: date) -> Iterator[str]:
    ahead = (today + timedelta(days=n) for n in range(_FORESEEN + 1))
    if unknown := [day for day in ahead if days.kind(day) is DayKind.UNKNOWN]:
        years = listing(sorted({str(year_around(day)) for day in unknown}))
        yield (
            f"holidays.school : les vacances sont inconnues à partir du {french_day(unknown[0])}, et rien n'y sera"
            f" rappelé aux établissements ; donner celles de {years} (R77)"
        )


def _notices(settings: Settings, days: SchoolDays, running: SchoolYear) -> Iterator[str]:
    """Of the running year alone: nobody can know the calendar of the years after the next."""
    last_day = settings.calendar().end_of(running).last_day
    for before in settings.school_year.notices:
        day = last_day - timedelta(days=before)
        if days.last_school_day(day) is None:
            yield (
                f"school_year.notices : la fin de {running} est à annoncer {plural(before, 'jour')} avant, le"
                f" {french_day(day)}, et les vacances sont alors inconnues ; donner celles de {year_around(day)} dans"
                " holidays.school (R78)"
            )


def _incomplete(settings: Settings, running: SchoolYear) -> Iterator[str]:
    for year, periods in settings.holidays.school.items():
        count = sum((period.last - period.first).days + 1 for period in periods)
        if year >= running and count < _FEWEST:
            yield (
                f"holidays.school : {year} n'a que {plural(count, 'jour')} de vacances ; les donner toutes, été"
                " compris, car aucune n'y est ajoutée (R77)"
            )


def _rentrees(settings: Settings, days: SchoolDays, today: date) -> Iterator[str]:
    for year, rentree in settings.school_year.rentree_dates.items():
        kind = days.kind(rentree)
        if rentree >= today and kind not in (DayKind.SCHOOL, DayKind.UNKNOWN):
            yield (
                f"school_year.rentree_dates : le {french_day(rentree)}, rentrée de {year}, n'est pas un jour de classe"
                f" ({kind.label}) ; revoir cette date, ou holidays"
            )
