"""Correcting before the request (R29), and the chef who changes (R37)."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from states.vocabulary import CheckOutcome, RevokeReason, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

S = State


@pytest.mark.parametrize("state", [S.DECLARED, S.DELEGATED, S.CHARTER_SIGNED])
@pytest.mark.parametrize(
    ("changes", "renamed"),
    [
        ({"mail": "x@ac-toulouse.fr"}, False),
        ({"nom": "Autre"}, True),
        ({"prenom": "Anne"}, True),
        ({"drane_declared_on": date(2026, 9, 11)}, False),
        ({"nom": f.NOM, "mail": "x@ac-toulouse.fr"}, False),
    ],
)
@pytest.mark.rule("R29")
def test_amend__a_new_name_asks_for_the_charter_again(state: State, changes: dict[str, Any], renamed: bool) -> None:
    command = f.command(Trigger.AMEND, **{"mail": None, **changes})
    decision = accepted(f.facts(state), command)
    assert decision.request.state is (S.DELEGATED if renamed and state is S.CHARTER_SIGNED else state)
    assert decision.data["name_changed"] is renamed
    assert decision.data["mail_changed"] is ("mail" in changes)
    for name, value in changes.items():
        assert getattr(decision.request, name) == value


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nom": f.NOM},
        {"nom": f"  {f.NOM} ", "prenom": f.PRENOM, "mail": f.MAIL},
        {"drane_declared_on": date(2026, 9, 10)},
    ],
)
@pytest.mark.rule("R29")
def test_amend__nothing_new(changes: dict[str, Any]) -> None:
    assert set(unusual(Trigger.AMEND, **{"mail": None, **changes})) == {"nothing_to_amend"}


@pytest.mark.rule("R16", "R25", "R29", "R7")
def test_amend__as_strict_as_declaring() -> None:
    reasons = unusual(Trigger.AMEND, nom="", mail="x", drane_declared_on=date(2027, 1, 1))
    assert set(reasons) == {"bad_field:nom", "bad_field:mail", "date_out_of_bounds"}


@pytest.mark.rule("R29")
def test_amend__keeps_the_rest() -> None:
    before = f.request(S.CHARTER_SIGNED)
    after = accepted(f.facts(before), f.command(Trigger.AMEND)).request
    assert after == before.with_(mail="a.detienne@ac-toulouse.fr", version=before.version + 1)


@pytest.mark.rule("R37")
def test_chef__a_new_one_is_recorded_and_said() -> None:
    succeeded = f.establishment(chef_name="Paule Nègre")
    facts = replace(f.facts(S.DELEGATED), establishment=succeeded)
    decision = accepted(facts, f.command(Trigger.AMEND), f.chef(name="Mme Paule Nègre"))
    assert decision.request.chef_name == "Mme Paule Nègre"
    assert decision.data["chef_changed"] is True
    assert "Paule" not in str(decision.data)


@pytest.mark.parametrize("name", ["BERNARD CASTAING", "Castaing Bernard", "Bernard-Castaing", ""])
@pytest.mark.rule("R37")
def test_chef__the_same_written_otherwise(name: str) -> None:
    decision = accepted(f.facts(S.DELEGATED), f.command(Trigger.AMEND), f.chef(name=name))
    assert decision.request.chef_name == f.CHEF_NAME
    assert "chef_changed" not in decision.data


@pytest.mark.rule("R37")
def test_chef__first_known_is_no_change() -> None:
    decision = accepted(f.facts(f.request(S.DELEGATED, chef_name="")), f.command(Trigger.AMEND))
    assert decision.request.chef_name == f.CHEF_NAME
    assert "chef_changed" not in decision.data


@pytest.mark.rule("R37")
def test_chef__a_deputy_changes_nothing() -> None:
    assert accepted(f.facts(S.DELEGATED), f.command(Trigger.AMEND), f.deputy()).request.chef_name == f.CHEF_NAME


@pytest.mark.rule("R29")
def test_amend__no_longer_once_requested() -> None:
    assert set(refused(f.facts(S.REQUESTED), f.command(Trigger.AMEND))) == {"wrong_state"}
    usual(Trigger.AMEND)


@pytest.mark.rule("R29")
def test_take_back__while_no_check_counts_for_it() -> None:
    """A check that saw other data says nothing of this request; one that found nothing has been made all the same."""
    command = f.command(Trigger.TAKE_BACK)
    assert accepted(f.facts(State.REQUESTED), command).request.state is State.CHARTER_SIGNED
    checked = f.checked(f.request(State.REQUESTED))
    negative = f.checked(f.request(State.REQUESTED), listing=CheckOutcome.NEGATIVE)
    for request in (checked, negative, checked.with_(listing=None), checked.with_(delegation=None)):
        assert set(refused(f.facts(request), command)) == {"check_recorded"}
    accepted(f.facts(checked.with_(mail="autre@ac-toulouse.fr")), command)


@pytest.mark.rule("R29", "R94")
def test_take_back__checks_that_made_themselves_hold_nothing_back() -> None:
    checked = f.checked(f.request(State.REQUESTED))
    assert checked.listing
    by_itself = checked.with_(listing=replace(checked.listing, entry=7, automatic=True), delegation=None)
    accepted(f.facts(by_itself), f.command(Trigger.TAKE_BACK))
    confirmed = checked.with_(listing=replace(checked.listing, entry=7), delegation=None)
    assert set(refused(f.facts(confirmed), f.command(Trigger.TAKE_BACK))) == {"check_recorded"}


@pytest.mark.rule("R5", "R29")
def test_take_back__by_an_operator_who_was_asked() -> None:
    facts = f.facts(State.REQUESTED)
    assert set(refused(facts, f.command(Trigger.TAKE_BACK), f.operator())) == {"behalf_needed"}
    accepted(facts, f.command(Trigger.TAKE_BACK, on_behalf=f.on_behalf()), f.operator())


@pytest.mark.rule("R33")
def test_renew__warned_of_why_the_former_one_was_revoked() -> None:
    facts = replace(f.facts_for(Trigger.RENEW), revoked_for=RevokeReason.MISSION)
    (warning,) = accepted(facts, f.command(Trigger.RENEW)).warnings
    assert warning.message == "La demande précédente a été révoquée par le rectorat : changement de mission"
    assert accepted(replace(facts, revoked_for=RevokeReason.ERROR), f.command(Trigger.RENEW)).warnings == ()
