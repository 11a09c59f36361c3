"""What ``oda check-config`` says of the days off (R77, R78)."""

from datetime import date
from pathlib import Path

import pytest

from tests.workflow.settings.calendars import CORSICA, REUNION, academie
from workflow.settings.warnings import check_settings

NOVEMBER = date(2026, 11, 24)
YEARS = "school_year: {rentree_dates: {2027-2028: 2027-09-01, 2028-2029: 2028-09-01}}\n"
ABOUT_DAYS = ("holidays", "school_year.notices", "school_year.rentree_dates")


def warnings_of(folder: Path, extra: str = "", *, zone: str = "null", today: date = NOVEMBER) -> list[str]:
    """The warnings that tell of days off."""
    settings = academie(folder, extra + ("" if "school_year" in extra else YEARS), zone=zone)
    return [line for line in check_settings(settings, today) if line.startswith(ABOUT_DAYS)]


@pytest.mark.rule("R77")
def test_zone_within_the_package__nothing_to_say(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, zone="C") == []
    assert warnings_of(tmp_path, zone="C", today=date(2027, 9, 1)) == []


@pytest.mark.rule("R77")
def test_zone_near_the_packages_end__says_from_when(tmp_path: Path) -> None:
    (line,) = warnings_of(tmp_path, zone="C", today=date(2027, 9, 2))
    assert line == (
        "holidays.school : les vacances sont inconnues à partir du 1er septembre 2028, et rien n'y sera rappelé aux"
        " établissements ; donner celles de 2028-2029 (R77)"
    )


@pytest.mark.rule("R78")
def test_notices__past_what_is_known(tmp_path: Path) -> None:
    unknown, *notices = warnings_of(tmp_path, zone="C", today=date(2028, 9, 4))
    assert unknown.endswith("celles de 2028-2029 et 2029-2030 (R77)")
    assert notices == [
        f"school_year.notices : la fin de 2028-2029 est à annoncer {before} jours avant, le {day} août 2029, et les"
        " vacances sont alors inconnues ; donner celles de 2028-2029 dans holidays.school (R78)"
        for before, day in ((30, "1er"), (7, 24))
    ]


@pytest.mark.rule("R78")
def test_notices__none_asked_none_missed(tmp_path: Path) -> None:
    years = YEARS.replace("{rentree", "{notices: [], rentree")
    assert len(warnings_of(tmp_path, years, zone="C", today=date(2028, 9, 4))) == 1


@pytest.mark.rule("R77")
@pytest.mark.parametrize("calendar", [CORSICA, REUNION])
def test_no_zone__known_as_far_as_given(tmp_path: Path, calendar: str) -> None:
    (line,) = warnings_of(tmp_path, calendar)
    assert "inconnues à partir du 1er septembre 2027" in line
    assert line.endswith("celles de 2027-2028 (R77)")


@pytest.mark.rule("R77")
def test_no_zone_and_nothing_given__unknown_from_today(tmp_path: Path) -> None:
    first, *notices = warnings_of(tmp_path)
    assert "inconnues à partir du 24 novembre 2026" in first
    assert first.endswith("celles de 2026-2027 et 2027-2028 (R77)")
    assert len(notices) == 2


@pytest.mark.rule("R77")
def test_given_year__looks_incomplete(tmp_path: Path) -> None:
    extra = "holidays: {school: {2025-2026: &, 2026-2027: &}}\n".replace("&", "[{first: 2026-08-20, last: 2026-08-21}]")
    (line,) = warnings_of(tmp_path, extra, zone="C")
    assert line == (
        "holidays.school : 2026-2027 n'a que 2 jours de vacances ; les donner toutes, été compris, car aucune n'y est"
        " ajoutée (R77)"
    )


@pytest.mark.rule("R77")
@pytest.mark.parametrize(
    ("day", "why"), [("2027-09-04", "week-end"), ("2027-09-06", "jour chômé"), ("2027-08-31", None)]
)
def test_rentree__on_a_day_off(tmp_path: Path, day: str, why: str | None) -> None:
    text = f"school_year: {{rentree_dates: {{2027-2028: {day}}}}}\nholidays: {{days_off: [2027-09-06]}}\n"
    lines = warnings_of(tmp_path, text, zone="C")
    assert [f"({why})" in line and "rentrée de 2027-2028" in line for line in lines] == ([True] if why else [])
