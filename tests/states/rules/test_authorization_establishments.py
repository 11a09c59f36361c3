"""A chef acts for his establishments only, and learns nothing of the others (R3, R11)."""

from dataclasses import replace

import pytest

from states.vocabulary import LIVE_STATES, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused
from tests.states.rules.test_authorization_roles import OF_BOTH, OF_CHEF

STRANGER = f.chef(f.OTHER_UAI)


@pytest.mark.parametrize("trigger", sorted(OF_CHEF | OF_BOTH))
@pytest.mark.rule("R3")
def test_stranger__same_answer_whether_the_request_exists(trigger: Trigger) -> None:
    command = f.command(trigger, expected_version=99)
    facts = f.facts_for(trigger)
    unknown = replace(facts, request=None, establishment=None, last=None)
    reasons = refused(facts, command, STRANGER)
    assert set(reasons) == {"not_your_establishment"}
    assert reasons == refused(unknown, command, STRANGER)


@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.rule("R3")
def test_stranger__learns_neither_state_nor_person_nor_time(state: State) -> None:
    text = str(refused(f.facts(state), f.command(Trigger.WITHDRAW), STRANGER).values())
    for secret in (f.NOM, f.PRENOM, f.MAIL, f.UAI, f.REFERENCE, state.label, "2026", "Jean-Moulin"):
        assert secret not in text


@pytest.mark.rule("R3")
def test_chef__of_two_schools() -> None:
    both = f.chef(f.UAI, f.OTHER_UAI)
    accepted(f.facts(), f.command(Trigger.DECLARE), both)
    there = f.facts(establishment=f.establishment(f.OTHER_UAI))
    accepted(there, f.command(Trigger.DECLARE, uai=f.OTHER_UAI), both)


@pytest.mark.rule("R3")
def test_chef__of_none() -> None:
    nobody = f.chef(establishments=frozenset())
    assert set(refused(f.facts(), f.command(Trigger.DECLARE), nobody)) == {"not_your_establishment"}


@pytest.mark.rule("R1")
def test_operator__unknown_request() -> None:
    reasons = refused(f.facts(establishment=None), f.command(Trigger.REVOKE, reference="ODA-2027-99999"))
    assert set(reasons) == {"unknown_request"}
    assert "ODA-2027-99999" in reasons["unknown_request"].message


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        ("0310001a", "Vérifier l'UAI : la lettre de contrôle ne va pas avec 0310001 : ce serait H,"),
        ("31", "Vérifier l'UAI : un UAI compte 7 chiffres et une lettre, par exemple 0310001H."),
        (" 031 0001 h", "Vérifier l'UAI ; s'il est juste, écrire au centre de service."),
    ],
)
@pytest.mark.rule("R11")
def test_operator__unknown_establishment_helps_who_mistyped(typed: str, remedy: str) -> None:
    command = f.command(Trigger.DECLARE, uai=typed, on_behalf=f.on_behalf())
    reasons = refused(f.facts(establishment=None), command, f.operator())
    assert set(reasons) == {"unknown_establishment"}
    assert reasons["unknown_establishment"].remedy.startswith(remedy)
    assert reasons["unknown_establishment"].field == "uai"


@pytest.mark.rule("R11")
def test_declare__directory_letter_is_taken_as_it_is() -> None:
    odd = f.facts(establishment=f.establishment("0310001A"))
    decision = accepted(odd, f.command(Trigger.DECLARE, uai=" 0310001a"), f.chef("0310001A"))
    assert decision.request.uai == decision.data["uai"] == "0310001A"


@pytest.mark.rule("R3")
def test_chef__by_the_requests_own_establishment() -> None:
    """Whatever the directory still tells of it."""
    elsewhere = f.facts(f.request(State.DECLARED), establishment=f.establishment(f.OTHER_UAI))
    assert set(refused(elsewhere, f.command(Trigger.DELEGATE), STRANGER)) == {"not_your_establishment"}
    accepted(elsewhere, f.command(Trigger.DELEGATE))
    accepted(f.facts(State.DECLARED, establishment=None), f.command(Trigger.DELEGATE))


@pytest.mark.parametrize("typed", ["", " "])
@pytest.mark.rule("R11")
def test_operator__empty_uai(typed: str) -> None:
    command = f.command(Trigger.DECLARE, uai=typed, on_behalf=f.on_behalf())
    reason = refused(f.facts(establishment=None), command, f.operator())["unknown_establishment"]
    assert reason.message == "L'UAI est vide"
    assert reason.remedy == "Donner l'UAI de l'établissement, par exemple 0310001H."
