"""The brake lets pass a year's end that was foreseen, and holds any other (R51, R52)."""

from datetime import UTC, datetime, timedelta

import pytest

from states.rules.schedule import FORESEEN, LONGEST_ABSENCE, Foreseen, Hold, Verdict, judge
from tests.kit import factories as f

END = f.calendar().end_of(f.YEAR)
LAST_INSTANT = END.ends_at - timedelta(microseconds=1)
LONG_BEFORE = datetime(2026, 9, 1, tzinfo=UTC)
KNOWN = Foreseen(END.ends_at, LONG_BEFORE)
MOVED = Foreseen(END.ends_at + timedelta(days=30), LONG_BEFORE)
Answer = tuple[Verdict, Hold | None]


def at(now: datetime, record: Foreseen | None, *, absent: timedelta = timedelta(seconds=3)) -> Answer:
    return judge(END, record, now, now - absent)


@pytest.mark.parametrize(
    ("record", "verdict"),
    [
        (None, Verdict.RECORD),
        (KNOWN, Verdict.WAIT),
        (MOVED, Verdict.RECORD),
        (Foreseen(END.ends_at, LONG_BEFORE, held=True), Verdict.RECORD),
    ],
)
@pytest.mark.rule("R51")
def test_before_the_end__recorded_once_and_when_it_moves(record: Foreseen | None, verdict: Verdict) -> None:
    assert at(LONG_BEFORE, record) == at(LAST_INSTANT, record) == (verdict, None)


@pytest.mark.parametrize("absent", [timedelta(seconds=3), timedelta(hours=3), timedelta(weeks=3), LONGEST_ABSENCE])
@pytest.mark.rule("R50", "R51", "R52")
def test_foreseen__runs_however_long_the_service_was_down(absent: timedelta) -> None:
    assert at(END.ends_at, KNOWN, absent=absent) == (Verdict.RUN, None)
    assert at(END.ends_at + absent, KNOWN, absent=absent) == (Verdict.RUN, None)


@pytest.mark.parametrize(
    ("recorded_before", "verdict"),
    [
        (FORESEEN, (Verdict.RUN, None)),
        (FORESEEN - timedelta(microseconds=1), (Verdict.HOLD, Hold.TOO_RECENT)),
        (timedelta(0), (Verdict.HOLD, Hold.TOO_RECENT)),
    ],
)
@pytest.mark.rule("R51")
def test_foreseen__24_hours_before_at_least(recorded_before: timedelta, verdict: Answer) -> None:
    assert at(END.ends_at, Foreseen(END.ends_at, END.ends_at - recorded_before)) == verdict


@pytest.mark.parametrize(
    ("record", "hold"), [(None, Hold.UNFORESEEN), (MOVED, Hold.MOVED), (KNOWN, Hold.ABSENCE)]
)  # fmt: skip
@pytest.mark.rule("R52")
def test_unforeseen__held(record: Foreseen | None, hold: Hold) -> None:
    too_long = LONGEST_ABSENCE + timedelta(seconds=1)
    assert at(END.ends_at, record, absent=too_long) == (Verdict.HOLD, hold)


@pytest.mark.rule("R52")
def test_clock__four_years_ahead_then_back() -> None:
    ahead = LONG_BEFORE + timedelta(days=4 * 365)
    assert judge(END, KNOWN, ahead, LONG_BEFORE) == (Verdict.HOLD, Hold.ABSENCE)
    held = Foreseen(END.ends_at, ahead, held=True)
    assert judge(END, held, ahead + timedelta(minutes=1), ahead) == (Verdict.HELD, None)
    assert judge(END, held, LONG_BEFORE, ahead) == (Verdict.RECORD, None)
    behind = judge(END, KNOWN, END.ends_at, END.ends_at + LONGEST_ABSENCE + timedelta(days=1))
    assert behind == (Verdict.HOLD, Hold.ABSENCE)


@pytest.mark.rule("R52")
def test_held__until_somebody_confirms() -> None:
    held = Foreseen(END.ends_at, END.ends_at, held=True)
    assert at(END.ends_at + timedelta(days=9), held) == (Verdict.HELD, None)
    confirmed = Foreseen(END.ends_at, END.ends_at, held=True, confirmed=True)
    assert at(END.ends_at, confirmed, absent=timedelta(days=400)) == (Verdict.RUN, None)
    elsewhere = Foreseen(MOVED.ends_at, END.ends_at, held=True, confirmed=True)
    assert at(END.ends_at, elsewhere) == (Verdict.HOLD, Hold.MOVED)
