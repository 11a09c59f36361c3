"""The same person twice: one live request per establishment, person and year (R17, R18)."""

from typing import Any

import pytest

from states.model import Request
from states.vocabulary import LIVE_STATES, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused

SAME_MAIL: dict[str, Any] = {"nom": "Autre", "prenom": "Nom"}
SAME_NAME: dict[str, Any] = {"mail": "autre@ac-toulouse.fr"}


def request_here(state: State = State.DECLARED, **changes: Any) -> Request:
    return f.other(state, **{"uai": f.UAI, **changes})


@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.rule("R18")
def test_declare__same_person_in_any_live_state(state: State) -> None:
    reasons = refused(f.facts(others=(request_here(state),)), f.command(Trigger.DECLARE))
    assert set(reasons) == {"same_person"}
    assert reasons["same_person"].message == (
        f"Une demande est déjà en cours pour cette personne en 2026-2027 : ODA-2027-00077, « {state.label} »"
    )
    assert reasons["same_person"].remedy == "Poursuivre la demande ODA-2027-00077."


@pytest.mark.rule("R17", "R18")
def test_declare__same_mail_whatever_its_case_and_the_name() -> None:
    others = (request_here(mail=f.MAIL.upper(), **SAME_MAIL),)
    command = f.command(Trigger.DECLARE, homonym_confirmed=True)
    assert set(refused(f.facts(others=others), command)) == {"same_person"}


@pytest.mark.parametrize(
    ("nom", "prenom"), [(f.NOM, f.PRENOM), ("D’ETIENNE", "ANNE SOPHIE"), ("Anne-Sophie", "d'étienne")]
)
@pytest.mark.rule("R17")
def test_declare__homonym_is_to_be_confirmed(nom: str, prenom: str) -> None:
    facts = f.facts(others=(request_here(nom=nom, prenom=prenom, **SAME_NAME),))
    reasons = refused(facts, f.command(Trigger.DECLARE))
    assert set(reasons) == {"homonym"}
    assert reasons["homonym"].field == "homonym_confirmed"
    decision = accepted(facts, f.command(Trigger.DECLARE, homonym_confirmed=True))
    assert decision.data["homonym_confirmed"] is True


@pytest.mark.rule("R7", "R17", "R18")
def test_declare__same_person_and_a_homonym_both_told() -> None:
    others = (
        request_here(**SAME_NAME, reference="ODA-2027-00078"),
        request_here(**SAME_MAIL),
        request_here(reference="ODA-2027-00079"),
    )
    reasons = refused(f.facts(others=others), f.command(Trigger.DECLARE))
    assert set(reasons) == {"same_person", "homonym"}
    assert "ODA-2027-00077" in reasons["same_person"].message
    assert "ODA-2027-00078" in reasons["homonym"].message
    assert set(refused(f.facts(others=others), f.command(Trigger.DECLARE, homonym_confirmed=True))) == {"same_person"}


@pytest.mark.parametrize(
    "other",
    [
        f.other(State.DECLARED),
        request_here(school_year=f.YEAR.next),
        request_here(State.REVOKED),
        request_here(nom="Autre", prenom="Nom", mail="autre@ac-toulouse.fr"),
    ],
    ids=["another school", "another year", "revoked", "another person"],
)
@pytest.mark.rule("R18")
def test_declare__no_duplicate(other: Request) -> None:
    accepted(f.facts(others=(other,)), f.command(Trigger.DECLARE))


@pytest.mark.rule("R17", "R18")
def test_amend__into_somebody_else() -> None:
    mine, other = f.request(State.DELEGATED), request_here(nom="Autre", prenom="Nom", mail="autre@ac-toulouse.fr")
    facts = f.facts(mine, others=(other,))
    same_mail = f.command(Trigger.AMEND, mail="AUTRE@ac-toulouse.fr")
    assert set(refused(facts, same_mail)) == {"same_person"}
    same_name = f.command(Trigger.AMEND, mail=None, nom="NOM", prenom="autre")
    assert set(refused(facts, same_name)) == {"homonym"}
    accepted(facts, f.command(Trigger.AMEND, mail=None, nom="NOM", prenom="autre", homonym_confirmed=True))


@pytest.mark.rule("R17")
def test_amend__known_homonym_is_not_confirmed_again() -> None:
    facts = f.facts(State.DELEGATED, others=(request_here(**SAME_NAME),))
    accepted(facts, f.command(Trigger.AMEND, mail="encore@ac-toulouse.fr"))


@pytest.mark.rule("R18", "R33")
def test_renew__twice() -> None:
    first = accepted(f.facts(State.REVOKED), f.command(Trigger.RENEW)).request.with_(reference="ODA-2027-00100")
    reasons = refused(f.facts(State.REVOKED, others=(first,)), f.command(Trigger.RENEW))
    assert reasons["same_person"].remedy == "Poursuivre la demande ODA-2027-00100."


@pytest.mark.rule("R17", "R33")
def test_renew__homonym() -> None:
    facts = f.facts(State.REVOKED, others=(request_here(**SAME_NAME),))
    assert set(refused(facts, f.command(Trigger.RENEW))) == {"homonym"}
    accepted(facts, f.command(Trigger.RENEW, homonym_confirmed=True))
