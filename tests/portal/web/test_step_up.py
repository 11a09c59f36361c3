"""A fresh proof before what gives or takes away much, and what was typed given back after it (R105)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from httpx2 import Response

from portal.web.actions.operator import OPERATOR_ACTIONS
from portal.web.context import proven_chef, proven_operator, proven_visitor
from portal.web.security import CSRF_FIELD, csrf_of
from portal.web.step_up import PROOF_PATH, ProofDoors
from states.vocabulary import Role, SignInMethod
from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.installation import OPERATOR
from tests.kit.portal import CHEF, STAFF, TWO_SCHOOLS, Portal, open_portal
from tests.kit.sign_in import BROWSER, installation_events, secrets_of
from tests.workflow.auth.test_second_factor import OPTIONAL, digits, enrolled, wrong
from workflow.auth.sessions import SessionUser
from workflow.auth.sign_in_links import LinkRequest, code_of
from workflow.settings.sign_in import ProviderSettings, SignInSettings

MAILBOX = "/rectorat/etablissements/0310001H/boite"

PROVEN = {
    ("GET", "/rectorat/lot"), ("POST", "/rectorat/lot/emettre"), ("POST", "/rectorat/lot/tirer"),
    ("POST", "/rectorat/lot/{slug}"),
    ("GET", "/rectorat/codes/fichier"), ("POST", "/rectorat/codes/fichier"),
    ("POST", "/rectorat/codes/fichier/confirmer"), ("POST", "/rectorat/codes/{number}/fichier"),
    ("POST", "/rectorat/codes/{number}/suite"),
    ("POST", "/rectorat/fin-d-annee/{year}/cles-a-prolonger"),
    ("GET", "/rectorat/fin-d-annee/{year}/confirmer"), ("POST", "/rectorat/fin-d-annee/{year}/confirmer"),
    ("GET", "/rectorat/etablissements/{uai}/boite"), ("POST", "/rectorat/etablissements/{uai}/boite"),
    ("POST", "/rectorat/etablissements/{uai}/boite/confirmer"),
    ("GET", "/rectorat/etablissements/{uai}/boite/annuaire"),
    ("POST", "/rectorat/etablissements/{uai}/boite/annuaire"),
    ("GET", "/rectorat/etablissements/import"), ("POST", "/rectorat/etablissements/import"),
    ("POST", "/rectorat/etablissements/import/confirmer"),
    ("GET", "/rectorat/retraits/confirmer"), ("POST", "/rectorat/retraits/confirmer"),
    ("GET", "/rectorat/retraits/rouvrir"), ("POST", "/rectorat/retraits/rouvrir"),
    ("GET", "/rectorat/retraits/fichier"), ("POST", "/rectorat/retraits/fichier"),
    ("POST", "/rectorat/retraits/fichier/confirmer"),
    ("GET", "/rectorat/courriels/renvoyer"), ("POST", "/rectorat/courriels/renvoyer"),
}  # fmt: skip
"""What gives or takes away much: issuing in number, mailboxes, bulk, the end of a year."""

OF_ALL = {
    ("POST", "/compte/suppleances"), ("POST", "/compte/second-facteur/commencer"),
    ("POST", "/compte/second-facteur/confirmer"), ("POST", "/compte/second-facteur/secours"),
    ("POST", "/compte/second-facteur/retirer"),
}  # fmt: skip
"""The same of one's own account: one's role given to another, one's second factor."""

OF_CHEFS = {("POST", "/etablissement/demandes/{reference}/code")}
"""What a chef proves: reading a code."""

PROVEN_ACTIONS = {"tirer-un-code", "emettre", "etendre", "cle-existante", "reemettre", "regler"}
"""The same of one request: what may give a code, or a key."""


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """On SQLite alone: what is judged here is read by the tests of the sessions on both databases."""
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


def calls_of(dependant: Dependant) -> set[object]:
    return {dependant.call}.union(*map(calls_of, dependant.dependencies))


def later(portal: Portal, user: SessionUser = STAFF, minutes: int = 15) -> TestClient:
    """The browser of somebody who signed in so long ago."""
    client = portal.client(user)
    portal.clock.advance(minutes=minutes)
    return client


def session_of(portal: Portal, client: TestClient) -> str:
    """The secret of the browser's last session."""
    return [str(cookie.value) for cookie in client.cookies.jar if cookie.name == portal.context.cookie][-1]


def user_of(portal: Portal, client: TestClient) -> SessionUser:
    user = portal.context.sessions.find(session_of(portal, client), portal.clock.now())
    assert user
    return user


def prove(portal: Portal, client: TestClient, proof_page: Response) -> Response:
    """Ask for a link from the page of the proof, open it in the same browser and press its button."""
    assert str(proof_page.url).partition("?")[0].endswith(PROOF_PATH), proof_page.url
    sent = send(client, form_to(proof_page, PROOF_PATH))
    assert "pour confirmer que c'est vous" in sent.text.replace("&#39;", "'")
    address = f"/connexion/lien/{secrets_of(portal.app)[-1]}"
    assert "C&#39;est moi" in client.get(address).text.replace("C'est", "C&#39;est")
    return client.post(address)


@pytest.mark.rule("R105")
def test_routes__that_need_a_proof_are_these(portal: Portal) -> None:
    routes = {
        (method, route.path)
        for route in iter_route_contexts(portal.asgi.routes)
        if (dependant := getattr(route.route, "dependant", None))
        and {proven_operator, proven_chef, proven_visitor} & calls_of(dependant)
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == PROVEN | OF_ALL | OF_CHEFS
    assert {slug for slug, action in OPERATOR_ACTIONS.items() if action.needs_proof} == PROVEN_ACTIONS


@pytest.mark.rule("R105")
def test_routes__lead_to_the_proof_and_change_nothing(portal: Portal) -> None:
    reference = portal.checked(1)
    values = {"number": "1", "year": "2026-2027", "uai": "0310001H", "slug": "revoquer"}
    actions = {(m, f"/rectorat/demandes/{reference}/{slug}") for slug in ("emettre", "regler") for m in ("GET", "POST")}
    client = later(portal)
    client.follow_redirects = False
    token = csrf_of(session_of(portal, client))
    before = installation_events(portal.app)
    for method, path in sorted(PROVEN | OF_ALL | actions - {("GET", f"/rectorat/demandes/{reference}/regler")}):
        answer = client.request(method, path.format_map(values), data={CSRF_FIELD: token} if method == "POST" else None)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, PROOF_PATH), (method, path)
    assert installation_events(portal.app) == before


@pytest.mark.rule("R105")
def test_time__runs_from_the_proof_whatever_is_done_meanwhile(portal: Portal) -> None:
    client = later(portal, minutes=14)
    assert "Adresse de la boîte" in client.get(MAILBOX).text
    portal.clock.advance(minutes=1)
    assert "Confirmez que c'est vous" in client.get(MAILBOX).text.replace("&#39;", "'")
    assert client.get("/rectorat").status_code == 200  # the rest asks for nothing
    portal.clock.advance(minutes=-30)
    assert client.get(MAILBOX, follow_redirects=False).status_code == 303  # nor is a proof of the future one


@pytest.mark.rule("R105", "R73")
def test_proof__leads_back_under_a_new_secret(portal: Portal) -> None:
    client = later(portal)
    former = session_of(portal, client)
    proof_page = client.get(MAILBOX)
    assert OPERATOR in proof_page.text
    page = prove(portal, client, proof_page)
    assert str(page.url).endswith(MAILBOX)
    assert session_of(portal, client) != former
    assert portal.context.sessions.find(former, portal.clock.now()) is None
    again = client.get(PROOF_PATH, params={"suite": MAILBOX})
    assert str(again.url).endswith(MAILBOX)  # whoever comes back to the page of the proof goes on


@pytest.mark.rule("R105", "R73")
def test_typed__is_given_back_after_the_proof(portal: Portal) -> None:
    client = portal.client(STAFF)
    form = form_to(client.get(MAILBOX), "/boite")
    portal.clock.advance(minutes=15)
    typed = {"address": "ce.autre@ac-toulouse.fr", "why": "La boîte a changé."}
    proof_page = send(client, form, **typed)
    assert "Ce que vous avez tapé est gardé" in proof_page.text
    page = prove(portal, client, proof_page)
    assert all(text in page.text for text in typed.values())
    assert portal.app.directory.set_mailbox_of("0310001H")[0] is None
    done = send(client, form_to(page, "/boite"))
    assert "la boîte est fixée" in done.text
    mailbox, _ = portal.app.directory.set_mailbox_of("0310001H")
    assert mailbox is not None


@pytest.mark.rule("R105", "R60")
def test_code__is_asked_after_the_proof_and_never_kept(portal: Portal) -> None:
    reference = portal.checked(1)
    place = f"/rectorat/demandes/{reference}"
    client = portal.client(STAFF)
    form = form_to(client.get(f"{place}/emettre"), "/emettre")
    portal.clock.advance(minutes=15)
    stale = client.get(place)
    assert 'name="code"' not in stale.text  # the request's own page shows no form that would be lost
    assert f'href="{place}/emettre"' in stale.text
    proof_page = send(client, form, code="Ab12Cd34")
    page = prove(portal, client, proof_page)
    assert "Ab12Cd34" not in page.text
    assert "Le code, lui, n'est jamais gardé : le taper de nouveau." in page.text.replace("&#39;", "'")
    with portal.app.database.read() as connection:
        contents = connection.exec_driver_sql("SELECT content FROM kept_form").scalars().all()
    assert contents
    done = send(client, form_to(page, "/emettre"), code="Ab12Cd34")
    assert "C'est fait" in done.text.replace("&#39;", "'")


@pytest.mark.rule("R105")
def test_button__leads_back_to_its_page(portal: Portal) -> None:
    client = portal.client(STAFF)
    page = client.get("/rectorat/etablissements/0310001H")
    portal.clock.advance(minutes=15)
    token = {CSRF_FIELD: csrf_of(session_of(portal, client))}
    proof_page = client.post(f"{MAILBOX}/confirmer", data=token, headers={"referer": str(page.url)})
    assert str(prove(portal, client, proof_page).url) == str(page.url)


@pytest.mark.rule("R105", "R104")
def test_proof__by_six_digits_from_another_device(portal: Portal) -> None:
    client = later(portal)
    sent = send(client, form_to(client.get(MAILBOX), PROOF_PATH))
    secret = secrets_of(portal.app)[-1]
    assert code_of(secret)[:3] in portal.client().get(f"/connexion/lien/{secret}").text
    page = send(client, form_to(sent, "/connexion/envoye"), chiffres=code_of(secret))
    assert str(page.url).endswith(MAILBOX)


@pytest.mark.rule("R105")
def test_proof__of_a_chef_keeps_who_acts_and_the_establishments_of_the_mailbox(portal: Portal) -> None:
    client = later(portal, TWO_SCHOOLS)
    proof_page = client.get(PROOF_PATH)
    assert "Votre connexion gardera les établissements de cette boîte" in proof_page.text
    prove(portal, client, proof_page)
    user = user_of(portal, client)
    assert (user.uais, user.name, user.proved_at) == (("0310001H",), "Claire Martin", portal.clock.now())


@pytest.mark.rule("R105")
def test_joining__an_establishment_proves_nothing_of_the_others(portal: Portal) -> None:
    """Or whoever took a session would prove it by a mailbox of their own."""
    client = later(portal, CHEF)
    sent = send(client, form_to(client.get("/compte"), "/compte/etablissement"), uai="0120001X")
    send(client, form_to(sent, "/connexion/envoye"), chiffres=code_of(secrets_of(portal.app)[-1]))
    user = user_of(portal, client)
    assert user.uais == ("0120001X", "0310001H")
    assert user.proved_at == portal.clock.now() - timedelta(minutes=15)


@pytest.mark.rule("R105", "R104")
def test_proof__asked_by_a_thief_of_the_session_is_of_no_other_browser(portal: Portal) -> None:
    client = later(portal)
    form = form_to(client.get(MAILBOX), PROOF_PATH)
    send(client, form)
    victim, place = portal.client(STAFF), f"/connexion/lien/{secrets_of(portal.app)[-1]}"
    assert "Ne donnez ces chiffres à personne" in victim.post(place).text
    assert client.get(MAILBOX, follow_redirects=False).status_code == 303


@pytest.mark.rule("R105")
def test_proof__from_another_site_sends_nothing(portal: Portal) -> None:
    client = later(portal)
    assert client.post(PROOF_PATH, data={CSRF_FIELD: "x"}).status_code == 409
    assert secrets_of(portal.app) == []
    for suite in ("//ailleurs.fr", "https://ailleurs.fr"):
        assert "ailleurs.fr" not in client.get(PROOF_PATH, params={"suite": suite}).text


@pytest.mark.rule("R105", "R101")
@pytest.mark.parametrize(
    ("user", "mail_link", "by_mail", "names"),
    [
        (STAFF, ("chef", "operator", "reader"), True, ()),
        (SessionUser(role=Role.OPERATOR, subject=OPERATOR, method=SignInMethod.PROVIDER, provider="un"),
         ("chef", "operator", "reader"), False, ("un",)),
        (SessionUser(role=Role.OPERATOR, subject=OPERATOR, method=SignInMethod.PROVIDER, provider="parti"),
         ("chef", "operator", "reader"), True, ()),
        (STAFF, ("chef",), False, ("un", "deux")),
        (SessionUser(role=Role.OPERATOR, subject=OPERATOR, method=SignInMethod.TRUSTED_HEADERS), ("chef",), False, ()),
        (SessionUser(role=Role.OPERATOR, subject=OPERATOR, method=SignInMethod.TRUSTED_HEADERS),
         ("chef", "operator", "reader"), True, ()),
    ],
)  # fmt: skip
def test_doors__of_a_proof_are_no_weaker_than_those_of_the_session(
    user: SessionUser, mail_link: tuple[str, ...], by_mail: bool, names: tuple[str, ...]
) -> None:
    providers = tuple(
        ProviderSettings(name=name, label=name, issuer=f"https://{name}.fr", client_id="oda") for name in ("un", "deux")
    )
    settings = SignInSettings.model_validate({"providers": providers, "mail_link": mail_link})
    assert ProofDoors.of(settings, user, has_factor=True).by_factor is not bool(names == ("un",))
    doors = ProofDoors.of(settings, user)
    assert (doors.by_mail, tuple(provider.name for provider in doors.providers)) == (by_mail, names)


@pytest.mark.rule("R105", "R106")
def test_proof__by_the_second_factor_of_whoever_has_one(tmp_path: Path) -> None:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=OPTIONAL) as portal:
        key, _ = enrolled(portal)
        client = later(portal)
        former, proof_page = session_of(portal, client), client.get(MAILBOX)
        bad = send(client, form_to(proof_page, "/chiffres"), chiffres=wrong(portal, key))
        assert (bad.status_code, client.get(MAILBOX, follow_redirects=False).status_code) == (422, 303)
        page = send(client, form_to(bad, "/chiffres"), chiffres=digits(portal, key))
        assert str(page.url).endswith(MAILBOX)
        assert user_of(portal, client).proved_at == portal.clock.now()
        assert portal.context.sessions.find(former, portal.clock.now()) is None
        send(client, form_to(proof_page, "/chiffres"), chiffres=digits(portal, key))
        assert secrets_of(portal.app) == []  # no mail left for it


@pytest.mark.rule("R105")
def test_setting__says_for_how_long(tmp_path: Path) -> None:
    settings = "sign_in:\n  step_up_minutes: 60\n"
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=settings) as portal:
        assert later(portal, minutes=59).get(MAILBOX, follow_redirects=False).status_code == 200
        assert later(portal, minutes=60).get(MAILBOX, follow_redirects=False).status_code == 303


@pytest.mark.rule("R105")
def test_link__asked_by_a_session_that_is_over_signs_in_as_any_other(portal: Portal) -> None:
    portal.context.links.send_to_rectorat(
        OPERATOR, LinkRequest(client="192.0.2.1", browser=BROWSER, session="s" * 43, is_proof=True)
    )
    entered = portal.context.sign_in.sign_in(secrets_of(portal.app)[-1], client="192.0.2.1", browser=BROWSER)
    assert entered.session_user.subject == OPERATOR
