"""Once the school year has ended (R24), whether the schedule has passed or not, and the end itself (R50)."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from states.decision import OpenRemoval
from states.vocabulary import LIVE_STATES, RemovalKind, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused
from tests.states.test_transitions import AFTER_END

END = f.now_for(Trigger.EXPIRE)
JUST_BEFORE = END - timedelta(microseconds=1)


@pytest.mark.parametrize("trigger", [t for t in Trigger if t is not Trigger.DECLARE])
@pytest.mark.rule("R24")
def test_after_the_end__exactly_this_list(trigger: Trigger) -> None:
    if trigger in AFTER_END:
        accepted(f.facts_for(trigger), f.command(trigger), now=END)
        return
    reasons = refused(f.facts_for(trigger), f.command(trigger), now=END)
    assert set(reasons) == {"year_ended"}
    assert reasons["year_ended"].message == "L'année scolaire 2026-2027 de cette demande a fini le 31 août 2027"


@pytest.mark.rule("R24", "R23")
def test_last_instant__still_accepted() -> None:
    command = f.command(Trigger.DELEGATE, made_on=date(2027, 8, 31))
    accepted(f.facts(State.DECLARED), command, now=JUST_BEFORE)
    assert set(refused(f.facts(State.DECLARED), command, now=END)) == {"year_ended"}


@pytest.mark.rule("R23", "R24")
def test_last_instant__is_that_of_the_academie() -> None:
    there = f.calendar(timezone=ZoneInfo("Indian/Reunion"))
    two_hours_before = END - timedelta(hours=2)
    accepted(f.facts(State.DECLARED), f.command(Trigger.DELEGATE), now=two_hours_before)
    reasons = refused(f.facts(State.DECLARED), f.command(Trigger.DELEGATE), now=two_hours_before, calendar=there)
    assert set(reasons) == {"year_ended"}


@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.rule("R50")
def test_expire__from_the_first_instant_on_for_ever(state: State) -> None:
    reasons = refused(f.facts(state), f.command(Trigger.EXPIRE), now=JUST_BEFORE)
    assert reasons["year_not_ended"].message == "L'année scolaire 2026-2027 court jusqu'au 31 août 2027 inclus"
    for now in (END, END + timedelta(weeks=3), END + timedelta(days=1500)):
        decision = accepted(f.facts(state), f.command(Trigger.EXPIRE), now=now)
        assert decision.request.state is State.REVOKED
        assert decision.data["last_day"] == "2027-08-31"


@pytest.mark.rule("R50")
def test_expire__once() -> None:
    done = accepted(f.facts(State.CODE_ISSUED), f.command(Trigger.EXPIRE))
    assert set(refused(f.facts(done.request), f.command(Trigger.EXPIRE))) == {"wrong_state"}


@pytest.mark.parametrize("day", [date(2026, 10, 24), date(2026, 10, 25), date(2027, 3, 27), date(2027, 3, 28)])
@pytest.mark.rule("R23", "R50")
def test_expire__around_a_change_of_hour(day: date) -> None:
    calendar = f.calendar(given_ends={f.YEAR: day})
    end: datetime = calendar.midnight(day + timedelta(days=1))
    facts, command = f.facts(State.CODE_ISSUED), f.command(Trigger.EXPIRE)
    assert refused(facts, command, now=end - timedelta(seconds=1), calendar=calendar)
    accepted(facts, command, now=end, calendar=calendar)


@pytest.mark.rule("R15", "R50")
def test_expire__waits_for_no_mailbox() -> None:
    closed = f.establishment(is_open=False, mailbox=None)
    for establishment in (closed, None):
        facts = replace(f.facts(State.CODE_ISSUED), establishment=establishment)
        decision = accepted(facts, f.command(Trigger.EXPIRE))
        assert OpenRemoval(RemovalKind.REMOVE_RIGHTS) in decision.effects
        assert decision.warnings == ()


@pytest.mark.rule("R22", "R24", "R50")
def test_default_date__is_said() -> None:
    unknown = f.calendar(rentrees={})
    ended = refused(f.facts(State.DECLARED), f.command(Trigger.DELEGATE), now=END, calendar=unknown)["year_ended"]
    assert ended.message.endswith("de cette demande a fini le 31 août 2027 (date par défaut)")
    facts, command = f.facts(State.DECLARED), f.command(Trigger.EXPIRE)
    running = refused(facts, command, now=JUST_BEFORE, calendar=unknown)["year_not_ended"]
    assert running.message.endswith("court jusqu'au 31 août 2027 (date par défaut) inclus")
