"""The brake lets pass a year's end that was foreseen, and holds any other (R51, R52)."""

from datetime import UTC, datetime, timedelta

import pytest

from states.rules.schedule import LONGEST_ABSENCE, RECORDED_AHEAD, BrakeDecision, Hold, RecordedEnd, check_brake
from tests.kit import factories as f

END = f.calendar().end_of(f.YEAR)
LAST_INSTANT = END.ends_at - timedelta(microseconds=1)
LONG_BEFORE = datetime(2026, 9, 1, tzinfo=UTC)
RECORDED = RecordedEnd(END.ends_at, LONG_BEFORE)
MOVED = RecordedEnd(END.ends_at + timedelta(days=30), LONG_BEFORE)
Answer = tuple[BrakeDecision, Hold | None]


def at(now: datetime, record: RecordedEnd | None, *, absent: timedelta = timedelta(seconds=3)) -> Answer:
    return check_brake(END, record, now, now - absent)


@pytest.mark.parametrize(
    ("record", "decision"),
    [
        (None, BrakeDecision.RECORD),
        (RECORDED, BrakeDecision.WAIT),
        (MOVED, BrakeDecision.RECORD),
        (RecordedEnd(END.ends_at, LONG_BEFORE, is_held=True), BrakeDecision.RECORD),
    ],
)
@pytest.mark.rule("R51")
def test_before_the_end__recorded_once_and_when_it_moves(record: RecordedEnd | None, decision: BrakeDecision) -> None:
    assert at(LONG_BEFORE, record) == at(LAST_INSTANT, record) == (decision, None)


@pytest.mark.parametrize("absent", [timedelta(seconds=3), timedelta(hours=3), timedelta(weeks=3), LONGEST_ABSENCE])
@pytest.mark.rule("R50", "R51", "R52")
def test_foreseen__runs_however_long_the_service_was_down(absent: timedelta) -> None:
    assert at(END.ends_at, RECORDED, absent=absent) == (BrakeDecision.RUN, None)
    assert at(END.ends_at + absent, RECORDED, absent=absent) == (BrakeDecision.RUN, None)


@pytest.mark.parametrize(
    ("recorded_before", "decision"),
    [
        (RECORDED_AHEAD, (BrakeDecision.RUN, None)),
        (RECORDED_AHEAD - timedelta(microseconds=1), (BrakeDecision.HOLD, Hold.TOO_RECENT)),
        (timedelta(0), (BrakeDecision.HOLD, Hold.TOO_RECENT)),
    ],
)
@pytest.mark.rule("R51")
def test_foreseen__24_hours_before_at_least(recorded_before: timedelta, decision: Answer) -> None:
    assert at(END.ends_at, RecordedEnd(END.ends_at, END.ends_at - recorded_before)) == decision


@pytest.mark.parametrize(
    ("record", "hold"), [(None, Hold.UNFORESEEN), (MOVED, Hold.MOVED), (RECORDED, Hold.ABSENCE)]
)  # fmt: skip
@pytest.mark.rule("R52")
def test_unforeseen__held(record: RecordedEnd | None, hold: Hold) -> None:
    too_long = LONGEST_ABSENCE + timedelta(seconds=1)
    assert at(END.ends_at, record, absent=too_long) == (BrakeDecision.HOLD, hold)


@pytest.mark.rule("R52")
def test_clock__four_years_ahead_then_back() -> None:
    ahead = LONG_BEFORE + timedelta(days=4 * 365)
    assert check_brake(END, RECORDED, ahead, LONG_BEFORE) == (BrakeDecision.HOLD, Hold.ABSENCE)
    record = RecordedEnd(END.ends_at, ahead, is_held=True)
    assert check_brake(END, record, ahead + timedelta(minutes=1), ahead) == (BrakeDecision.HELD, None)
    assert check_brake(END, record, LONG_BEFORE, ahead) == (BrakeDecision.RECORD, None)
    behind = check_brake(END, RECORDED, END.ends_at, END.ends_at + LONGEST_ABSENCE + timedelta(days=1))
    assert behind == (BrakeDecision.HOLD, Hold.ABSENCE)


@pytest.mark.rule("R52")
def test_held__until_somebody_confirms() -> None:
    record = RecordedEnd(END.ends_at, END.ends_at, is_held=True)
    assert at(END.ends_at + timedelta(days=9), record) == (BrakeDecision.HELD, None)
    confirmed = RecordedEnd(END.ends_at, END.ends_at, is_held=True, is_confirmed=True)
    assert at(END.ends_at, confirmed, absent=timedelta(days=400)) == (BrakeDecision.RUN, None)
    elsewhere = RecordedEnd(MOVED.ends_at, END.ends_at, is_held=True, is_confirmed=True)
    assert at(END.ends_at, elsewhere) == (BrakeDecision.HOLD, Hold.MOVED)
