"""What a page says when the database does not serve: the reason to operators alone (R82)."""

import logging

import pytest

from portal.web.context import Context
from tests.kit.portal import CHEF, DRANE, STAFF, Portal
from workflow.database.faults import DatabaseFault, DatabaseUnreachable
from workflow.engine.engine import ConcurrentUpdate


@pytest.mark.rule("R82")
def test_trouble__is_told_to_operators_and_in_the_log(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    @portal.asgi.get("/plein")
    def full(context: Context) -> None:
        raise DatabaseUnreachable(DatabaseFault.NO_SPACE)

    @portal.asgi.get("/dispute")
    def disputed(context: Context) -> None:
        raise ConcurrentUpdate

    with caplog.at_level(logging.ERROR, "oda"):
        for person, message in ((STAFF, "Plus de place sur le disque"), (CHEF, "Le service est occupé")):
            page = portal.client(person).get("/plein")
            assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
            assert message in page.text
            assert ("Plus de place" in page.text) is (person is STAFF)
    assert caplog.messages == [f"database: {DatabaseFault.NO_SPACE.message}"] * 2
    assert portal.client(CHEF).get("/dispute").status_code == 503


@pytest.mark.parametrize(("before", "back"), [
    ("http://localhost:8000/rectorat?etat=requested", "/rectorat?etat=requested"),
    ("http://localhost:8000/rectorat/nulle-part", ""),
    ("http://localhost:8000/connexion", ""),
    ("https://ailleurs.example/rectorat", ""),
    ("", ""),
])  # fmt: skip
def test_dead_end__leads_back_to_the_page_before(portal: Portal, before: str, back: str) -> None:
    page = portal.client(STAFF).get("/rectorat/nulle-part", headers={"referer": before})
    assert page.status_code == 404
    assert ("Revenir à la page précédente" in page.text) is bool(back)
    assert f'class="fr-btn" href="{back or "/rectorat"}"' in page.text


def test_dead_end__a_form_of_nobodys_leads_to_its_page(portal: Portal) -> None:
    place = f"/etablissement/demandes/{portal.declared()}/abandon"
    headers = {"referer": f"http://localhost:8000{place}"}
    page = portal.client(CHEF).post(place, data={"csrf": "x", "reason": "error"}, headers=headers)
    assert page.status_code == 409
    assert f'href="{place}">Rouvrir la page</a>' in page.text


@pytest.mark.rule("R2")
def test_dead_end__a_reader_is_told_whom_to_ask(portal: Portal) -> None:
    place = f"/rectorat/demandes/{portal.submitted()}/renvoyer"
    assert "demandez à un opérateur du rectorat" in portal.client(DRANE).get(place).text
    assert "demandez à un opérateur" not in portal.client(CHEF).get(place).text


def test_dead_end__a_form_that_could_not_be_taken_is_sent_again_by_a_reload(portal: Portal) -> None:
    @portal.asgi.post("/dispute")
    def disputed(context: Context) -> None:
        raise ConcurrentUpdate

    page = portal.client(CHEF).post("/dispute").text.replace("&#39;", "'")
    assert "le formulaire repart tel que vous l'avez rempli" in page
