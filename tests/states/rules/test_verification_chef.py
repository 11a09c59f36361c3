"""The delegation's check and the chef who made the delegation: changed, or known at last (R35, R37)."""

from datetime import date

import pytest

from states.vocabulary import State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted
from tests.states.rules.test_verification import READY, issue

T = Trigger


@pytest.mark.rule("R37")
def test_check__new_chef_acting_on_a_request_voids_the_delegation_only() -> None:
    reported = accepted(f.facts(READY), f.command(T.REPORT_CHANGE), f.chef(name="Paule Nègre")).request
    reasons = issue(reported)
    assert set(reasons) == {"check_void"}
    assert reasons["check_void"].message.startswith("La vérification de la délégation")


@pytest.mark.rule("R37")
def test_check__chef_known_at_last_voids_nothing() -> None:
    """A deputy declared: the check saw no chef."""
    nameless = f.checked(f.request(State.REQUESTED, chef_name=""))
    decision = accepted(f.facts(nameless), f.command(T.REPORT_CHANGE), f.chef())
    assert decision.request.chef_name == f.CHEF_NAME
    assert "chef_changed" not in decision.data
    accepted(f.facts(decision.request), f.command(T.ISSUE_CODE))
    again = accepted(f.facts(decision.request), f.command(T.REPORT_CHANGE), f.chef(name="Paule Nègre"))
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
