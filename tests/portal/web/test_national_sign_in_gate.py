"""Signing in as whom the gate names, and the identities bound to an establishment (R102, R103)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select

from notifications.outbox.store import MAILS
from notifications.vocabulary import Kind
from states.vocabulary import SignInMethod
from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.installation import OPERATOR
from tests.kit.plain_client import PlainClient
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal, open_portal
from tests.kit.sign_in import installation_events, link_mails, secrets_of
from workflow.database.access_tables import BINDING, SESSIONS

GATE, SOMEBODY = "10.1.2.3", "192.0.2.7"
SECRET = "a-secret-of-the-gate-0123456789"
SETTINGS = f"""
sign_in:
  trusted_headers:
    proxies: ["{GATE}"]
"""
COLLEGE, LYCEE = "0310001H", "0310002J"
RESPONSIBLE = {"FrEduFonctAdm": "DIR", "FrEduRneResp": f"{COLLEGE.lower()}$UAJ$PU$N$T3$CLG$340"}
MARTIN = {"ct-remote-user": "cmartin", "ctfn": "CLAIRE", "ctln": "MARTIN", "ctemail": "c.martin@ac-toulouse.fr"}


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A portal behind a gate, on SQLite: the two databases differ in nothing of this."""
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "gate-secret").write_text(SECRET)
    (secrets / "gate-secret").chmod(0o600)
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=SETTINGS) as portal:
        yield portal


def browser(portal: Portal, headers: dict[str, str], peer: str = GATE, secret: str = SECRET) -> TestClient:
    """A browser whose requests come by this address with these headers and that secret."""
    client = PlainClient(
        portal.asgi, base_url=portal.context.settings.address, raise_server_exceptions=False, client=(peer, 50000)
    )
    client.headers.update(headers | ({"X-Oda-Guichet": secret} if secret else {}))
    return client


def by_button(client: TestClient, back: str = "") -> Response:
    """Press the button of the sign-in page that names this person."""
    page = client.get("/connexion", params={"suite": back} if back else None)
    return send(client, form_to(page, "/connexion/guichet"))


def sessions(portal: Portal) -> list[tuple[str, str, str, bool]]:
    with portal.app.database.read() as connection:
        rows = connection.execute(select(SESSIONS).order_by(SESSIONS.c.created_at, SESSIONS.c.digest)).all()
    return [(row.role, row.subject, row.method, row.ended_at is None) for row in rows]


@pytest.mark.rule("R102")
def test_gate__a_button_names_the_person_and_alone_signs_in(portal: Portal) -> None:
    client = browser(portal, MARTIN | RESPONSIBLE)
    page = client.get("/connexion")
    assert "Continuer comme Claire Martin" in page.text
    assert client.get("/connexion/guichet").status_code == 405
    assert sessions(portal) == []
    page = by_button(client, "/etablissement/courriels")
    assert page.url.path == "/connexion/qui"
    assert "Vous êtes <strong>Claire Martin</strong>, d'après ARENA" in page.text
    assert 'name="nom"' not in page.text
    page = send(client, form_to(page, "/connexion/qui"), fonction="chef", nom="Un Autre")
    assert page.url.path == "/etablissement/courriels"
    assert sessions(portal) == [("chef", COLLEGE, "trusted_headers", True)]
    assert installation_events(portal.app, "signed_in", "presented") == [
        ("signed_in", {"establishments": 1, "method": "trusted_headers"}),
        ("presented", {"establishments": 1}),
    ]  # fmt: skip
    assert "Claire Martin" in client.get("/compte").text


@pytest.mark.rule("R102")
@pytest.mark.parametrize(
    ("peer", "secret", "headers"),
    [
        (SOMEBODY, SECRET, {}),
        (GATE, "", {}),
        (GATE, "wrong-secret-of-the-gate-012345", {}),
        (GATE, SECRET, {"ct_remote_user": "autre"}),
        (SOMEBODY, SECRET, {"X-Forwarded-For": GATE}),
    ],
)
def test_gate__a_spoofed_header_is_a_visit_without_it(
    portal: Portal, peer: str, secret: str, headers: dict[str, str]
) -> None:
    client, plain = browser(portal, MARTIN | RESPONSIBLE | headers, peer, secret), portal.client()
    assert "Claire" not in client.get("/connexion").text
    assert client.post("/connexion/guichet").url.path == "/connexion"
    assert client.get("/etablissement").url.path == "/connexion"
    assert sessions(portal) == []
    assert _without_key(client.get("/connexion")) == _without_key(plain.get("/connexion"))


def _without_key(page: Response) -> str:
    key = page.text.partition('name="key" value="')[2].partition('"')[0]
    return page.text.replace(key, "")


@pytest.mark.rule("R102")
def test_gate__another_person_in_the_same_browser_ends_the_session(portal: Portal) -> None:
    client = browser(portal, MARTIN | RESPONSIBLE)
    page = by_button(client)
    send(client, form_to(page, "/connexion/qui"), fonction="chef")
    assert client.get("/etablissement").url.path == "/etablissement"
    client.headers.update({"ct-remote-user": "pdupont", "ctfn": "Paul", "ctln": "Dupont"})
    assert client.get("/etablissement").url.path == "/connexion"
    assert sessions(portal) == [("chef", COLLEGE, "trusted_headers", False)]
    assert "Continuer comme Paul Dupont" in client.get("/connexion").text


@pytest.mark.rule("R102", "R2")
def test_gate__an_operator_is_one_of_the_settings(portal: Portal) -> None:
    client = browser(portal, {"ct-remote-user": "op", "ctemail": OPERATOR.upper()})
    assert by_button(client).url.path == "/rectorat"
    assert sessions(portal) == [("operator", OPERATOR, "trusted_headers", True)]
    program = browser(portal, {"ct-remote-user": "op", "ctemail": OPERATOR})
    assert program.get("/api/v1/requests").status_code == 401


@pytest.mark.rule("R103")
@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"FrEduFonctAdm": "ENS", "FrEduRneResp": "X"}, "votre fonction est autre"),
        ({"FrEduFonctAdm": "DIR", "FrEduRneResp": "X"}, "Il n'est dit d'aucun établissement"),
        ({"FrEduFonctAdm": "DIR", "FrEduRneResp": "0590121L"}, "n'est pas parmi ceux de l'académie"),
    ],
)
def test_gate__who_may_not_enter_reads_why(portal: Portal, claims: dict[str, str], words: str) -> None:
    page = by_button(browser(portal, MARTIN | claims))
    assert page.status_code == 403
    assert words in unescape(page.text)
    assert sessions(portal) == []


def bound(portal: Portal, client: TestClient) -> Response:
    """Bind the person whom the gate names, by the link of the college's mailbox; the page of who acts."""
    page = by_button(client)
    assert page.url.path == "/connexion/liaison"
    page = send(client, form_to(page, "/connexion/liaison"), uai=f" {COLLEGE.lower()}")
    assert page.url.path == "/connexion/envoye"
    facts = json.loads(link_mails(portal.app)[-1].context)
    assert (facts["identity"], facts["provider"]) == ("Claire Martin", "ARENA")  # whoever reads the mailbox reads it
    return open_link(portal, client)


def open_link(portal: Portal, client: TestClient) -> Response:
    return client.post(f"/connexion/lien/{secrets_of(portal.app)[-1]}")


def bindings(portal: Portal) -> list[tuple[str, str, str, str]]:
    with portal.app.database.read() as connection:
        rows = connection.execute(select(BINDING).order_by(BINDING.c.number)).all()
    return [(row.uai, row.name, row.provider, row.role) for row in rows]


@pytest.mark.rule("R103")
def test_binding__asked_once_then_never(portal: Portal) -> None:
    client = browser(portal, MARTIN)
    page = bound(portal, client)
    assert "Vous êtes <strong>Claire Martin</strong>, d'après ARENA" in page.text
    assert bindings(portal) == []
    page = send(client, form_to(page, "/connexion/qui"), fonction="deputy")
    assert page.url.path == "/etablissement"
    assert bindings(portal) == [(COLLEGE, "Claire Martin", "ARENA", "deputy")]
    assert installation_events(portal.app, "identity_bound") == [("identity_bound", {"binding": 1, "uai": COLLEGE})]
    with portal.app.database.read() as connection:
        mail = connection.execute(select(MAILS).where(MAILS.c.kind == Kind.IDENTITY_BOUND.value)).one()
    assert mail.recipient == "ce.0310001h@ac-toulouse.fr"
    assert "cmartin" not in everything(portal)
    again = browser(portal, MARTIN)
    assert by_button(again).url.path == "/etablissement"
    assert sessions(portal)[-1] == ("deputy", COLLEGE, "trusted_headers", True)


def everything(portal: Portal) -> str:
    with portal.app.database.read() as connection:
        return str([*connection.execute(select(BINDING)), *connection.execute(select(SESSIONS))])


@pytest.mark.rule("R103", "R72")
def test_binding__a_link_opened_in_another_browser_binds_nobody(portal: Portal) -> None:
    client, mailbox = browser(portal, MARTIN), portal.client()
    send(client, form_to(by_button(client), "/connexion/liaison"), uai=COLLEGE)
    assert "Tapez ces six chiffres" in open_link(portal, mailbox).text
    assert bindings(portal) == []
    assert by_button(browser(portal, MARTIN)).url.path == "/connexion/liaison"


@pytest.mark.rule("R103")
def test_binding__who_says_not_to_be_that_person_is_not_bound(portal: Portal) -> None:
    client = browser(portal, MARTIN)
    page = bound(portal, client)
    page = send(client, form_to(page, "/connexion/liaison/non"))
    assert "d'après ARENA" not in page.text
    send(client, form_to(page, "/connexion/qui"), nom="Paul Dupont", fonction="chef")
    assert bindings(portal) == []
    assert sessions(portal)[-1][2] == SignInMethod.MAIL_LINK.value


@pytest.mark.rule("R103")
def test_binding__a_link_of_another_establishment_or_too_late_binds_nobody(portal: Portal) -> None:
    client = browser(portal, MARTIN)
    send(client, form_to(by_button(client), "/connexion/liaison"), uai=COLLEGE)
    client.post("/connexion", data={"uai": LYCEE})
    page = open_link(portal, client)
    assert "d'après ARENA" not in page.text
    late = browser(portal, MARTIN | {"ct-remote-user": "autre"})
    page = bound(portal, late)
    portal.clock.advance(hours=1)
    send(late, form_to(page, "/connexion/qui"), nom="Claire Martin", fonction="chef")
    assert bindings(portal) == []


@pytest.mark.rule("R103")
def test_binding__nobody_learns_whether_an_establishment_has_a_mailbox(portal: Portal) -> None:
    client = browser(portal, MARTIN)
    page = by_button(client)
    for uai in ("0310003K", "9999999P"):
        assert send(client, form_to(page, "/connexion/liaison"), uai=uai).url.path == "/connexion/envoye"
    assert send(client, form_to(page, "/connexion/liaison"), uai="31").status_code == 422


@pytest.fixture
def bound_client(portal: Portal) -> TestClient:
    """The browser of somebody bound and signed in."""
    client = browser(portal, MARTIN)
    send(client, form_to(bound(portal, client), "/connexion/qui"), fonction="chef")
    assert client.get("/etablissement").url.path == "/etablissement"
    return client


@pytest.mark.rule("R103")
@pytest.mark.parametrize("why", ["mailbox_changed", "operator", "chef", "year_end"])
def test_binding__once_ended_its_sessions_are_over_and_the_mailbox_is_asked_again(
    portal: Portal, bound_client: TestClient, why: str
) -> None:
    if why == "mailbox_changed":
        portal.app.directory.set_mailbox(COLLEGE, "autre@ac-toulouse.fr", "fusion", portal.actor(STAFF))
    elif why in ("operator", "chef"):
        portal.app.bindings.end(1, portal.actor(STAFF if why == "operator" else CHEF))
    else:
        portal.app.ticker.tick()
        assert len(bindings(portal)) == 1
        for _ in range(9):
            portal.clock.advance(days=40)
            portal.app.ticker.tick()
    assert bindings(portal) == []
    assert installation_events(portal.app, "binding_ended") == [
        ("binding_ended", {"binding": 1, "reason": why, "uai": COLLEGE})
    ]
    page = bound_client.get("/etablissement")
    assert page.url.path == "/connexion"
    assert by_button(bound_client).url.path == "/connexion/liaison"


@pytest.mark.rule("R103", "R37")
def test_binding__a_new_chef_ends_that_of_the_former(portal: Portal, bound_client: TestClient) -> None:
    client = portal.client()
    client.post("/connexion", data={"uai": COLLEGE})
    page = open_link(portal, client)
    page = send(client, form_to(page, "/connexion/qui"), nom="Paul Dupont", fonction="chef")
    send(client, form_to(page, "/connexion/qui"), nom="Paul Dupont", fonction="chef", succession="new")
    assert installation_events(portal.app, "binding_ended")[0][1]["reason"] == "new_chef"
    assert bound_client.get("/etablissement").url.path == "/connexion"


@pytest.mark.rule("R103")
def test_binding__lasts_until_the_end_of_the_running_year(portal: Portal) -> None:
    assert portal.app.bindings.last_day(portal.clock.now()).isoformat() == "2027-08-31"
    in_may = portal.clock.now() - timedelta(days=120)
    assert portal.app.bindings.last_day(in_may).isoformat() == "2026-08-31"


@pytest.mark.rule("R103", "R3")
def test_people__the_chef_sees_who_is_bound_and_ends_it(portal: Portal, bound_client: TestClient) -> None:
    chef, other = portal.client(CHEF), portal.client(OTHER_CHEF)
    page = chef.get("/etablissement/personnes")
    assert "Claire Martin" in page.text
    assert "31 août 2027" in page.text
    assert "Claire Martin" not in other.get("/etablissement/personnes").text
    form = form_to(page, "/etablissement/personnes/1/fin")
    stranger = form_to(other.get("/compte"), "/compte/partout")
    send(other, replace(stranger, action=form.action))
    assert len(bindings(portal)) == 1
    page = send(chef, form)
    assert "Claire Martin ne se connecte plus par ARENA" in page.text
    assert bindings(portal) == []
    assert "avait déjà pris fin" in send(chef, form).text
    assert bound_client.get("/etablissement").url.path == "/connexion"


@pytest.mark.rule("R103", "R2")
def test_people__operators_see_all_and_end_one_a_reader_only_sees(portal: Portal, bound_client: TestClient) -> None:
    staff, drane = portal.client(STAFF), portal.client(DRANE)
    for address in ("/rectorat/liaisons", f"/rectorat/etablissements/{COLLEGE}"):
        assert "Mettre fin" not in drane.get(address).text
        assert "Claire Martin" in drane.get(address).text
        assert "Mettre fin" in staff.get(address).text
    page = send(staff, form_to(staff.get("/rectorat/liaisons"), "/rectorat/liaisons/1/fin"))
    assert "Aucune pour le moment" in page.text
    assert bound_client.get("/etablissement").url.path == "/connexion"


@pytest.mark.rule("R102", "R105")
def test_gate__pressed_again_proves_anew_and_asks_nothing_again(portal: Portal) -> None:
    client = browser(portal, MARTIN | RESPONSIBLE)
    send(client, form_to(by_button(client), "/connexion/qui"), fonction="deputy")
    portal.clock.advance(minutes=40)
    page = client.post("/connexion/guichet", data={"suite": "/etablissement/courriels"})
    assert page.url.path == "/etablissement/courriels"
    with portal.app.database.read() as connection:
        rows = connection.execute(select(SESSIONS).where(SESSIONS.c.ended_at.is_(None))).all()
    assert [(row.role, row.name, row.proved_at) for row in rows] == [
        ("deputy", "Claire Martin", portal.clock.now().astimezone(UTC))
    ]
