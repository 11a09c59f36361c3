"""The days off of real académies: zones, overseas, Corsica, Alsace-Moselle, and past what is known (R77)."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.school_calendar import DayKind, SchoolDays, SchoolYear
from tests.workflow.settings.calendars import CORSICA, REUNION, academie, days_of
from workflow.settings.school_calendar import SchoolHolidays, public_holidays, zone_periods, zone_years

pytestmark = pytest.mark.rule("R77")
SCHOOL, OFF, UNKNOWN = DayKind.SCHOOL, DayKind.SCHOOL_HOLIDAY, DayKind.UNKNOWN
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("zone", "periods"),
    [
        ("A", ["1017-1101", "1219-0103", "0213-0228", "0410-0425", "0506-0508", "0703-0831"]),
        ("B", ["1017-1101", "1219-0103", "0220-0307", "0417-0502", "0506-0508", "0703-0831"]),
        ("C", ["1017-1101", "1219-0103", "0206-0221", "0403-0418", "0506-0508", "0703-0831"]),
    ],
)
def test_zone__its_own_calendar_of_2026(zone: Literal["A", "B", "C"], periods: list[str]) -> None:
    assert [f"{first:%m%d}-{last:%m%d}" for first, last in zone_years(zone)[SchoolYear(2026)]] == periods


@pytest.mark.parametrize(
    ("day", "in_a", "in_b", "in_c"),
    [
        (date(2027, 2, 8), SCHOOL, SCHOOL, OFF),
        (date(2027, 2, 17), OFF, SCHOOL, OFF),
        (date(2027, 3, 1), SCHOOL, OFF, SCHOOL),
        (date(2027, 4, 30), SCHOOL, OFF, SCHOOL),
        (date(2027, 5, 7), OFF, OFF, OFF),
        (date(2027, 7, 2), SCHOOL, SCHOOL, SCHOOL),
        (date(2027, 7, 5), OFF, OFF, OFF),
        (date(2028, 2, 29), OFF, SCHOOL, SCHOOL),
    ],
)
def test_zones__tell_the_same_day_apart(tmp_path: Path, day: date, in_a: DayKind, in_b: DayKind, in_c: DayKind) -> None:
    assert [days_of(tmp_path, zone=zone).kind(day) for zone in "ABC"] == [in_a, in_b, in_c]


def test_leap_day__reminders_of_zone_c_leave_on_it(tmp_path: Path) -> None:
    days = days_of(tmp_path, zone="C")
    assert days.next_school_day(date(2028, 2, 27)) == date(2028, 2, 28)
    assert days.last_school_day(date(2028, 2, 29)) == date(2028, 2, 29)


@pytest.mark.parametrize("zone", ["A", "B", "C"])
def test_past_the_package__unknown_and_never_guessed(tmp_path: Path, zone: Literal["A", "B", "C"]) -> None:
    """The package ends on 31 August 2028, and says of any later day that it is no holiday."""
    days = days_of(tmp_path, zone=zone)
    end = max(zone_years(zone))
    past = date(end.end_year, 9, 1)
    assert end >= SchoolYear(2027)
    assert days.kind(past - DAY) is OFF
    later = {days.kind(past + n * DAY) for n in range(800)}
    assert later == {UNKNOWN, DayKind.WEEKEND, DayKind.PUBLIC_HOLIDAY}
    assert days.next_school_day(past) is None


def test_year_past_the_package__known_once_given(tmp_path: Path) -> None:
    extra = "holidays: {school: {2030-2031: [{first: 2030-10-19, last: 2030-11-03}]}}\n"
    days = days_of(tmp_path, extra, zone="C")
    assert days.kind(date(2030, 10, 21)) is OFF
    assert days.kind(date(2030, 11, 4)) is SCHOOL
    assert days.kind(date(2030, 8, 30)) is UNKNOWN


@pytest.mark.parametrize("missing", range(5))
def test_half_a_calendar__is_not_known(monkeypatch: pytest.MonkeyPatch, missing: int) -> None:
    """A package that would publish a year bit by bit must not make us believe that the rest is school."""
    five = [p for p in zone_periods("C") if date(2026, 9, 1) <= p[0] <= date(2027, 8, 31) and p[1] - p[0] > 5 * DAY]
    assert len(five) == 5
    four = tuple(p for n, p in enumerate(five) if n != missing)
    for periods, known in ((tuple(five), True), (four, False)):
        monkeypatch.setattr("workflow.settings.school_calendar.zone_periods", lambda _zone, periods=periods: periods)
        zone_years.cache_clear()
        assert (SchoolYear(2026) in zone_years("C")) == known
    zone_years.cache_clear()


def test_ascension_bridge__even_of_the_years_that_the_package_forgets(tmp_path: Path) -> None:
    days = days_of(tmp_path, zone="C")
    for friday in (date(2025, 5, 30), date(2026, 5, 15), date(2027, 5, 7), date(2028, 5, 26)):
        assert days.kind(friday) is OFF
        assert days.kind(friday - DAY) is DayKind.PUBLIC_HOLIDAY


@pytest.mark.parametrize(
    ("rentree", "off", "back"),
    [
        (None, date(2027, 8, 31), date(2027, 9, 1)),
        ("2027-09-02", date(2027, 9, 1), date(2027, 9, 2)),
        ("2027-08-30", date(2027, 8, 27), date(2027, 8, 30)),
    ],
)
def test_summer_of_a_zone__ends_on_the_eve_of_the_return_given(
    tmp_path: Path, rentree: str | None, off: date, back: date
) -> None:
    extra = f"school_year: {{rentree_dates: {{2027-2028: {rentree}}}}}\n" if rentree else ""
    days = days_of(tmp_path, extra, zone="C")
    assert (days.kind(off), days.kind(back)) == (OFF, SCHOOL)


def test_given_year__replaces_the_whole_of_the_zones(tmp_path: Path) -> None:
    extra = "holidays: {school: {2026-2027: [{first: 2026-10-24, last: 2026-11-08}]}}\n"
    days = days_of(tmp_path, extra, zone="C")
    assert days.kind(date(2026, 10, 19)) is SCHOOL
    assert days.kind(date(2026, 11, 5)) is OFF
    assert days.kind(date(2026, 12, 22)) is SCHOOL  # said by check-config
    assert days.kind(date(2027, 10, 25)) is OFF  # the year after is still the zone's


def test_reunion__southern_summer_given_and_20_december(tmp_path: Path) -> None:
    settings = academie(tmp_path, REUNION, departements="[974]")
    days = settings.school_days()
    assert days.kind(date(2027, 1, 15)) is OFF
    assert days.kind(date(2026, 12, 17)) is SCHOOL
    assert days.kind(date(2027, 8, 20)) is OFF
    assert days.kind(date(2027, 8, 23)) is SCHOOL  # the pupils are back, the school year is not over
    assert days.kind(date(2027, 12, 20)) is DayKind.PUBLIC_HOLIDAY
    assert days.kind(date(2027, 12, 21)) is UNKNOWN
    assert days_of(tmp_path, zone="C").kind(date(2027, 12, 20)) is OFF


def test_reunion__its_days_begin_in_its_timezone(tmp_path: Path) -> None:
    calendar = academie(tmp_path, REUNION, departements="[974]").calendar()
    assert calendar.today(datetime(2026, 12, 19, 20, 0, tzinfo=UTC)) == date(2026, 12, 20)
    assert calendar.midnight(date(2027, 3, 28)) == datetime(2027, 3, 27, 20, tzinfo=UTC)


def test_corsica__dates_and_days_given(tmp_path: Path) -> None:
    days = days_of(tmp_path, CORSICA, departements="[2A, 2B]")
    assert days.kind(date(2027, 2, 22)) is OFF
    assert days.kind(date(2027, 2, 19)) is SCHOOL
    assert days.kind(date(2026, 12, 8)) is DayKind.GIVEN
    assert days.last_school_day(date(2027, 8, 24)) == date(2027, 7, 2)
    assert days.kind(date(2027, 9, 1)) is UNKNOWN


def test_no_zone_and_nothing_given__every_weekday_is_unknown(tmp_path: Path) -> None:
    days = days_of(tmp_path, departements="[2A]")
    assert days.kind(date(2026, 11, 24)) is UNKNOWN
    assert days.kind(date(2026, 11, 11)) is DayKind.PUBLIC_HOLIDAY
    assert days.is_working_day(date(2026, 11, 24))


ALSACE_MOSELLE = (date(2027, 3, 26), date(2028, 12, 26))


@pytest.mark.parametrize("departement", ["57", "67", "68"])
def test_alsace_moselle__good_friday_and_26_december(departement: str) -> None:
    assert {day in public_holidays((departement,))(day.year) for day in ALSACE_MOSELLE} == {True}
    assert {day in public_holidays(("54", "31"))(day.year) for day in ALSACE_MOSELLE} == {False}
    assert {day in public_holidays(("54", departement))(day.year) for day in ALSACE_MOSELLE} == {True}


@pytest.mark.parametrize(
    ("departement", "day"),
    [
        ("971", date(2027, 5, 27)),
        ("972", date(2027, 5, 22)),
        ("973", date(2027, 6, 10)),
        ("974", date(2027, 12, 20)),
        ("976", date(2027, 4, 27)),
        ("977", date(2027, 10, 9)),
        ("978", date(2027, 5, 28)),
        ("986", date(2027, 7, 29)),
        ("987", date(2027, 11, 20)),
        ("988", date(2027, 9, 24)),
    ],
)
def test_overseas__each_has_its_own_day(departement: str, day: date) -> None:
    assert day in public_holidays((departement,))(2027)
    assert day not in public_holidays(("31",))(2027)
    assert public_holidays(("31",))(2027) <= public_holidays((departement,))(2027)


@pytest.mark.parametrize("departement", ["2A", "2B", "620", "720", "31", "975", "984"])
def test_elsewhere__the_eleven_days_of_france(departement: str) -> None:
    days = public_holidays((departement,))(2027)
    assert len(days) == 11
    assert {date(2027, 3, 29), date(2027, 5, 6), date(2027, 7, 14)} < days


def test_changes_of_hour__a_day_keeps_its_midnights(tmp_path: Path) -> None:
    """Of 23 and 25 hours; both are Sundays, and the days around are what they are."""
    settings = academie(tmp_path, zone="C")
    calendar, days = settings.calendar(), settings.school_days()
    for sunday, hours in ((date(2027, 3, 28), 23), (date(2026, 10, 25), 25)):
        assert calendar.midnight(sunday + DAY) - calendar.midnight(sunday) == timedelta(hours=hours)
        for minutes in (0, 119, 121, hours * 60 - 1):
            assert calendar.today(calendar.midnight(sunday) + timedelta(minutes=minutes)) == sunday
        assert days.kind(sunday) is DayKind.WEEKEND
    assert days.kind(date(2027, 3, 27) - DAY) is SCHOOL
    assert days.kind(date(2027, 3, 29)) is DayKind.PUBLIC_HOLIDAY  # Easter Monday


ZONES: tuple[tuple[Literal["A", "B", "C"], str], ...] = (("A", "69"), ("B", "57"), ("C", "31"))
REAL = {
    zone: SchoolDays(public_holidays=public_holidays((dep,)), holidays=SchoolHolidays(zone=zone)) for zone, dep in ZONES
}


@given(st.sampled_from(tuple(REAL.values())), st.dates(date(2024, 1, 1), date(2031, 12, 31)))
def test_any_day__never_school_when_off_and_next_agrees_with_a_walk(days: SchoolDays, day: date) -> None:
    if day.weekday() >= 5 or day in days.public_holidays(day.year):
        assert days.kind(day) in (DayKind.WEEKEND, DayKind.PUBLIC_HOLIDAY)
    for day_off, step in ((days.next_school_day(day), DAY), (days.last_school_day(day), -DAY)):
        walked = day
        while days.kind(walked) not in (SCHOOL, UNKNOWN):
            walked += step
        assert day_off == (walked if days.is_school_day(walked) else None)


def test_settings__load_neither_package_until_a_day_is_asked(tmp_path: Path) -> None:
    """Each costs half a second: every command would pay it."""
    academie(tmp_path, zone="C")
    program = (
        "import sys; from pathlib import Path; from workflow.app import policy_of;"
        "from workflow.settings import load_settings; from datetime import date;"
        f"policy = policy_of(load_settings(Path({str(tmp_path / 'config.yaml')!r})));"
        "loaded = {'holidays', 'vacances_scolaires_france'} & set(sys.modules);"
        "print(sorted(loaded), policy.days.kind(date(2026, 11, 24)).value)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[] school\n"
