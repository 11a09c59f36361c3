"""The notices of a year's end: each once, on a school day, two of a day as one, missed ones at the return (R78)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.rules.schedule import DueNotice, NoticeDay, due_notice, notice_days
from states.school_calendar import DayKind, EndRule, SchoolDays, SchoolYear, YearEnd
from tests.kit import factories as f

SUMMER = {SchoolYear(2026): ((date(2027, 7, 3), date(2027, 8, 31)),), SchoolYear(2027): ()}
DAYS = SchoolDays(holidays=SUMMER)
END = f.calendar().end_of(f.YEAR)
JUNE = YearEnd(f.YEAR, date(2027, 6, 30), END.ends_at, EndRule.GIVEN)
DELAYS = st.sets(st.integers(0, 120), max_size=4).map(lambda some: tuple(sorted(some, reverse=True)))


@pytest.mark.rule("R78")
def test_planned__of_a_summer_fall_together_on_the_last_school_day() -> None:
    assert notice_days(END, DAYS, (30, 7)) == (NoticeDay(date(2027, 7, 2), (30, 7)),)


@pytest.mark.rule("R78")
def test_planned__each_on_its_day_moved_back_off_a_week_end() -> None:
    friday = date(2027, 5, 28)
    assert notice_days(JUNE, DAYS, (7, 32, 30)) == (
        NoticeDay(friday, (32,)), NoticeDay(date(2027, 5, 31), (30,)), NoticeDay(date(2027, 6, 23), (7,)),
    )  # fmt: skip


@pytest.mark.rule("R77", "R78")
def test_planned__where_the_calendar_knows_nothing_the_last_working_day() -> None:
    unknown = SchoolDays(holidays={}, days_off=frozenset({date(2027, 5, 31)}))
    assert notice_days(JUNE, unknown, (30, 7)) == (
        NoticeDay(date(2027, 5, 28), (30,)),
        NoticeDay(date(2027, 6, 23), (7,)),
    )


@pytest.mark.rule("R78")
def test_due__each_once() -> None:
    plan = notice_days(JUNE, DAYS, (30, 7))
    assert due_notice(JUNE, plan, date(2027, 5, 28), (), DAYS) is None
    assert due_notice(JUNE, plan, date(2027, 5, 31), (), DAYS) == DueNotice((30,), 30)
    assert due_notice(JUNE, plan, date(2027, 5, 31), (30,), DAYS) is None
    assert due_notice(JUNE, plan, date(2027, 6, 23), (30,), DAYS) == DueNotice((7,), 7)
    assert due_notice(JUNE, plan, date(2027, 6, 23), (30, 7), DAYS) is None


@pytest.mark.parametrize(
    ("back_on", "expected"),
    [
        (date(2027, 6, 4), DueNotice((30,), 26)),
        (date(2027, 6, 5), None),
        (date(2027, 6, 7), DueNotice((30,), 23)),
        (date(2027, 6, 24), DueNotice((30, 7), 6)),
        (date(2027, 6, 30), DueNotice((30, 7), 0)),
        (date(2027, 7, 1), None),
    ],
)
@pytest.mark.rule("R78")
def test_due__missed_leaves_at_the_return_on_a_school_day(back_on: date, expected: DueNotice | None) -> None:
    assert due_notice(JUNE, notice_days(JUNE, DAYS, (30, 7)), back_on, (), DAYS) == expected


@pytest.mark.rule("R78")
def test_due__missed_with_no_school_day_left_leaves_at_once() -> None:
    sunday = date(2027, 8, 1)
    assert due_notice(END, notice_days(END, DAYS, (30, 7)), sunday, (), DAYS) == DueNotice((30, 7), 30)


@pytest.mark.rule("R78")
def test_due__a_delay_added_to_a_day_that_was_told_says_nothing_more() -> None:
    assert due_notice(END, notice_days(END, DAYS, (30, 14, 7)), date(2027, 7, 2), (30, 7), DAYS) is None


@pytest.mark.rule("R77", "R78")
@given(DELAYS, st.dates(date(2027, 1, 1), date(2027, 8, 31)), st.sampled_from([DAYS, SchoolDays(holidays={})]))
def test_notices__every_delay_leaves_once_before_the_end(
    notices: tuple[int, ...], last: date, days: SchoolDays
) -> None:
    end = YearEnd(f.YEAR, last, END.ends_at, EndRule.GIVEN)
    plan = notice_days(end, days, notices)
    assert sorted((n for notice in plan for n in notice.delays), reverse=True) == list(notices)
    sent: list[int] = []
    for back in range(130, -10, -1):
        today = last - timedelta(days=back)
        notice = due_notice(end, plan, today, sent, days)
        if notice:
            assert today <= last
            assert notice.days_left == back
            assert days.kind(today) in (DayKind.SCHOOL, DayKind.UNKNOWN) or today not in [
                planned.day for planned in plan
            ]
            sent += notice.delays
    assert sorted(sent) == sorted(notices)


@pytest.mark.rule("R78")
@given(DELAYS.filter(bool), st.sets(st.integers(0, 125)))
def test_notices__whatever_the_stops_no_more_than_one_a_day_and_one_a_delay(
    notices: tuple[int, ...], stopped: set[int]
) -> None:
    plan, sent, mails = notice_days(JUNE, DAYS, notices), list[int](), 0
    for back in range(125, -1, -1):
        if back in stopped:
            continue
        today = JUNE.last_day - timedelta(days=back)
        if notice := due_notice(JUNE, plan, today, sent, DAYS):
            assert not set(notice.delays) & set(sent)
            sent, mails = sent + list(notice.delays), mails + 1
            assert due_notice(JUNE, plan, today, sent, DAYS) is None
    assert mails <= len(plan)
    if 0 not in stopped:
        assert sorted(sent) == sorted(notices), "a school day was left: nothing is lost"
