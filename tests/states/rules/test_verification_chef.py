"""The delegation's check and the chef who made the delegation: changed, or known at last (R35, R37)."""

import hashlib
from dataclasses import replace
from datetime import date

import pytest

from states.model import Facts, Request
from states.validation import person_key
from states.vocabulary import State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted
from tests.states.rules.test_verification import READY, issue

T = Trigger


def succeeded(facts: Facts) -> Facts:
    """The facts once Mme Nègre has said to be the new chef."""
    return replace(facts, establishment=f.establishment(chef_name="NÈGRE Paule"))


@pytest.mark.rule("R37")
def test_check__new_chef_acting_on_a_request_voids_the_delegation_only() -> None:
    decision = accepted(succeeded(f.facts(READY)), f.command(T.REPORT_CHANGE), f.chef(name="Paule Nègre"))
    assert decision.notes["chef_before"] == f.CHEF_NAME
    assert decision.notes["chef_after"] == "Paule Nègre"
    reasons = issue(decision.request)
    assert set(reasons) == {"check_void"}
    expected = "La vérification de la délégation ne vaut plus : le chef d'établissement a changé depuis"
    assert reasons["check_void"].message == expected


@pytest.mark.rule("R37")
@pytest.mark.parametrize("name", ["Paule Nègre", "M. Castaing", "B. Castaing", "Mme Castaing-Nègre"])
def test_check__a_name_typed_otherwise_voids_nothing(name: str) -> None:
    decision = accepted(f.facts(READY), f.command(T.REPORT_CHANGE), f.chef(name=name))
    assert decision.request.chef_name == f.CHEF_NAME
    assert "chef_changed" not in decision.data
    accepted(f.facts(decision.request), f.command(T.ISSUE_CODE))


@pytest.mark.rule("R35")
def test_check__recorded_by_an_earlier_version_counts_and_falls_all_the_same() -> None:
    """Its digest is one of everything, from which nobody can tell what changed."""
    former = {
        name: replace(check, digest=_former(READY, is_delegation=name == "delegation"))
        for name, check in (("listing", READY.listing), ("delegation", READY.delegation)) if check
    }  # fmt: skip
    accepted(f.facts(READY.with_(**former)), f.command(T.ISSUE_CODE))
    reasons = issue(READY.with_(**former, mail="autre@ac-toulouse.fr"))
    assert {reason.message.partition(" : ")[2] for reason in reasons.values()} == {
        "ce qu'elle avait vu a changé depuis"
    }


def _former(request: Request, *, is_delegation: bool) -> str:
    parts: list[object] = [request.nom, request.prenom, request.mail, request.school_year]
    if is_delegation:
        parts += [request.delegated_on, request.delegation_why, person_key(request.chef_name, "")]
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


@pytest.mark.rule("R37")
def test_check__chef_known_at_last_voids_nothing() -> None:
    """A deputy declared: the check saw no chef."""
    nameless = f.checked(f.request(State.REQUESTED, chef_name=""))
    decision = accepted(f.facts(nameless), f.command(T.REPORT_CHANGE), f.chef())
    assert decision.request.chef_name == f.CHEF_NAME
    assert "chef_changed" not in decision.data
    accepted(f.facts(decision.request), f.command(T.ISSUE_CODE))
    again = accepted(succeeded(f.facts(decision.request)), f.command(T.REPORT_CHANGE), f.chef(name="Paule Nègre"))
    assert again.data["chef_changed"] is True
    assert set(issue(again.request)) == {"check_void"}


@pytest.mark.rule("R35", "R37")
def test_check__chef_known_at_last_revives_nothing() -> None:
    void = f.checked(f.request(State.REQUESTED, chef_name="")).with_(mail="autre@ac-toulouse.fr")
    known = accepted(f.facts(void), f.command(T.REPORT_CHANGE), f.chef()).request
    assert set(issue(known)) == {"check_void#1", "check_void#2"}
    unchecked = f.request(State.REQUESTED, chef_name="")
    assert accepted(f.facts(unchecked), f.command(T.REPORT_CHANGE), f.chef()).request.delegation is None


@pytest.mark.rule("R35", "R37")
def test_check__void_when_the_chef_known_at_last_delegates_anew() -> None:
    back = f.checked(f.request(State.DECLARED, chef_name="", delegated_on=date(2026, 9, 15), delegation_why="x"))
    again = accepted(f.facts(back), f.command(T.DELEGATE, made_on=date(2026, 9, 16))).request
    assert "check_void" in {r.code for r in issue(again.with_(state=State.REQUESTED)).values()}
