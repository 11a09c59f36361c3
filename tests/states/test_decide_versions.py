"""Whoever comes too late learns by whom, what and when (R9)."""

from datetime import UTC, datetime

import pytest

from states.model import LastEvent
from states.vocabulary import State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused

ON_REQUEST = [trigger for trigger in Trigger if trigger is not Trigger.DECLARE]


@pytest.mark.parametrize("trigger", ON_REQUEST)
@pytest.mark.rule("R9")
def test_version__the_one_seen_or_none(trigger: Trigger) -> None:
    facts = f.facts_for(trigger)
    assert facts.request
    version = facts.request.version
    accepted(facts, f.command(trigger, expected_version=version))
    accepted(facts, f.command(trigger, expected_version=None))
    for other in (version - 1, version + 1, 0):
        assert set(refused(facts, f.command(trigger, expected_version=other))) == {"changed_meanwhile"}


@pytest.mark.rule("R9")
def test_version__says_who_did_what_and_when() -> None:
    last = LastEvent(Trigger.DELEGATE, "opérateur n° 10", datetime(2026, 10, 12, 7, 5, tzinfo=UTC))
    reasons = refused(f.facts(State.DELEGATED, last=last), f.command(Trigger.DELEGATE, expected_version=1))
    assert set(reasons) == {"changed_meanwhile", "wrong_state"}
    assert reasons["changed_meanwhile"].message == (
        "La demande a changé entre-temps : opérateur n° 10 a fait « attester la délégation »"
        " le 12 octobre 2026 à 9 h 05"
    )


@pytest.mark.rule("R9")
def test_version__nobody_known() -> None:
    reasons = refused(f.facts(State.DECLARED, last=None), f.command(Trigger.DELEGATE, expected_version=7))
    assert reasons["changed_meanwhile"].message == "La demande a changé entre-temps"


@pytest.mark.rule("R1", "R24", "R7")
def test_wrong_state_and_ended_year__both_told() -> None:
    after = f.now_for(Trigger.EXPIRE)
    reasons = refused(f.facts(State.REVOKED), f.command(Trigger.DELEGATE), now=after)
    assert set(reasons) == {"wrong_state", "year_ended"}
