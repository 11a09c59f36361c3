"""From the settings to the school years' ends (R20, R22)."""

from datetime import date
from pathlib import Path

import pytest

from states.school_calendar import EndRule, SchoolCalendar, SchoolYear
from tests.workflow.settings.files import LINES, MINIMAL, loaded, only_problem, refused

Y2026 = SchoolYear(2026)


def calendar_with(folder: Path, extra: str) -> SchoolCalendar:
    return loaded(folder, extra).calendar()


def last_day(calendar: SchoolCalendar, year: SchoolYear = Y2026) -> tuple[date, EndRule]:
    end = calendar.end_of(year)
    return end.last_day, end.rule


def test_nothing_said__default_date_and_said_so(tmp_path: Path) -> None:
    assert last_day(calendar_with(tmp_path, "")) == (date(2027, 8, 31), EndRule.DEFAULT)


@pytest.mark.parametrize("line", ["2027-2028: 2027-09-02", '"2027-2028": "2027-09-02"', "'2027-2028': 2027-09-02"])
def test_rentree__its_eve_ends_the_year_before(tmp_path: Path, line: str) -> None:
    calendar = calendar_with(tmp_path, f"school_year:\n  rentree_dates:\n    {line}\n")
    assert last_day(calendar) == (date(2027, 9, 1), EndRule.EVE_OF_RENTREE)


def test_end_date__beats_the_rule(tmp_path: Path) -> None:
    calendar = calendar_with(tmp_path, "school_year: {end: 09-30, end_dates: {2026-2027: 2027-07-10}}\n")
    assert last_day(calendar) == (date(2027, 7, 10), EndRule.GIVEN)
    assert last_day(calendar, Y2026.next) == (date(2028, 9, 30), EndRule.FIXED_DAY)


@pytest.mark.parametrize("typed", ["09-30", '"09-30"', "'9-30'"])
def test_fixed_day__quoted_or_not(tmp_path: Path, typed: str) -> None:
    settings = loaded(tmp_path, f"school_year: {{end: {typed}}}\n")
    assert settings.school_year.end == "09-30"
    assert last_day(settings.calendar()) == (date(2027, 9, 30), EndRule.FIXED_DAY)


def test_summer_start__of_the_zone_while_known(tmp_path: Path) -> None:
    calendar = calendar_with(tmp_path, "school_year: {end: summer_start}\n")
    assert last_day(calendar) == (date(2027, 7, 3), EndRule.SUMMER_START)
    assert last_day(calendar, SchoolYear(2018)) == (date(2019, 7, 6), EndRule.SUMMER_START)  # Ascension is in June


def test_summer_start__unknown_summer_is_the_default_date(tmp_path: Path) -> None:
    calendar = calendar_with(tmp_path, "school_year: {end: summer_start}\n")
    assert last_day(calendar, SchoolYear(2049)) == (date(2050, 8, 31), EndRule.DEFAULT)


def test_summer_start__needs_a_zone(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, MINIMAL.replace("zone: C", "zone: null") + "school_year: {end: summer_start}\n")
    assert (problem.line, problem.key) == (LINES + 1, "school_year")
    assert "academie.zone" in problem.message


def test_campaign_and_timezone__reach_the_calendar(tmp_path: Path) -> None:
    calendar = calendar_with(tmp_path, "campaign: {opens: 05-15}\ntimezone: Indian/Reunion\n")
    assert calendar.opening_day(Y2026) == date(2026, 5, 15)
    assert calendar.timezone.key == "Indian/Reunion"
    assert calendar.end_of(Y2026).ends_at.hour == 20


@pytest.mark.parametrize("typed", ["01-06", "06/01", "1er juin", "02-29", "13-01", "06-31", "", "'06-01-02'"])
def test_campaign__month_then_day(tmp_path: Path, typed: str) -> None:
    problem = only_problem(tmp_path, f"campaign:\n  opens: {typed or repr('')}\n")
    assert (problem.line, problem.key) == (LINES + 2, "campaign.opens")
    assert problem.allowed == "un jour écrit « mois-jour », de 03-01 à 10-31"


@pytest.mark.parametrize("typed", ["05-31", "11-01", "rentree", "30-09"])
def test_end__the_ways_to_write_it(tmp_path: Path, typed: str) -> None:
    problem = only_problem(tmp_path, f"school_year:\n  end: {typed}\n")
    assert (problem.line, problem.key) == (LINES + 2, "school_year.end")
    assert problem.allowed == "eve_of_rentree, summer_start, ou un jour écrit « mois-jour », de 06-01 à 10-31"


@pytest.mark.parametrize("typed", ["2027-07-31", "2027-10-16", "2026-09-01"])
def test_rentree__out_of_season(tmp_path: Path, typed: str) -> None:
    problem = only_problem(
        tmp_path, f"school_year:\n  rentree_dates:\n    2026-2027: 2026-08-01\n    2027-2028: {typed}\n"
    )
    assert (problem.line, problem.key) == (LINES + 4, "school_year.rentree_dates.2027-2028")
    assert "ne peut pas être la rentrée de 2027-2028" in problem.message
    assert problem.allowed == "du 1er août 2027 au 15 octobre 2027"


def test_end_dates__each_wrong_one_at_its_line(tmp_path: Path) -> None:
    extra = (
        "school_year:\n  end_dates:\n    2026-2027: 2026-07-10\n    2027-2028: 2028-10-31\n    2028-2029: 2029-11-01\n"
    )
    problems = refused(tmp_path, MINIMAL + extra)
    assert [problem.line for problem in problems] == [LINES + 3, LINES + 5]
    assert problems[0].allowed == "du 1er mai 2027 au 31 octobre 2027"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2027-2029: 2027-09-01", "n'est pas une année scolaire"),
        ("2027: 2027-09-01", "n'est pas une année scolaire"),
        ("1027-1028: 1027-09-01", "est une année hors du calendrier"),
        ("2027-2028: 01/09/2027", "« 01/09/2027 » n'est pas une date"),
        ("2027-2028: 2027-09-31", "« 2027-09-31 » n'est pas une date"),
        ("2027-2028: [1]", "une date est attendue"),
        ("2027-2028: null", "cette valeur ne peut pas être vide (null)"),
    ],
)
def test_date_by_year__badly_written(tmp_path: Path, line: str, message: str) -> None:
    problem = only_problem(tmp_path, f"school_year:\n  rentree_dates:\n    {line}\n")
    assert problem.line == LINES + 3
    assert problem.key == f"school_year.rentree_dates.{line.split(':')[0]}"
    assert message in problem.message
