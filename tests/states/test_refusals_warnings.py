"""What does not forbid and must be known (R19, R21)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from states.decision import Decision
from states.model import Request
from states.school_calendar import SchoolCalendar
from states.vocabulary import LIVE_STATES, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted


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
    text = str(decision.warnings)
    for secret in (f.OTHER_UAI, "ODA-2027-00077", "code transmis", "2027", "2026", "Paule"):
        assert secret not in text


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


@pytest.mark.parametrize("is_old", [False, True], ids=["the renewal", "the renewed"])
@pytest.mark.parametrize("trigger", [Trigger.DELEGATE, Trigger.SUBMIT, Trigger.AMEND, Trigger.REPORT_CHANGE])
@pytest.mark.rule("R19", "R33")
def test_renewal__a_chef_is_not_told_of_the_very_request_that_it_renews(trigger: Trigger, is_old: bool) -> None:
    """An operator is told, and a chef of any other request."""
    base = f.facts_for(trigger).request
    assert base is not None
    kin = f.other(uai=f.UAI, school_year=f.YEAR.next, renews=base.reference if is_old else None)
    base = base.with_(renews=None if is_old else kin.reference)
    changes = {"mail": None, "prenom": "Anne"} if trigger is Trigger.AMEND else {}
    command, warnings = f.command(trigger, **changes), [("other_request", "R19")]
    alone = f.facts(base, others=(kin,))
    assert [codes(accepted(alone, command, who)) for who in (f.chef(), f.deputy())] == [[], []]
    assert codes(accepted(alone, f.command(trigger, **changes, on_behalf=f.on_behalf()), f.operator())) == warnings
    third = kin.with_(reference="ODA-2027-00078", renews=None)
    for others in ((kin, third), (kin.with_(uai=f.OTHER_UAI),)):
        assert codes(accepted(f.facts(base, others=others), command)) == warnings


@pytest.mark.rule("R19", "R33")
def test_renewal__at_its_birth_too() -> None:
    old = f.request(State.CODE_ISSUED, school_year=f.YEAR)
    june = datetime(2027, 6, 10, 9, tzinfo=UTC)
    assert codes(accepted(f.facts(old, others=(old,)), f.command(Trigger.RENEW), now=june)) == []
    third = f.other(uai=f.UAI)
    assert codes(accepted(f.facts(old, others=(old, third)), f.command(Trigger.RENEW), now=june)) == [
        ("other_request", "R19")
    ]


@pytest.mark.rule("R19")
def test_amend__told_about_the_person_as_corrected() -> None:
    facts = f.facts(State.DELEGATED, others=(f.other(nom="Nouveau", mail="nouveau@ac-toulouse.fr"),))
    assert codes(accepted(facts, f.command(Trigger.AMEND))) == []
    assert codes(accepted(facts, f.command(Trigger.AMEND, mail="nouveau@ac-toulouse.fr"))) == [("other_request", "R19")]


@pytest.mark.parametrize("trigger", sorted(Trigger))
@pytest.mark.rule("R19")
def test_other__only_what_is_done_of_whole_lists_is_silent(trigger: Trigger) -> None:
    base = f.facts_for(trigger)
    facts = replace(base, others=(f.other(State.REQUESTED),))
    warnings = [] if trigger in (Trigger.EXPIRE, Trigger.SEND_TO_DRANE) else [("other_request", "R19")]
    changes = {"mail": None, "prenom": "Anne"} if trigger is Trigger.AMEND else {}
    assert codes(accepted(facts, f.command(trigger, **changes))) == warnings


@pytest.mark.parametrize("trigger", [Trigger.DELEGATE, Trigger.WITHDRAW])
@pytest.mark.rule("R17", "R19")
def test_other__same_name_only_is_told_to_an_operator(trigger: Trigger) -> None:
    """Two namesakes are two people for a chef: he is told of no other person's request."""
    facts = f.facts(State.DECLARED, others=(f.other(uai=f.UAI, mail="autre@ac-toulouse.fr"),))
    for who in (f.chef(), f.deputy()):
        assert accepted(facts, f.command(trigger), who).warnings == ()
    [warning] = accepted(facts, f.command(trigger, on_behalf=f.on_behalf()), f.operator()).warnings
    assert warning.message.endswith("en 2026-2027 (code transmis) ; à vérifier : même nom, autre adresse")
    married = f.facts(State.DECLARED, others=(f.other(uai=f.UAI, nom="Épouse"),))
    [warning] = accepted(married, f.command(trigger)).warnings
    assert warning.message.endswith("en 2026-2027 (code transmis)")


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


@pytest.mark.parametrize(("calendar", "suffix"), [(f.calendar(), ""), (f.calendar(rentrees={}), " (date par défaut)")])
@pytest.mark.rule("R21", "R22")
def test_late__gives_the_date(calendar: SchoolCalendar, suffix: str) -> None:
    now, command = datetime(2027, 8, 20, 9, tzinfo=UTC), f.command(Trigger.DECLARE, school_year=f.YEAR)
    [warning] = accepted(f.facts(), command, now=now, calendar=calendar).warnings
    assert warning.message == f"L'année scolaire 2026-2027 finit le 31 août 2027{suffix} : la clé servira peu"
