"""Reminders: one a delay, on school days, as far apart as the settings put them (R79)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.rules.schedule import NO_REMINDER, Reminders, is_reminder_due, next_reminder_day, reminder_days
from states.school_calendar import SchoolDays, SchoolYear

SINCE = date(2026, 9, 7)
DELAYS = (7, 14, 30)
AUTUMN = SchoolDays(holidays={SchoolYear(2026): ((date(2026, 10, 17), date(2026, 11, 1)),)})
UNKNOWN = SchoolDays(holidays={})


def after(days: int) -> date:
    return SINCE + timedelta(days=days)


@pytest.mark.parametrize(
    ("reminders", "day"),
    [
        (NO_REMINDER, after(7)),
        (Reminders(1, after(7)), after(14)),
        (Reminders(1, after(40)), after(47)),
        (Reminders(2, after(47)), after(63)),
        (Reminders(3, after(30)), None),
        (Reminders(9, after(30)), None),
    ],
)
@pytest.mark.rule("R79")
def test_due_day__after_an_interruption_the_gaps_are_kept(reminders: Reminders, day: date | None) -> None:
    assert next_reminder_day(SINCE, DELAYS, reminders) == day


@pytest.mark.rule("R79")
def test_is_due__on_a_school_day_alone() -> None:
    in_holidays, return_day = date(2026, 10, 19), date(2026, 11, 2)
    assert not is_reminder_due(SINCE, DELAYS, NO_REMINDER, after(6), AUTUMN)
    assert is_reminder_due(SINCE, DELAYS, NO_REMINDER, after(7), AUTUMN)
    assert not is_reminder_due(SINCE, DELAYS, NO_REMINDER, date(2026, 9, 19), AUTUMN), "a Saturday"
    assert not is_reminder_due(SINCE, DELAYS, NO_REMINDER, in_holidays, AUTUMN)
    assert is_reminder_due(SINCE, DELAYS, NO_REMINDER, return_day, AUTUMN)


@pytest.mark.rule("R77", "R79")
def test_is_due__never_on_an_unknown_day() -> None:
    assert not is_reminder_due(SINCE, DELAYS, NO_REMINDER, after(7), UNKNOWN)
    assert reminder_days(SINCE, DELAYS, NO_REMINDER, after(1), after(300), UNKNOWN) == ()


@pytest.mark.rule("R79", "R86")
@given(
    st.sets(st.integers(1, 60), max_size=4).map(sorted), st.integers(0, 50), st.integers(-5, 90),
)  # fmt: skip
def test_days_to_come__are_those_on_which_it_is_due(delays: list[int], start: int, until: int) -> None:
    today, reminders, days = after(start), NO_REMINDER, list[date]()
    for n in range(start, until + 1):
        if is_reminder_due(SINCE, delays, reminders, after(n), AUTUMN):
            days.append(after(n))
            reminders = Reminders(reminders.count + 1, after(n))
    assert list(reminder_days(SINCE, delays, NO_REMINDER, today, after(until), AUTUMN)) == days
    assert len(days) <= len(delays)
