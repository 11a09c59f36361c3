"""The pages of the second factor: a session that waits opens nothing else; enrolled, used, removed (R106)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.kit.html_forms import form_to, forms_of, send
from tests.kit.portal import CHEF, DRANE, STAFF, Portal, open_portal
from tests.kit.sign_in import secrets_of
from tests.portal.web.test_access_of_every_address import Town, addresses, sent_to_sign_in
from tests.workflow.auth.test_second_factor import OPTIONAL, REQUIRED, digits, enrolled, wrong

pytestmark = pytest.mark.rule("R106")

GATE = "/connexion/second-facteur"


@pytest.fixture
def portal(database_url: str, tmp_path: Path) -> Iterator[Portal]:
    with open_portal(tmp_path, database_url, settings=OPTIONAL) as portal:
        yield portal


def entering(portal: Portal, back: str = "") -> tuple[TestClient, Response]:
    """A browser in which the link of an operator was opened, and the page that follows."""
    client = portal.client()
    client.post("/connexion/rectorat", data={"adresse": STAFF.subject, "suite": back})
    return client, client.post(f"/connexion/lien/{secrets_of(portal.app)[-1]}")


def key_in(page: Response) -> str:
    """The key as a person would type it."""
    match = re.search(r'<p class="oda-secret fr-text--lg">(.*?)</p>', page.text)
    assert match
    return re.sub(r"<[^>]+>|\s", "", match[1])


def codes_in(page: Response) -> list[str]:
    return re.findall(r'<li class="oda-secret"><span class="oda-whole">([A-Z0-9-]+)</span>', page.text)


def test_gate__then_the_page_that_was_wanted(portal: Portal) -> None:
    key, _ = enrolled(portal)
    client, page = entering(portal, "/rectorat/retraits?etat=x")
    assert str(page.url).partition("?")[0].endswith(GATE)
    bad = send(client, form_to(page, GATE), chiffres=wrong(portal, key))
    assert bad.status_code == 422
    assert "Ce code n&#39;est pas le bon" in bad.text
    before = client.cookies[portal.context.cookie]
    done = send(client, form_to(bad, GATE), chiffres=f"{digits(portal, key)[:3]} {digits(portal, key)[3:]}")
    assert str(done.url).endswith("/rectorat/retraits?etat=x")
    assert client.cookies[portal.context.cookie] != before
    assert client.get(GATE).url.path == "/compte", "nothing is waited for any more"


def test_gate__a_recovery_code_opens_too(portal: Portal) -> None:
    _, codes = enrolled(portal)
    client, page = entering(portal)
    form = next(form for form in forms_of(page) if "secours" in form.fields)
    done = send(client, form, secours=codes[2])
    assert done.url.path == "/rectorat"
    assert "9 codes" in client.get("/compte").text


def test_gate__a_session_that_waits_opens_nothing_else(portal: Portal) -> None:
    enrolled(portal)
    town = Town(portal)
    client, _ = entering(portal)
    client.follow_redirects = False
    before = town.rows()
    for method, path in addresses(portal.asgi):
        if not path.startswith(("/rectorat", "/etablissement", "/compte", "/reprendre")):
            continue
        answer = client.request(method, town.filled(path))
        assert answer.status_code in (303, 409), f"{method} {path}: {answer.status_code}"
        if answer.status_code == 303:
            assert answer.headers["location"].startswith((GATE, "/connexion")), f"{method} {path}"
    assert town.rows() == before
    assert client.get("/api/v1/requests").status_code == 401


def test_gate__leaves_by_signing_out(portal: Portal) -> None:
    enrolled(portal)
    client, page = entering(portal)
    done = send(client, form_to(page, "/deconnexion"))
    assert "vous êtes déconnecté" in done.text
    client.follow_redirects = False
    assert sent_to_sign_in(client.get(GATE))


def test_gate__too_many_tries_are_said(portal: Portal) -> None:
    key, _ = enrolled(portal)
    client, page = entering(portal)
    for _ in range(5):
        page = send(client, form_to(page, GATE), chiffres=wrong(portal, key))
    page = send(client, form_to(page, GATE), chiffres=digits(portal, key))
    assert page.status_code == 422
    assert "Trop de codes faux" in page.text


def test_enrolment__in_the_account_shows_a_picture_then_the_codes_once(portal: Portal) -> None:
    client = portal.client(STAFF)
    assert "Activer un second facteur" in client.get("/compte").text
    page = client.get("/compte/second-facteur")
    assert "<svg" not in page.text, "reading changes nothing"
    page = send(client, form_to(page, "/commencer"))
    assert "<svg" in page.text
    assert " style=" not in page.text.partition("<svg")[2].partition("</svg>")[0], "the CSP would refuse it"
    key = key_in(page)
    bad = send(client, form_to(page, "/confirmer"), chiffres=wrong(portal, key))
    assert bad.status_code == 422
    assert key_in(bad) == key
    done = send(client, form_to(bad, "/confirmer"), chiffres=digits(portal, key))
    codes = codes_in(done)
    assert len(codes) == 10
    again = client.get("/compte/second-facteur")
    assert "Actif depuis" in again.text
    assert not any(code in again.text for code in codes)
    assert key not in again.text
    others = codes_in(send(client, form_to(again, "/secours")))
    assert len(others) == 10
    assert set(others).isdisjoint(codes)


@pytest.mark.rule("R105")
@pytest.mark.parametrize("end", ["/commencer", "/secours", "/retirer"])
def test_enrolment__asks_for_a_fresh_proof(portal: Portal, end: str) -> None:
    if end != "/commencer":
        enrolled(portal)
    client = portal.client(STAFF)
    portal.clock.advance(minutes=16)
    page = send(client, form_to(client.get("/compte/second-facteur"), end))
    assert page.url.path == "/connexion/preuve"
    assert bool(portal.app.second_factors.standing(STAFF.subject).since) is (end != "/commencer")
    assert portal.app.second_factors.enrolment_key(STAFF.subject) is None


def test_enrolment__ends_the_sessions_that_were_opened_without_it(portal: Portal) -> None:
    before = portal.client(STAFF)
    client = portal.client(STAFF)
    page = send(client, form_to(client.get("/compte/second-facteur"), "/commencer"))
    done = send(client, form_to(page, "/confirmer"), chiffres=digits(portal, key_in(page)))
    assert "ont pris fin" in done.text
    assert client.get("/rectorat").url.path == "/rectorat"
    assert before.get("/rectorat").url.path == "/connexion/rectorat"


def test_enrolment__removed_by_the_person(portal: Portal) -> None:
    enrolled(portal)
    client = portal.client(STAFF)
    done = send(client, form_to(client.get("/compte/second-facteur"), "/retirer"))
    assert "votre second facteur est retiré" in done.text
    assert "Activer un second facteur" in done.text


@pytest.mark.parametrize("who", [CHEF, DRANE], ids=["chef", "reader"])
def test_enrolment__is_of_operators(portal: Portal, who: object) -> None:
    client = portal.client(who)  # type: ignore[arg-type]
    assert "Second facteur" not in client.get("/compte").text
    assert client.get("/compte/second-facteur").url.path == "/compte"


def test_required__enrols_at_the_door_and_enters(database_url: str, tmp_path: Path) -> None:
    with open_portal(tmp_path, database_url, settings=REQUIRED) as portal:
        client, page = entering(portal, "/rectorat/retraits")
        assert "oda person factor allow" in page.text
        assert f"{GATE}/commencer" not in page.text
        portal.app.second_factors.allow(portal.actor(STAFF), STAFF.subject)
        page = client.get(f"{GATE}?suite=/rectorat/retraits")
        assert "exigé des opérateurs" in page.text
        assert client.get("/rectorat").url.path == GATE
        page = send(client, form_to(page, f"{GATE}/commencer"))
        done = send(client, form_to(page, f"{GATE}/confirmer"), chiffres=digits(portal, key_in(page)))
        assert len(codes_in(done)) == 10
        assert 'href="/rectorat/retraits"' in done.text
        assert client.get("/rectorat").status_code == 200
        assert client.get("/rectorat").url.path == "/rectorat"


def test_none__is_offered_to_nobody(database_url: str, tmp_path: Path) -> None:
    with open_portal(tmp_path, database_url) as portal:
        client = portal.client(STAFF)
        assert "Second facteur" not in client.get("/compte").text
        assert client.get("/compte/second-facteur").url.path == "/compte"
