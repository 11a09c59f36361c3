"""What a day is for a school, and the school days around it (R77)."""

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.school_calendar import DayKind, Period, SchoolDays, SchoolYear, year_around

pytestmark = pytest.mark.rule("R77")
DAY = timedelta(days=1)
Y2026, Y2027 = SchoolYear(2026), SchoolYear(2027)
AUTUMN = (date(2026, 10, 17), date(2026, 11, 1))
ARMISTICE, BRIDGE = date(2026, 11, 11), date(2026, 11, 13)
DAYS = st.dates(date(2025, 6, 1), date(2029, 2, 1))


def armistice(year: int) -> frozenset[date]:
    return frozenset({date(year, 11, 11)})


def known(holidays: Mapping[SchoolYear, tuple[Period, ...]] | None) -> SchoolDays:
    return SchoolDays(public_holidays=armistice, days_off=frozenset({BRIDGE}), holidays=holidays)


ONE_YEAR = known({Y2026: (AUTUMN,)})


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 10, 16), DayKind.SCHOOL),
        (date(2026, 10, 17), DayKind.WEEKEND),
        (date(2026, 10, 19), DayKind.SCHOOL_HOLIDAY),
        (date(2026, 10, 30), DayKind.SCHOOL_HOLIDAY),
        (date(2026, 11, 2), DayKind.SCHOOL),
        (ARMISTICE, DayKind.PUBLIC_HOLIDAY),
        (BRIDGE, DayKind.GIVEN),
        (date(2026, 9, 1), DayKind.SCHOOL),
        (date(2026, 8, 31), DayKind.UNKNOWN),
        (date(2027, 8, 31), DayKind.SCHOOL),
        (date(2027, 9, 1), DayKind.UNKNOWN),
        (date(2027, 9, 4), DayKind.WEEKEND),
        (date(2027, 11, 11), DayKind.PUBLIC_HOLIDAY),
    ],
)
def test_kind__of_a_year_known_between_two_that_are_not(day: date, kind: DayKind) -> None:
    assert ONE_YEAR.kind(day) is kind
    assert ONE_YEAR.is_school_day(day) == (kind is DayKind.SCHOOL)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 10, 19), True),
        (date(2026, 10, 18), False),
        (ARMISTICE, False),
        (BRIDGE, False),
        (date(2027, 9, 1), True),
    ],
)
def test_rectorat__works_in_the_school_holidays_and_past_what_is_known(day: date, *, works: bool) -> None:
    assert ONE_YEAR.is_working_day(day) == works


def test_summer__may_lie_in_the_september_of_the_next_year() -> None:
    until = known({Y2026: ((date(2027, 7, 3), date(2027, 9, 5)),), Y2027: ()})
    assert until.kind(date(2027, 9, 3)) is DayKind.SCHOOL_HOLIDAY
    assert until.kind(date(2027, 9, 6)) is DayKind.SCHOOL
    assert known({Y2026: ((date(2027, 7, 3), date(2027, 9, 5)),)}).kind(date(2027, 9, 3)) is DayKind.SCHOOL_HOLIDAY


def test_summer__may_be_given_by_the_year_that_it_opens() -> None:
    opened = known({Y2026: ((date(2026, 8, 1), date(2026, 8, 16)),)})
    assert opened.kind(date(2026, 8, 14)) is DayKind.SCHOOL_HOLIDAY
    assert opened.kind(date(2026, 8, 17)) is DayKind.UNKNOWN


def test_leap_day__is_a_day_as_another() -> None:
    leap = date(2028, 2, 29)
    assert known({Y2027: ()}).kind(leap) is DayKind.SCHOOL
    assert known({Y2027: ((date(2028, 2, 26), date(2028, 2, 29)),)}).next_school_day(leap) == date(2028, 3, 1)
    assert known({Y2027: ()}).last_school_day(leap) == leap


def test_next_and_last__over_the_holidays_and_the_bridge() -> None:
    assert ONE_YEAR.last_school_day(date(2026, 11, 1)) == date(2026, 10, 16)
    assert ONE_YEAR.next_school_day(date(2026, 10, 17)) == date(2026, 11, 2)
    assert ONE_YEAR.next_school_day(BRIDGE) == date(2026, 11, 16)
    assert ONE_YEAR.last_school_day(ARMISTICE) == date(2026, 11, 10)


def test_next_and_last__none_where_it_is_unknown() -> None:
    assert ONE_YEAR.next_school_day(date(2027, 9, 1)) is None
    assert ONE_YEAR.next_school_day(date(2027, 9, 4)) is None  # a week-end, then what?
    assert ONE_YEAR.last_school_day(date(2026, 8, 30)) is None
    assert ONE_YEAR.last_school_day(date(2027, 9, 1)) is None


def test_no_school_in_sight__gives_up() -> None:
    closed = known({Y2026: ((date(2026, 9, 1), date(2027, 8, 31)),), Y2027: ()})
    assert closed.next_school_day(date(2026, 9, 1)) is None
    assert closed.next_school_day(date(2027, 6, 1)) == date(2027, 9, 1)


def naive(days: SchoolDays, day: date, step: timedelta) -> date | None:
    """The walk as one would write it by hand; these calendars leave no gap of 200 days."""
    while (kind := days.kind(day)) is not DayKind.SCHOOL:
        if kind is DayKind.UNKNOWN:
            return None
        day += step
    return day


def periods(year: SchoolYear) -> st.SearchStrategy[tuple[Period, ...]]:
    first = st.dates(date(year.start, 9, 1), date(year.end_year, 8, 1))
    period = st.tuples(first, st.integers(0, 40)).map(lambda p: (p[0], p[0] + p[1] * DAY))
    return st.lists(period, max_size=2).map(tuple)


CALENDARS = st.one_of(
    st.none(),
    st.fixed_dictionaries({}, optional={SchoolYear(start): periods(SchoolYear(start)) for start in (2025, 2026, 2027)}),
).map(known)


@given(CALENDARS, DAYS)
def test_any_calendar__next_and_last_agree_with_a_walk(days: SchoolDays, day: date) -> None:
    assert days.next_school_day(day) == naive(days, day, DAY)
    assert days.last_school_day(day) == naive(days, day, -DAY)


@given(CALENDARS, DAYS)
def test_any_calendar__never_school_on_a_day_off_nor_where_nothing_is_known(days: SchoolDays, day: date) -> None:
    off = day.weekday() >= 5 or (day.month, day.day) == (11, 11) or day == BRIDGE
    unknown = days.holidays is not None and year_around(day) not in days.holidays
    if off or unknown:
        assert not days.is_school_day(day)
    if off:
        assert not days.is_working_day(day)
