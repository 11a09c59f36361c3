"""What does not forbid and must be known (R19, R21)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from states.case import Decision
from states.facts import Request
from states.vocabulary import LIVE_STATES, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted

SILENT = {Trigger.EXPIRE, Trigger.REVOKE, Trigger.WITHDRAW, Trigger.CONFIRM_HANDOVER}


def codes(decision: Decision) -> list[tuple[str, str]]:
    return [(warning.code, warning.rule) for warning in decision.warnings]


@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.rule("R19")
def test_other__operator_is_told_which_and_where(state: State) -> None:
    facts = f.facts(State.REQUESTED, others=(f.other(state, school_year=f.YEAR.next),))
    decision = accepted(facts, f.command(Trigger.CHECK_LISTING))
    assert [w.message for w in decision.warnings] == [
        "La demande ODA-2027-00077 est en cours pour cette personne dans l'établissement 0751234J, en 2027-2028"
        f" ({state.label})"
    ]


@pytest.mark.parametrize("trigger", [Trigger.DECLARE, Trigger.DELEGATE, Trigger.SUBMIT, Trigger.RENEW])
@pytest.mark.rule("R19", "R3")
def test_other__chef_learns_nothing_of_another_school(trigger: Trigger) -> None:
    base = f.facts_for(trigger)
    facts = f.facts(base.request, others=(f.other(State.CODE_ISSUED, chef_name="Paule Nègre"),))
    decision = accepted(facts, f.command(trigger))
    assert codes(decision) == [("other_request", "R19")]
    said = str(decision.warnings)
    for secret in (f.OTHER_UAI, "ODA-2027-00077", "code transmis", "2027", "2026", "Paule"):
        assert secret not in said


@pytest.mark.rule("R19")
def test_other__chef_of_both_schools_is_told() -> None:
    facts = f.facts(State.DECLARED, others=(f.other(),))
    decision = accepted(facts, f.command(Trigger.DELEGATE), f.chef(f.UAI, f.OTHER_UAI))
    assert "ODA-2027-00077" in decision.warnings[0].message


@pytest.mark.rule("R19")
def test_other__next_year_in_the_same_school() -> None:
    facts = f.facts(State.DECLARED, others=(f.other(State.DECLARED, uai=f.UAI, school_year=f.YEAR.next),))
    assert "2027-2028" in accepted(facts, f.command(Trigger.DELEGATE)).warnings[0].message


@pytest.mark.parametrize(
    "other",
    [f.other(State.REVOKED), f.other(nom="Autre", mail="autre@ac-toulouse.fr"), f.request(State.DECLARED)],
    ids=["revoked", "another person", "itself"],
)
@pytest.mark.rule("R19")
def test_other__not_told(other: Request) -> None:
    assert accepted(f.facts(State.DECLARED, others=(other,)), f.command(Trigger.DELEGATE)).warnings == ()


@pytest.mark.rule("R19")
def test_amend__told_about_the_person_as_corrected() -> None:
    facts = f.facts(State.DELEGATED, others=(f.other(nom="Nouveau", mail="nouveau@ac-toulouse.fr"),))
    assert codes(accepted(facts, f.command(Trigger.AMEND))) == []
    assert codes(accepted(facts, f.command(Trigger.AMEND, mail="nouveau@ac-toulouse.fr"))) == [("other_request", "R19")]


@pytest.mark.parametrize("trigger", sorted(SILENT))
@pytest.mark.rule("R19")
def test_other__silent_at_an_end(trigger: Trigger) -> None:
    base = f.facts_for(trigger)
    assert accepted(f.facts(base.request, others=(f.other(),)), f.command(trigger)).warnings == ()


@pytest.mark.parametrize(("days_before", "late"), [(0, True), (29, True), (30, False), (31, False)])
@pytest.mark.rule("R21")
def test_late__less_than_30_days_before_the_end(days_before: int, late: bool) -> None:
    day = f.LAST_DAY - timedelta(days=days_before)
    now = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    command = f.command(Trigger.DECLARE, school_year=f.YEAR)
    assert codes(accepted(f.facts(), command, now=now)) == ([("late_declaration", "R21")] if late else [])
    renewal = f.command(Trigger.RENEW, school_year=f.YEAR)
    assert codes(accepted(f.facts(State.REVOKED), renewal, now=now)) == codes(accepted(f.facts(), command, now=now))


@pytest.mark.rule("R21")
def test_late__follows_the_years_own_end() -> None:
    soon = f.calendar(given_ends={f.YEAR: date(2026, 11, 1)})
    assert codes(accepted(f.facts(), f.command(Trigger.DECLARE), calendar=soon)) == [("late_declaration", "R21")]
