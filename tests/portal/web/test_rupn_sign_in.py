"""A RUPN who comes in by a national identity, and what it says of his delegation (R113)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from states.vocabulary import CheckOutcome
from tests.kit.html_forms import forms_of
from tests.kit.portal import STAFF, Portal
from tests.portal.web import test_national_sign_in_gate as by_gate
from tests.portal.web.test_national_sign_in import NationalPortal, make_national
from workflow.requests.detail import load_facts

MAIL = "rupn1@ac-toulouse.fr"
RESOURCE = (
    "EduConnect|https://delegce.ac/x?applicationname=Administration des comptes EduConnect|{begins}|{ends}|cmartin|"
    "FrEduRneResp={uai}$UAJ$PU$N$T3$CLG$340|serveur|module"
)


portal = by_gate.portal
"""A portal behind the académie's gate."""


@pytest.fixture
def national(database_url: str, tmp_path: Path) -> Iterator[NationalPortal]:
    yield from make_national(tmp_path, database_url)


def resource(begins: str = "01/09/2026", ends: str = "31/08/2027", uai: str = "0310001h") -> str:
    return RESOURCE.format(begins=begins, ends=ends, uai=uai)


def came_in(national: NationalPortal, **claims: object) -> str:
    """The page of who comes in by the RUPN's door with these claims."""
    national.server.person = {"sub": "77", "email": MAIL, "given_name": "Prénom", "usual_name": "NOMB", **claims}
    client = national.portal.client()
    return national.signed_in(client, suite="/rupn").text


@pytest.mark.rule("R101", "R113")
def test_provider__whose_address_a_request_bears_reads_his_page(national: NationalPortal) -> None:
    national.portal.declared(1)
    assert "Une demande de clé est en cours pour vous" in came_in(national, email="RUPN1@ac-toulouse.fr")
    assert "Aucune demande de clé ne porte votre adresse" in came_in(national, email="une.autre@ac-toulouse.fr")


@pytest.mark.rule("R94", "R113")
def test_delegation__is_proposed_and_confirmed_by_an_operator(national: NationalPortal) -> None:
    portal = national.portal
    reference = portal.submitted(1)
    operator = portal.client(STAFF)
    assert "d'après son identité" not in operator.get("/rectorat/a-verifier").text
    came_in(national, FrEduResDel=[resource(uai="0120001X"), resource()])
    page = operator.get("/rectorat/a-verifier")
    assert "d'après son identité" in page.text
    assert "identité nationale du RUPN, le" in operator.get(f"/rectorat/demandes/{reference}").text
    with portal.app.database.read() as connection:
        before = load_facts(connection, reference, portal.app.mailer).request
    assert before
    assert before.delegation is None, "never by itself"
    form = next(form for form in forms_of(page) if f"version-{reference}" in form.fields or form.method == "post")
    data = form.fields | {f"version-{reference}": str(before.version), f"delegation-{reference}": "identite"}
    answer = operator.post("/rectorat/a-verifier", data=data)
    assert answer.status_code == 200, answer.text
    with portal.app.database.read() as connection:
        after = load_facts(connection, reference, portal.app.mailer).request
    assert after
    assert after.delegation
    assert (after.delegation.outcome, after.delegation.automatic) == (CheckOutcome.POSITIVE, False)
    assert "identité du RUPN (FrEduResDel) du 14 septembre 2026" in after.delegation.source


@pytest.mark.parametrize(
    "attribute",
    [
        resource(ends="13/09/2026"), resource(begins="15/09/2026"), resource(uai="0120001X"), "X", "n'importe quoi|",
        resource().replace("Administration", "Gestion"),
    ],
)  # fmt: skip
@pytest.mark.rule("R94", "R113")
def test_delegation__ended_of_another_application_or_school_says_nothing(
    national: NationalPortal, attribute: str
) -> None:
    national.portal.submitted(1)
    assert "Ma clé ODA" in came_in(national, FrEduResDel=attribute)
    assert "son identité" not in national.portal.client(STAFF).get("/rectorat/a-verifier").text


@pytest.mark.rule("R35", "R113")
def test_delegation__expires_with_its_end_and_with_what_it_saw(national: NationalPortal) -> None:
    portal = national.portal
    portal.submitted(1)
    came_in(national, FrEduResDel=resource(ends="20/09/2026"))
    operator = portal.client(STAFF)
    assert "d'après son identité" in operator.get("/rectorat/a-verifier").text
    portal.clock.advance(days=7)
    assert "d'après son identité" not in portal.client(STAFF).get("/rectorat/a-verifier").text


@pytest.mark.rule("R94", "R102", "R113")
def test_gate__names_the_rupn_and_his_delegation_to_who_verifies(portal: Portal) -> None:
    """By the button of the RUPN's page; the same headers from anywhere else open nothing, and prove nothing."""
    reference = portal.submitted(1)
    headers = {"ct-remote-user": "pnomb", "ctemail": MAIL, "ctln": "NOMB", "FrEduResDel": resource()}
    operator = portal.client(STAFF)
    for peer, secret in ((by_gate.SOMEBODY, by_gate.SECRET), (by_gate.GATE, "")):
        stranger = by_gate.browser(portal, headers, peer, secret)
        stranger.post("/connexion/guichet", data={"suite": "/rupn"})
        assert stranger.get("/rupn", follow_redirects=False).status_code == 303
    assert "d'après son identité" not in operator.get("/rectorat/a-verifier").text
    page = by_gate.by_button(by_gate.browser(portal, headers), "/rupn")
    assert "Une demande de clé est en cours pour vous" in page.text
    assert "d'après son identité" in operator.get("/rectorat/a-verifier").text
    assert "identité nationale du RUPN, le" in operator.get(f"/rectorat/demandes/{reference}").text
