"""School years in words, and which of them accept declarations on a given day (R20)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from states.school_calendar import EndRule, SchoolCalendar, SchoolYear
from tests.kit.factories import YEAR, calendar

SUMMER_GAP = {
    "rule": EndRule.SUMMER_START,
    "summer_starts": {YEAR: date(2027, 7, 3), SchoolYear(2025): date(2026, 7, 4)},
    "campaign_opens": (9, 1),
}


@pytest.mark.parametrize("text", ["2026-2027", " 2026 - 2027 ", "2026/2027"])
def test_parse__accepted(text: str) -> None:
    year = SchoolYear.parse(text)
    assert (year, str(year), year.end_year, str(year.next)) == (SchoolYear(2026), "2026-2027", 2027, "2027-2028")


@pytest.mark.parametrize("text", ["1999-2000", "2100-2101", "1027-1028", "0020-0021"])
def test_parse__of_another_century(text: str) -> None:
    with pytest.raises(ValueError, match=f"« {text} » est une année hors du calendrier"):
        SchoolYear.parse(text)


@pytest.mark.parametrize("start", [2000, 2099])
def test_parse__this_century(start: int) -> None:
    assert SchoolYear.parse(str(SchoolYear(start))) == SchoolYear(start)


@pytest.mark.parametrize("text", ["", "2026", "2026-2028", "2027-2026", "26-27", "2026-2027-", "année 2026-2027",
                                  "9999-10000", "٢٠٢٦-٢٠٢٧", "2026-٢٠٢٧"])  # fmt: skip
def test_parse__refused_in_french(text: str) -> None:
    with pytest.raises(ValueError, match="n'est pas une année scolaire : écrire par exemple 2026-2027"):
        SchoolYear.parse(text)


def test_years__ordered() -> None:
    assert SchoolYear(2025) < YEAR < YEAR.next
    assert max(YEAR.next, YEAR) == YEAR.next


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "years"),
    [
        (date(2026, 5, 31), [2025]),
        (date(2026, 6, 1), [2025, 2026]),
        (date(2026, 8, 31), [2025, 2026]),
        (date(2026, 9, 1), [2026]),
        (date(2026, 12, 31), [2026]),
        (date(2027, 1, 1), [2026]),
        (date(2027, 5, 31), [2026]),
        (date(2027, 6, 1), [2026, 2027]),
    ],
)
@pytest.mark.rule("R20")
def test_open__one_or_two(day: date, years: list[int]) -> None:
    assert calendar().open_years(noon(day)) == tuple(SchoolYear(y) for y in years)


@pytest.mark.parametrize(
    ("day", "year"), [(date(2027, 7, 3), 2026), (date(2027, 7, 4), 2027), (date(2027, 8, 31), 2027)]
)
@pytest.mark.rule("R20")
def test_open__none_then_the_next_one(day: date, year: int) -> None:
    school_calendar = SchoolCalendar(timezone=calendar().timezone, **SUMMER_GAP)  # type: ignore[arg-type]
    assert school_calendar.open_years(noon(day)) == (SchoolYear(year),)


@pytest.mark.rule("R20")
def test_open__three_when_ends_are_late() -> None:
    late = calendar(given_ends={SchoolYear(2025): date(2027, 6, 30)})
    assert late.open_years(noon(date(2027, 6, 15))) == (SchoolYear(2025), YEAR, YEAR.next)


@pytest.mark.rule("R20", "R23")
def test_open__changes_at_local_midnight() -> None:
    midnight = datetime(2027, 5, 31, 22, tzinfo=UTC)
    assert calendar().open_years(midnight - timedelta(seconds=1)) == (YEAR,)
    assert calendar().open_years(midnight) == (YEAR, YEAR.next)


@pytest.mark.rule("R20")
def test_open__opening_day_is_a_setting() -> None:
    school_calendar = calendar(campaign_opens=(3, 28))
    assert school_calendar.opening_day(YEAR.next) == date(2027, 3, 28)
    assert school_calendar.open_years(school_calendar.midnight(date(2027, 3, 28))) == (YEAR, YEAR.next)


@pytest.mark.rule("R20")
def test_accepts_from__opening_or_the_morrow_of_the_year_before() -> None:
    assert calendar().accepts_from(YEAR.next) == date(2027, 6, 1)
    gap = SchoolCalendar(timezone=calendar().timezone, **SUMMER_GAP)  # type: ignore[arg-type]
    assert gap.accepts_from(YEAR.next) == date(2027, 7, 4)


@pytest.mark.rule("R20")
def test_open__never_empty_and_always_accepting() -> None:
    gap = SchoolCalendar(timezone=calendar().timezone, **SUMMER_GAP)  # type: ignore[arg-type]
    for variant in (calendar(), gap, calendar(rule=EndRule.FIXED_DAY, fixed_day=(10, 31))):
        for shift in range(0, 1100, 3):
            now = noon(date(2026, 1, 1)) + timedelta(days=shift)
            years = variant.open_years(now)
            assert years == tuple(sorted(set(years)))
            assert all(variant.accepts_from(y) <= variant.today(now) and not variant.has_ended(y, now) for y in years)
