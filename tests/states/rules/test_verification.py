"""The two checks: recorded apart, bound to what they saw, ageing (R34 to R37, R39)."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from states.model import Request
from states.vocabulary import CheckOutcome, State, Step, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

T = Trigger
READY = f.checked(f.request(State.REQUESTED))


def issue(request: Request, **policy: Any) -> dict[str, Any]:
    return dict(refused(f.facts(request), f.command(T.ISSUE_CODE), **policy))


@pytest.mark.parametrize("outcome", CheckOutcome)
@pytest.mark.rule("R34")
def test_check__recorded_apart(outcome: CheckOutcome) -> None:
    listing = usual(T.CHECK_LISTING, outcome=outcome, source=" liste ", checked_on=date(2026, 10, 1))
    assert listing.request.listing
    assert listing.request.delegation is None
    assert (listing.request.listing.outcome, listing.request.listing.source) == (outcome, "liste")
    assert listing.data == {"outcome": outcome.value, "checked_on": "2026-10-01"}
    assert listing.notes == {"source": "liste"}
    delegation = usual(T.CHECK_DELEGATION, outcome=outcome)
    assert delegation.request.listing is None
    assert delegation.request.delegation
    assert delegation.request.delegation.checked_on == f.TODAY


@pytest.mark.parametrize("trigger", [T.CHECK_LISTING, T.CHECK_DELEGATION])
@pytest.mark.rule("R34", "R7")
def test_check__source_and_date(trigger: Trigger) -> None:
    assert set(unusual(trigger, source=" ", checked_on=date(2026, 10, 13))) == {"bad_field", "date_out_of_bounds"}


@pytest.mark.rule("R34", "R39")
def test_check__both_asked_of_an_issue() -> None:
    reasons = issue(f.request(State.REQUESTED))
    assert set(reasons) == {"check_missing#1", "check_missing#2"}
    alone = f.facts(READY.with_(delegation=None))
    reason = refused(alone, f.command(T.ISSUE_CODE))["check_missing"]
    assert reason.message == "La vérification de la délégation n'est pas faite"
    alone = f.facts(READY.with_(listing=None))
    reason = refused(alone, f.command(T.ISSUE_CODE))["check_missing"]
    assert reason.message == "La vérification de la liste des RUPN n'est pas faite"


@pytest.mark.rule("R39")
def test_check__negative() -> None:
    request = f.checked(f.request(State.REQUESTED), delegation=CheckOutcome.NEGATIVE)
    assert set(issue(request)) == {"check_negative"}


@pytest.mark.rule("R34", "R39")
def test_check__the_last_one_counts() -> None:
    first = accepted(f.facts(READY), f.command(T.CHECK_LISTING, outcome=CheckOutcome.NEGATIVE)).request
    assert set(issue(first)) == {"check_negative"}
    again = accepted(f.facts(first), f.command(T.CHECK_LISTING)).request
    accepted(f.facts(again), f.command(T.ISSUE_CODE))


VOID: dict[str, tuple[Callable[[Request], Request], int]] = {
    "nom": (lambda r: r.with_(nom="Autre"), 2),
    "case of the nom": (lambda r: r.with_(nom=r.nom.upper()), 2),
    "prenom": (lambda r: r.with_(prenom="Autre"), 2),
    "mail": (lambda r: r.with_(mail="autre@ac-toulouse.fr"), 2),
    "year": (lambda r: r.with_(school_year=f.YEAR.next), 2),
    "delegation": (lambda r: r.with_(delegated_on=date(2026, 9, 16)), 1),
    "reason of the delegation": (lambda r: r.with_(delegation_why="absence du CPE"), 1),
    "chef": (lambda r: r.with_(chef_name="Paule Nègre"), 1),
}


@pytest.mark.parametrize("changed_field", VOID)
@pytest.mark.rule("R35", "R37")
def test_check__void_once_this_changes(changed_field: str) -> None:
    change, how_many = VOID[changed_field]
    changed = change(READY)
    reasons = issue(changed)
    assert [reason.code for reason in reasons.values()] == ["check_void"] * how_many
    accepted(f.facts(f.checked(changed)), f.command(T.ISSUE_CODE))


@pytest.mark.parametrize("changes", [{"chef_name": "castaing BERNARD"}, {"charter_signed_on": date(2026, 9, 21)}])
@pytest.mark.rule("R35", "R37")
def test_check__not_void_for_so_little(changes: dict[str, Any]) -> None:
    accepted(f.facts(READY.with_(**changes)), f.command(T.ISSUE_CODE))


@pytest.mark.parametrize(("age", "right"), [(0, True), (29, True), (30, True), (31, False), (300, False)])
@pytest.mark.rule("R36")
def test_check__age_in_days(age: int, right: bool) -> None:
    made_on = date.fromordinal(f.TODAY.toordinal() - age)
    request = f.checked(f.request(State.REQUESTED), on=made_on)
    if right:
        accepted(f.facts(request), f.command(T.ISSUE_CODE))
        return
    reasons = issue(request)
    assert set(reasons) == {"check_too_old#1", "check_too_old#2"}
    assert {r.message.endswith("date de plus de 30 jours") for r in reasons.values()} == {True}


@pytest.mark.rule("R36")
def test_check__age_is_a_setting_and_counts_local_days() -> None:
    request = f.checked(f.request(State.REQUESTED), on=date(2026, 10, 11))
    accepted(f.facts(request), f.command(T.ISSUE_CODE), checks_max_age_days=1)
    reasons = issue(request, checks_max_age_days=0)
    assert reasons["check_too_old#1"].message.endswith("n'est pas d'aujourd'hui")
    in_toulouse_the_13th = datetime(2026, 10, 12, 22, 0, tzinfo=UTC)
    assert issue(request, checks_max_age_days=1, now=in_toulouse_the_13th)


@pytest.mark.rule("R35", "R38")
def test_check__survives_a_return_that_changes_nothing() -> None:
    back = accepted(f.facts(READY), f.command(T.SEND_BACK, step=Step.CONFIRMATION)).request
    again = accepted(f.facts(back), f.command(T.SUBMIT)).request
    accepted(f.facts(again), f.command(T.ISSUE_CODE))


@pytest.mark.parametrize("trigger", [Trigger.CHECK_LISTING, Trigger.CHECK_DELEGATION])
@pytest.mark.rule("R34", "R94")
def test_check__that_makes_itself_says_from_which_row(trigger: Trigger) -> None:
    command = f.command(trigger, evidence=f.evidence(automatic=True), checked_on=date(2026, 10, 5))
    decision = accepted(f.facts_for(trigger), command, f.schedule())
    check = decision.request.listing if trigger is Trigger.CHECK_LISTING else decision.request.delegation
    assert check
    assert (check.entry, check.automatic) == (7, True)
    assert decision.data == {
        "outcome": "positive", "checked_on": "2026-10-05", "list_number": 3, "list_entry": 7, "list_line": 34,
        "automatic": True,
    }  # fmt: skip


@pytest.mark.rule("R34", "R94")
def test_check__confirmed_from_a_proposal_keeps_its_row_and_score() -> None:
    command = f.command(Trigger.CHECK_LISTING, evidence=f.evidence(score=93))
    decision = accepted(f.facts_for(Trigger.CHECK_LISTING), command, f.operator())
    assert decision.request.listing
    assert (decision.request.listing.entry, decision.request.listing.automatic) == (7, False)
    assert decision.data["list_score"] == 93
    assert "automatic" not in decision.data


@pytest.mark.rule("R2", "R94")
def test_check__only_a_row_that_agrees_makes_itself() -> None:
    facts = f.facts_for(Trigger.CHECK_LISTING)
    negative = {"outcome": CheckOutcome.NEGATIVE, "evidence": f.evidence(automatic=True)}
    for changes, actor in (({}, f.schedule()), ({"evidence": f.evidence()}, f.schedule()), (negative, f.schedule()),
                           ({"evidence": f.evidence(automatic=True)}, f.operator())):  # fmt: skip
        assert set(refused(facts, f.command(Trigger.CHECK_LISTING, **changes), actor)) == {"not_an_automatic_check"}
