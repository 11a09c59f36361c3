"""Whoever comes too late learns by whom, what and when (R9)."""

from datetime import UTC, datetime

import pytest

from states.model import Actor, LastEvent
from states.vocabulary import Role, State, Trigger
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


@pytest.mark.rule("R1", "R3", "R9")
@pytest.mark.parametrize(
    ("role", "reader", "who"),
    [
        (Role.OPERATOR, f.chef(), "le rectorat"),
        (Role.READER, f.deputy(), "le rectorat"),
        (Role.CONNECTOR, f.chef(), "le logiciel"),
        (Role.DEPUTY, f.chef(), "n° 10"),
        (Role.OPERATOR, f.operator(), "n° 10"),
    ],
)
def test_version__says_who_did_what_and_when_for_a_reader(role: Role, reader: Actor, who: str) -> None:
    last = LastEvent(Trigger.DELEGATE, "n° 10", role, datetime(2026, 10, 12, 7, 5, tzinfo=UTC))
    behalf = None if reader.is_establishment else f.on_behalf()
    command = f.command(Trigger.DELEGATE, expected_version=1, on_behalf=behalf)
    reasons = refused(f.facts(State.DELEGATED, last=last), command, reader)
    assert set(reasons) == {"changed_meanwhile", "wrong_state"}
    did = f" ; dernière action : attester la délégation, par {who}, le 12 octobre 2026 à 9 h 05"
    assert reasons["changed_meanwhile"].message == f"La demande a changé entre-temps{did}"
    assert reasons["wrong_state"].message.endswith(did)


@pytest.mark.rule("R9")
def test_version__nobody_known() -> None:
    reasons = refused(f.facts(State.DECLARED, last=None), f.command(Trigger.DELEGATE, expected_version=7))
    assert reasons["changed_meanwhile"].message == "La demande a changé entre-temps"


@pytest.mark.rule("R1", "R24", "R7")
def test_wrong_state_and_ended_year__both_told() -> None:
    after = f.now_for(Trigger.EXPIRE)
    reasons = refused(f.facts(State.REVOKED), f.command(Trigger.DELEGATE), now=after)
    assert set(reasons) == {"wrong_state", "year_ended"}
