"""The removal that follows every end: which task, and its confirmation (R15, R47, R49, R61)."""

from dataclasses import replace

import pytest

from states.decision import CloseRemoval, Decision, EraseCode, OpenRemoval, ReopenTask
from states.model import Removal, Request
from states.vocabulary import LIVE_STATES, CheckOutcome, RemovalKind, RemovalOutcome, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

RIGHTS, ENABLED = OpenRemoval(RemovalKind.REMOVE_RIGHTS), OpenRemoval(RemovalKind.KEY_ENABLED)
CHECKED = f.checked(f.request(State.REQUESTED))


def ends(request: Request) -> list[Decision]:
    """The decisions of every trigger that ends that request."""
    triggers = [Trigger.REVOKE, Trigger.EXPIRE]
    triggers += [] if request.state is State.CODE_ISSUED else [Trigger.WITHDRAW]
    return [accepted(f.facts(request), f.command(trigger)) for trigger in triggers]


@pytest.mark.parametrize(
    ("request_", "effects"),
    [
        (f.request(State.DECLARED), ()),
        (f.request(State.REQUESTED), ()),
        (CHECKED, (ENABLED,)),
        (CHECKED.with_(nom="Autre"), (ENABLED,)),
        (CHECKED.with_(state=State.DELEGATED), (ENABLED,)),
        (f.checked(f.request(State.REQUESTED), delegation=CheckOutcome.NEGATIVE), ()),
        (f.checked(CHECKED, delegation=CheckOutcome.NEGATIVE), (ENABLED,)),
        (CHECKED.with_(listing=None, delegation=None), (ENABLED,)),
        (f.request(State.CODE_ISSUED), (EraseCode(), RIGHTS)),
        (f.request(State.CODE_ISSUED, extends="ODA-2027-00077"), (RIGHTS,)),
        (f.request(State.CODE_ISSUED, handed_on=f.TODAY), (RIGHTS,)),
        (f.request(State.CODE_ISSUED, listing=None), (EraseCode(), RIGHTS)),
    ],
)
@pytest.mark.rule("R47", "R61")
def test_end__opens_the_task_that_fits(request_: Request, effects: tuple[object, ...]) -> None:
    kind = next((e.kind.value for e in effects if isinstance(e, OpenRemoval)), None)
    for decision in ends(request_):
        assert decision.effects == effects
        assert decision.data["removal"] == kind
        assert decision.request.state is State.REVOKED


@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.rule("R15", "R45")
def test_revoke__waits_for_no_mailbox(state: State) -> None:
    facts = f.facts(state, establishment=f.establishment(is_open=False, mailbox=None))
    assert accepted(facts, f.command(Trigger.REVOKE)).request.state is State.REVOKED
    assert accepted(replace(facts, establishment=None), f.command(Trigger.REVOKE)).request.state is State.REVOKED


@pytest.mark.parametrize("outcome", RemovalOutcome)
@pytest.mark.parametrize("kind", RemovalKind)
@pytest.mark.rule("R15", "R49")
def test_confirm__closes_the_task(kind: RemovalKind, outcome: RemovalOutcome) -> None:
    facts = f.facts(State.REVOKED, removal=Removal(kind), establishment=f.establishment(mailbox=None))
    decision = accepted(facts, f.command(Trigger.CONFIRM_REMOVAL, outcome=outcome, note=" fait "))
    assert decision.effects == (CloseRemoval(outcome),)
    assert decision.data == {"outcome": outcome.value}
    assert decision.notes == {"note": "fait"}
    assert decision.request.state is State.REVOKED


@pytest.mark.rule("R49")
def test_confirm__kept_is_always_an_answer() -> None:
    """Who removed the rights alone must be able to say so, whatever relies on the key."""
    command = f.command(Trigger.CONFIRM_REMOVAL, outcome=RemovalOutcome.KEPT)
    for others in ((), (f.other(State.REQUESTED),), (f.other(State.REVOKED),), (f.other(),)):
        for other_uses in (True, False):
            facts = f.facts(State.REVOKED, others=others)
            decision = accepted(facts, command, key_has_other_uses=other_uses)
            assert decision.data["outcome"] == "kept"
            assert "key_still_used" not in {warning.code for warning in decision.warnings}


@pytest.mark.rule("R49")
def test_confirm__nothing_to_confirm_or_done() -> None:
    command = f.command(Trigger.CONFIRM_REMOVAL)
    assert set(refused(f.facts(State.REVOKED, removal=None), command)) == {"no_removal_open"}
    done = Removal(RemovalKind.REMOVE_RIGHTS, RemovalOutcome.ABSENT)
    reasons = refused(f.facts(State.REVOKED, removal=done), command)
    assert reasons["removal_confirmed"].message == "Le retrait est déjà confirmé : clé déjà absente du serveur"


@pytest.mark.rule("R49", "R24")
def test_reopen__the_task_waits_again() -> None:
    decision = usual(Trigger.REOPEN_REMOVAL, why=" confirmé pour une autre ")
    assert decision.effects == (ReopenTask(RemovalKind.REMOVE_RIGHTS),)
    assert (decision.data, decision.notes) == ({"outcome": "removed"}, {"why": "confirmé pour une autre"})
    assert decision.request.state is State.REVOKED
    late = f.now_for(Trigger.EXPIRE)
    accepted(f.facts_for(Trigger.REOPEN_REMOVAL), f.command(Trigger.REOPEN_REMOVAL), now=late)


@pytest.mark.rule("R49", "R7")
def test_reopen__only_what_was_confirmed_and_with_a_reason() -> None:
    assert unusual(Trigger.REOPEN_REMOVAL, why=" ")["bad_field"].field == "why"
    command = f.command(Trigger.REOPEN_REMOVAL, why="")
    still = Removal(RemovalKind.REMOVE_RIGHTS)
    assert set(refused(f.facts(State.REVOKED, removal=still), command)) == {"bad_field", "removal_still_open"}
    assert set(refused(f.facts(State.REVOKED, removal=None), command)) == {"bad_field", "no_removal_open"}


@pytest.mark.rule("R49")
def test_confirm__unreadable_note() -> None:
    assert unusual(Trigger.CONFIRM_REMOVAL, note="x" * 1001)["bad_field"].field == "note"


@pytest.mark.parametrize("outcome", [o for o in RemovalOutcome if o is not RemovalOutcome.KEPT])
@pytest.mark.rule("R49")
def test_confirm__warned_that_another_request_relies_on_the_key(outcome: RemovalOutcome) -> None:
    command = f.command(Trigger.CONFIRM_REMOVAL, outcome=outcome)
    others = (f.other(), f.other(mail="autre@ac-toulouse.fr", reference="ODA-2027-00078"))
    decision = accepted(f.facts(State.REVOKED, others=others), command)
    warning = {w.code: w for w in decision.warnings}["key_still_used"]
    assert (warning.rule, decision.data["outcome"]) == ("R49", outcome.value)
    assert warning.message == (
        "La clé de cette personne sert aussi ailleurs : ODA-2027-00077 (0751234J) et ODA-2027-00078 (0751234J ;"
        " à vérifier : même nom, autre adresse)"
    )
    keyless = accepted(f.facts(State.REVOKED, others=(f.other(State.REQUESTED),)), command)
    apart = accepted(f.facts(State.REVOKED, others=others), command, one_key_a_person=False)
    assert "key_still_used" not in {w.code for decision in (keyless, apart) for w in decision.warnings}
