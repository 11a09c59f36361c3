"""Who can act in an establishment's stead, and the codes that he may not send alone (R6, R14)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from states.model import Facts, StandIn
from states.vocabulary import StandInKind, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused

DAY = timedelta(days=1)
READY = f.checked(f.request(State.REQUESTED))
SET = StandIn(kind=StandInKind.MAILBOX, operator=10, label="op@ac-toulouse.fr", since=f.NOW - 2 * DAY)
ISSUE = f.command(Trigger.ISSUE_CODE)


def facts(stand_in: StandIn, trigger: Trigger = Trigger.ISSUE_CODE) -> Facts:
    base = f.facts_for(trigger)
    return replace(base, establishment=f.establishment(stand_ins=(stand_in,)))


@pytest.mark.rule("R14")
def test_code__waits_a_day_or_a_second_operator() -> None:
    fresh = replace(SET, since=f.NOW - timedelta(hours=23))
    reason = refused(facts(fresh), ISSUE)["mailbox_held"]
    assert "op@ac-toulouse.fr" in reason.message
    assert "12 octobre 2026 à 12 h 00" in reason.remedy
    accepted(facts(replace(fresh, confirmed_at=f.NOW)), ISSUE)
    accepted(facts(replace(fresh, until=f.NOW)), ISSUE)
    accepted(facts(SET), ISSUE)
    accepted(facts(fresh), ISSUE, mailbox_hold=timedelta(0))


@pytest.mark.rule("R6")
@pytest.mark.parametrize("kind", StandInKind)
@pytest.mark.parametrize("trigger", [Trigger.ISSUE_CODE, Trigger.REISSUE_CODE])
def test_four_eyes__who_stands_in_sends_no_code(kind: StandInKind, trigger: Trigger) -> None:
    in_force = facts(replace(SET, kind=kind), trigger)
    assert set(refused(in_force, f.command(trigger), four_eyes=True)) == {"stands_in"}
    accepted(in_force, f.command(trigger), f.operator(number=12), four_eyes=True)
    accepted(in_force, f.command(trigger))


@pytest.mark.rule("R6")
@pytest.mark.parametrize(("days", "counts"), [(29, True), (31, False)])
def test_four_eyes__for_a_month_after(days: int, counts: bool) -> None:
    ended = facts(replace(SET, since=f.NOW - 90 * DAY, until=f.NOW - days * DAY))
    if counts:
        assert set(refused(ended, ISSUE, four_eyes=True)) == {"stands_in"}
    else:
        accepted(ended, ISSUE, four_eyes=True)


@pytest.mark.rule("R6")
def test_chef__who_acts_meanwhile_counts_as_the_operator() -> None:
    by_chef = f.command(Trigger.DELEGATE)
    assert accepted(facts(SET, Trigger.DELEGATE), by_chef).request.acted_on_behalf == {10}
    assert accepted(facts(SET, Trigger.DELEGATE), by_chef, f.deputy()).request.acted_on_behalf == {10}
    ended = facts(replace(SET, until=f.NOW), Trigger.DELEGATE)
    assert accepted(ended, by_chef).request.acted_on_behalf == frozenset()
    checked = accepted(facts(SET, Trigger.CHECK_LISTING), f.command(Trigger.CHECK_LISTING))
    assert checked.request.acted_on_behalf == frozenset()
