"""The chef's three steps before the request: delegation, charter, confirmation (R26 to R28)."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from states.school_calendar import EndRule, SchoolYear
from states.vocabulary import State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

T = Trigger


@pytest.mark.rule("R26", "R64")
def test_delegate__what_is_stored() -> None:
    decision = usual(T.DELEGATE, why="  aide aux parents\n", made_on=f.TODAY)
    assert (decision.request.delegation_why, decision.request.delegated_on) == ("aide aux parents", f.TODAY)
    assert decision.data == {"made_on": "2026-10-12"}
    assert decision.notes == {"why": "aide aux parents"}


@pytest.mark.rule("R26", "R7")
def test_delegate__no_reason_and_to_come() -> None:
    reasons = unusual(T.DELEGATE, why=" ", made_on=date(2026, 10, 13))
    assert {key: r.field for key, r in reasons.items()} == {"bad_field": "why", "date_out_of_bounds": "made_on"}
    assert {r.rule for r in reasons.values()} == {"R26"}


@pytest.mark.rule("R26")
def test_delegate__an_old_delegation_serves_a_first_declaration_only() -> None:
    """Delegations outlive the school year: an old one counts, but a renewal makes it again (R33)."""
    usual(T.DELEGATE, made_on=date(2024, 9, 3))
    renewed = f.facts(f.request(State.DECLARED, renews="ODA-2026-00001"))
    reason = refused(renewed, f.command(T.DELEGATE, made_on=date(2026, 5, 31)))["date_out_of_bounds"]
    assert reason.remedy == "Donner une date comprise entre le 1er juin 2026 et le 12 octobre 2026."
    accepted(renewed, f.command(T.DELEGATE, made_on=date(2026, 6, 1)))


@pytest.mark.parametrize(
    ("day", "right"),
    [
        (date(2026, 5, 31), False),
        (date(2026, 6, 1), True),
        (date(2026, 10, 12), True),
        (date(2026, 10, 13), False),
    ],
)
@pytest.mark.rule("R27")
def test_sign__between_the_opening_and_today(day: date, right: bool) -> None:
    if right:
        assert usual(T.SIGN_CHARTER, signed_on=day).request.charter_signed_on == day
        return
    reason = unusual(T.SIGN_CHARTER, signed_on=day)["date_out_of_bounds"]
    assert reason.remedy == "Donner une date comprise entre le 1er juin 2026 et le 12 octobre 2026."


@pytest.mark.rule("R27", "R23")
def test_sign__today_is_that_of_the_academie() -> None:
    """At 22 h 30 UTC it is tomorrow in Toulouse."""
    late = datetime(2026, 10, 12, 22, 30, tzinfo=UTC)
    accepted(f.facts_for(T.SIGN_CHARTER), f.command(T.SIGN_CHARTER, signed_on=date(2026, 10, 13)), now=late)


@pytest.mark.rule("R20", "R27")
def test_sign__possible_when_the_next_year_stands_in_for_a_closed_campaign() -> None:
    summer = {f.YEAR: date(2027, 7, 3), SchoolYear(2025): date(2026, 7, 4)}
    gap = f.calendar(rule=EndRule.SUMMER_START, summer_starts=summer, campaign_opens=(9, 1))
    facts = f.facts(f.request(State.DELEGATED, school_year=f.YEAR.next))
    now = datetime(2027, 7, 10, 9, tzinfo=UTC)
    for day, right in ((date(2027, 7, 3), False), (date(2027, 7, 4), True), (date(2027, 7, 10), True)):
        command = f.command(T.SIGN_CHARTER, signed_on=day)
        if right:
            accepted(facts, command, now=now, calendar=gap)
        else:
            assert set(refused(facts, command, now=now, calendar=gap)) == {"date_out_of_bounds"}


@pytest.mark.rule("R27", "R7")
def test_sign__other_version_no_copy_to_come() -> None:
    reasons = unusual(T.SIGN_CHARTER, version="2025-2", copy_kept=False, signed_on=date(2027, 1, 1))
    assert set(reasons) == {"charter_version", "copy_not_kept", "date_out_of_bounds"}
    assert reasons["charter_version"].message == "La version « 2025-2 » de la charte n'est pas celle en vigueur"
    assert reasons["charter_version"].remedy == "Faire signer la version « 2026-1 »."


@pytest.mark.rule("R27")
def test_sign__version_in_force_is_a_setting() -> None:
    decision = accepted(
        f.facts_for(T.SIGN_CHARTER), f.command(T.SIGN_CHARTER, version=" v9 "), charter_version="v9"
    )  # fmt: skip
    assert decision.request.charter_version == decision.data["version"] == "v9"
    assert decision.data["copy_kept"] is True


@pytest.mark.rule("R28")
def test_submit__confirmed_as_recorded() -> None:
    decision = usual(T.SUBMIT, nom=f" {f.NOM} ")
    before = f.facts_for(T.SUBMIT).request
    assert before
    assert decision.request == replace(before, state=State.REQUESTED, version=before.version + 1)
    assert decision.data == decision.notes == {}


@pytest.mark.rule("R28", "R7")
def test_submit__each_difference_is_told() -> None:
    reasons = unusual(T.SUBMIT, nom="Detienne", prenom="Anne", mail="autre@ac-toulouse.fr")
    assert set(reasons) == {f"identity_not_confirmed:{name}" for name in ("nom", "prenom", "mail")}
    for reason, field in zip(reasons.values(), ("Le nom", "Le prénom", "L'adresse"), strict=True):
        assert reason.message == f"{field} ne correspond pas à ce qui est enregistré"
