"""When a school year ends: its rule, its last day, its last instant (R22, R23)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from states.school_calendar import EndRule, SchoolCalendar, SchoolYear
from tests.kit.factories import YEAR, calendar

PARIS, REUNION = ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion")
GIVEN = {YEAR: date(2027, 7, 9)}
SUMMER = {YEAR: date(2027, 7, 3)}
RENTREE = {YEAR.next: date(2027, 9, 2)}


@pytest.mark.parametrize(
    ("settings", "last_day", "rule"),
    [
        ({"rentrees": RENTREE}, date(2027, 9, 1), EndRule.EVE_OF_RENTREE),
        ({}, date(2027, 8, 31), EndRule.DEFAULT),
        ({"rentrees": {YEAR: date(2026, 9, 1)}}, date(2027, 8, 31), EndRule.DEFAULT),
        ({"rule": EndRule.SUMMER_START, "summer_starts": SUMMER}, date(2027, 7, 3), EndRule.SUMMER_START),
        ({"rule": EndRule.SUMMER_START, "rentrees": RENTREE}, date(2027, 8, 31), EndRule.DEFAULT),
        ({"rule": EndRule.FIXED_DAY, "fixed_day": (9, 30), "rentrees": RENTREE}, date(2027, 9, 30), EndRule.FIXED_DAY),
        ({"rule": EndRule.FIXED_DAY, "fixed_day": (12, 31)}, date(2027, 12, 31), EndRule.FIXED_DAY),
        ({"rule": EndRule.EVE_OF_RENTREE, "rentrees": RENTREE, "given_ends": GIVEN}, GIVEN[YEAR], EndRule.GIVEN),
        ({"rule": EndRule.SUMMER_START, "summer_starts": SUMMER, "given_ends": GIVEN}, GIVEN[YEAR], EndRule.GIVEN),
        ({"rule": EndRule.FIXED_DAY, "fixed_day": (9, 30), "given_ends": GIVEN}, GIVEN[YEAR], EndRule.GIVEN),
    ],
)
@pytest.mark.rule("R22")
def test_end__each_rule(settings: dict[str, Any], last_day: date, rule: EndRule) -> None:
    end = SchoolCalendar(timezone=PARIS, **settings).end_of(YEAR)
    assert (end.school_year, end.last_day, end.rule) == (YEAR, last_day, rule)
    assert end.is_default is (rule is EndRule.DEFAULT)


@pytest.mark.rule("R22")
def test_end__given_for_another_year_changes_nothing() -> None:
    assert calendar(given_ends={YEAR.next: date(2028, 7, 9)}).end_of(YEAR).last_day == date(2027, 8, 31)


@pytest.mark.parametrize(
    ("zone", "last_day", "ends_at"),
    [
        (PARIS, date(2027, 8, 31), datetime(2027, 8, 31, 22, tzinfo=UTC)),
        (REUNION, date(2027, 8, 31), datetime(2027, 8, 31, 20, tzinfo=UTC)),
        (ZoneInfo("America/Cayenne"), date(2027, 8, 31), datetime(2027, 9, 1, 3, tzinfo=UTC)),
        (PARIS, date(2026, 10, 24), datetime(2026, 10, 24, 22, tzinfo=UTC)),
        (PARIS, date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        (PARIS, date(2027, 3, 27), datetime(2027, 3, 27, 23, tzinfo=UTC)),
        (PARIS, date(2027, 3, 28), datetime(2027, 3, 28, 22, tzinfo=UTC)),
        (REUNION, date(2027, 3, 28), datetime(2027, 3, 28, 20, tzinfo=UTC)),
    ],
)
@pytest.mark.rule("R23")
def test_end__at_midnight_there(zone: ZoneInfo, last_day: date, ends_at: datetime) -> None:
    school_calendar = calendar(timezone=zone, given_ends={YEAR: last_day})
    assert school_calendar.end_of(YEAR).ends_at == ends_at
    assert school_calendar.end_of(YEAR).ends_at.tzinfo is UTC
    assert not school_calendar.has_ended(YEAR, ends_at - timedelta(microseconds=1))
    assert school_calendar.has_ended(YEAR, ends_at)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 10, 25), 25), (date(2027, 3, 28), 23), (date(2027, 3, 29), 24)])
@pytest.mark.rule("R23")
def test_midnight__day_of_a_change_of_hour(day: date, hours: int) -> None:
    there = calendar()
    assert there.midnight(day + timedelta(days=1)) - there.midnight(day) == timedelta(hours=hours)


@pytest.mark.rule("R23")
def test_today__changes_at_local_midnight() -> None:
    late = datetime(2027, 8, 31, 21, 59, 59, tzinfo=UTC)
    assert calendar().today(late) == date(2027, 8, 31)
    assert calendar().today(late + timedelta(seconds=1)) == date(2027, 9, 1)
    assert calendar(timezone=REUNION).today(late) == date(2027, 9, 1)


@pytest.mark.rule("R22", "R23")
def test_end__29_february() -> None:
    year = SchoolYear(2027)
    school_calendar = calendar(given_ends={year: date(2028, 2, 28)})
    assert school_calendar.end_of(year).ends_at == datetime(2028, 2, 28, 23, tzinfo=UTC)
    assert school_calendar.today(school_calendar.end_of(year).ends_at) == date(2028, 2, 29)
    leap = calendar(given_ends={year: date(2028, 2, 29)})
    assert leap.today(leap.end_of(year).ends_at) == date(2028, 3, 1)


@pytest.mark.rule("R22")
def test_end__asked_twice_is_the_same() -> None:
    school_calendar = calendar()
    assert school_calendar.end_of(YEAR) is school_calendar.end_of(YEAR)
    assert calendar(given_ends=GIVEN).end_of(YEAR) != school_calendar.end_of(YEAR)
