"""The pages of signing in, as a browser without JavaScript sees them (R72 to R74)."""

import re
from dataclasses import replace
from datetime import date

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from portal.web.security import safe_back
from states import commands as c
from states.validation import normalise_uai
from states.vocabulary import Change, Role, Scope
from tests.kit.html_forms import form_to, send
from tests.kit.installation import OPERATOR
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal
from tests.kit.sign_in import link_mails, secrets_of
from workflow.auth.sessions import SessionUser

TODAY = date(2026, 9, 14)


def main_of(answer: Response) -> str:
    """What stands in the page, without its tags."""
    page = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def csrf_of(answer: Response) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert match
    return match[1]


def signed_in(portal: Portal, client: TestClient, uai: str = "0310001H", back: str = "") -> Response:
    """Ask for a link and press its button; the page that follows."""
    client.post("/connexion", data={"uai": uai, "suite": back})
    return client.post(f"/connexion/lien/{secrets_of(portal.app)[-1]}")


@pytest.mark.rule("R11", "R72")
def test_ask__the_same_answer_whoever_it_is(portal: Portal) -> None:
    client = portal.client()
    typed = ["0310001H", " 031 0001h", "0310003K", "9999999P", "0310001A"]
    answers = [client.post("/connexion", data={"uai": uai}) for uai in typed]
    hint = " <strong>Avec ces chiffres, la lettre est presque toujours H : 0310001H.</strong>"
    assert hint in answers[-1].text  # arithmetic on what was typed, which the directory has no part in (R11)
    texts = [
        answer.text.replace(hint, "").replace(normalise_uai(uai), "UAI")
        for uai, answer in zip(typed, answers, strict=True)
    ]
    assert set(texts) == {texts[0]}
    assert {(answer.status_code, str(answer.url).partition("?")[0]) for answer in answers} == {
        (200, "http://localhost:8000/connexion/envoye")
    }
    assert len(link_mails(portal.app)) == 2
    assert "ce.0310001h" not in answers[0].text
    for address in (OPERATOR, "inconnu@ac-toulouse.fr"):
        page = client.post("/connexion/rectorat", data={"adresse": address})
        assert address not in page.text
    wrong = client.post("/connexion", data={"uai": "colomiers"})
    assert wrong.status_code == 422
    assert 'value="colomiers"' in wrong.text


@pytest.mark.rule("R74")
@pytest.mark.parametrize("pour", ["", "?pour=rectorat"])
def test_sent__tells_the_limits_and_that_the_last_link_holds(portal: Portal, pour: str) -> None:
    page = main_of(portal.client().get(f"/connexion/envoye{pour}"))
    assert "5 demandes au plus par demi-heure et 30 par jour" in page
    assert "60 par demi-heure pour tout un réseau" in page
    assert "le dernier lien reçu vaut encore, pendant 15 minutes à partir de son envoi" in page


@pytest.mark.rule("R72", "R73")
def test_link__page_then_button_then_who(portal: Portal) -> None:
    client = portal.client()
    client.post("/connexion", data={"uai": "0310001H", "suite": "/compte"})
    place = f"/connexion/lien/{secrets_of(portal.app)[0]}"
    for _ in range(3):
        page = client.get(place)
        assert page.status_code == 200
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "Collège Jean-Jaurès" in main_of(page)
        assert portal.context.cookie not in client.cookies
    answer = client.post(place, follow_redirects=False)
    assert answer.headers["location"] == "/connexion/qui?suite=/compte"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age" not in cookie
    assert client.get("/compte", follow_redirects=False).headers["location"] == "/connexion/qui"
    who = client.get("/connexion/qui?suite=/compte")
    before = client.cookies[portal.context.cookie]
    sent = {"csrf": csrf_of(who), "nom": "<b>", "fonction": "chef", "suite": "/compte"}
    for no_name in ("<b>", "URGENT : https://evil.example", "www.evil.example", "Claire 😀", "Сlaire Martin"):
        assert client.post("/connexion/qui", data=sent | {"nom": no_name}).status_code == 422
    assert client.post("/connexion/qui", data=sent | {"csrf": "x", "nom": "Claire Martin"}).status_code == 409
    done = client.post("/connexion/qui", data=sent | {"nom": "Claire\u200b Mar\u00adtin"})
    assert str(done.url).endswith("/compte")
    assert "Vous êtes Claire Martin Fonction Chef d&#39;établissement" in main_of(done)
    assert client.cookies[portal.context.cookie] != before
    for again in (client.get(place), client.post(place)):
        assert str(again.url).endswith("/compte")
    client.cookies.clear()
    for again in (client.get(place), client.post(place)):
        assert again.status_code == 410
        assert "Demander un nouveau lien" in main_of(again)


@pytest.mark.rule("R72")
def test_link__pressed_from_another_site(portal: Portal) -> None:
    client = portal.client()
    client.post("/connexion", data={"uai": "0310001H"})
    place = f"/connexion/lien/{secrets_of(portal.app)[0]}"
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://x.fr"}):
        assert client.post(place, headers=headers).status_code == 409
    assert client.post(place, headers={"origin": "null"}).status_code == 200


@pytest.mark.rule("R74")
def test_link__too_many_in_vain(portal: Portal) -> None:
    client = portal.client()
    for _ in range(10):
        assert client.post("/connexion/lien/faux").status_code == 410
    assert client.post("/connexion/lien/faux").status_code == 429
    assert client.get("/connexion/lien/faux").status_code == 429


@pytest.mark.rule("R73")
def test_account__another_establishment_then_out(portal: Portal) -> None:
    client = portal.client()
    who = csrf_of(signed_in(portal, client, back="/compte"))
    client.post("/connexion/qui", data={"csrf": who, "nom": "Claire Martin", "fonction": "chef"})
    page = client.get("/compte")
    client.post("/compte/etablissement", data={"csrf": csrf_of(page), "uai": "0310002J"})
    place = f"/connexion/lien/{secrets_of(portal.app)[-1]}"
    assert "À votre connexion s&#39;ajoutera" in main_of(client.get(place))
    both = client.post(place)
    assert str(both.url).endswith("/compte")
    assert "Lycée Pierre-de-Fermat" in main_of(both)
    assert "Collège Jean-Jaurès" in main_of(both)
    assert client.post("/deconnexion", data={"csrf": "x"}).status_code == 409
    secret = client.cookies[portal.context.cookie]
    out = client.post("/deconnexion", data={"csrf": csrf_of(both)})
    assert "C'est fait : vous êtes déconnecté." in main_of(out)
    assert portal.context.cookie not in client.cookies
    assert portal.context.sessions.find(secret, portal.clock.now()) is None


@pytest.mark.rule("R72")
def test_link__used_already_leads_home_who_is_signed_in_and_keeps_the_way_for_others(portal: Portal) -> None:
    client = portal.client()
    client.post("/connexion", data={"uai": "0310001H", "suite": "/etablissement/demandes"})
    place = f"/connexion/lien/{secrets_of(portal.app)[-1]}"
    who = client.post(place)
    client.post("/connexion/qui", data={"nom": "Claire Martin", "fonction": "chef", "csrf": csrf_of(who)})
    again = client.get(place, follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, "/etablissement/demandes")
    assert again.headers["referrer-policy"] == "no-referrer"
    for other in (portal.client(), portal.client(STAFF), portal.client(OTHER_CHEF)):
        dead = other.get(place)
        assert dead.status_code == 410
        assert 'href="/connexion?suite=/etablissement/demandes"' in dead.text
    assert 'href="/connexion"' in portal.client().get("/connexion/lien/faux").text


@pytest.mark.rule("R73")
def test_session__says_in_a_form_when_it_ends_and_is_prolonged(portal: Portal) -> None:
    client = portal.client(CHEF)
    form = client.get("/etablissement/declarer").text
    assert "Votre connexion prend fin à 12 h 00 si rien n'est envoyé d'ici là" in form
    assert "Sauf mention contraire, tous les champs sont obligatoires." in form
    portal.clock.advance(minutes=4)
    assert "prend fin à 12 h 00" in client.get("/etablissement/declarer").text
    assert "Elle prend fin le 14 septembre 2026 à 12 h 04." in client.get("/compte/prolonger").text
    portal.clock.advance(minutes=118)
    assert client.get("/etablissement/declarer").status_code == 200
    for _ in range(5):
        portal.clock.advance(minutes=80)
        last = client.get("/compte/prolonger").text
    assert "et ne peut pas l'être davantage" in last
    assert portal.client(CHEF).get("/compte").text.count("Sauf mention contraire") == 1


@pytest.mark.rule("R73", "R76")
def test_account__the_tokens_of_the_establishment_are_shown_and_ended(portal: Portal) -> None:
    by = portal.actor(STAFF)
    for uai in ("0310001H", "0120001X"):
        portal.app.tokens.create(by, Role.CHEF, [uai], scope=Scope.ACT, label=f"ENT de {uai}", days=30)
    client = portal.client(CHEF)
    page = client.get("/compte")
    assert "ENT de 0310001H" in main_of(page)
    assert "ENT de 0120001X" not in main_of(page)
    after = client.post("/compte/jetons/1/fin", data={"csrf": csrf_of(page)})
    assert "ce programme n&#39;a plus accès au portail." in main_of(after)
    assert "Aucun programme n'agit" in main_of(after)
    client.post("/compte/jetons/2/fin", data={"csrf": csrf_of(page)})
    assert [token.revoked_at is None for token in portal.app.tokens.all(by)] == [True, False]
    assert portal.client(STAFF).post("/compte/jetons/2/fin", data={"csrf": "x"}).status_code == 403


@pytest.mark.rule("R73")
@pytest.mark.parametrize(
    ("session_user", "path"),
    [(CHEF, "/etablissement"), (CHEF, "/nulle-part"), (STAFF, "/rectorat"), (STAFF, "/contact"), (DRANE, "/rectorat")],
)
def test_sign_out__from_the_header_of_every_page(portal: Portal, session_user: SessionUser, path: str) -> None:
    client = portal.client(session_user)
    header = client.get(path).text.partition("<main")[0]
    (token,) = re.findall(r'action="/deconnexion">\s*<input type="hidden" name="csrf" value="(\w+)">', header)
    assert "C'est fait : vous êtes déconnecté." in client.post("/deconnexion", data={"csrf": token}).text
    assert client.get("/compte", follow_redirects=False).status_code == 303


@pytest.mark.rule("R73")
def test_account__everywhere(portal: Portal) -> None:
    context, there = portal.client(STAFF), portal.client(STAFF)
    out = context.post("/compte/partout", data={"csrf": csrf_of(context.get("/compte"))})
    assert "tous les appareils" in main_of(out)
    assert there.get("/compte", follow_redirects=False).headers["location"] == "/connexion?suite=/compte"


@pytest.mark.rule("R73")
def test_sign_in__a_new_cookie_whatever_the_browser_had(portal: Portal) -> None:
    client = portal.client()
    client.cookies.set(portal.context.cookie, "planted")
    signed_in(portal, client)
    jar = [cookie.value for cookie in client.cookies.jar if cookie.name == portal.context.cookie]
    assert len(set(jar) - {"planted"}) == 1
    assert portal.context.sessions.find("planted", portal.clock.now()) is None


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/rectorat?etat=requested&page=2", True),
        ("/etablissement/demandes/ODA-2027-00001", True),
        ("//ailleurs.fr", False),
        ("/\\ailleurs.fr", False),
        ("/a\\b", False),
        ("https://ailleurs.fr", False),
        ("ailleurs", False),
        ("/\tx", False),
        ("/é", False),
        ("/connexion/lien/x", False),
        ("/" + "x" * 600, False),
        ("", False),
        (None, False),
    ],
)
def test_back__to_our_own_pages_alone(path: object, is_ours: bool) -> None:
    assert safe_back(path) == (path if is_ours else "")


@pytest.mark.rule("R37")
def test_who__a_name_typed_otherwise_asks_who_is_chef(portal: Portal) -> None:
    reference = portal.checked()
    client = portal.client(replace(CHEF, name=""))
    page = client.get("/connexion/qui")
    same = send(client, form_to(page, "/connexion/qui"), nom="Mme Martin", fonction="chef")
    assert same.status_code == 422
    assert "Le dernier chef d'établissement connecté ici se nommait Claire Martin" in same.text.replace("&#39;", "'")
    done = send(client, form_to(same, "/connexion/qui"), succession="same")
    assert done.url.path == "/etablissement"
    report = c.ReportChange(reference=reference, change=Change.ABSENCE, effective_on=TODAY)
    portal.do(report, replace(CHEF, name="Mme Martin"))
    assert "ne vaut plus" not in portal.client(STAFF).get(f"/rectorat/demandes/{reference}").text


@pytest.mark.rule("R37")
def test_who__the_new_chef_is_told_and_the_operator_reads_why_a_check_fell(portal: Portal) -> None:
    issued, reference = portal.issued(1), portal.checked(2)
    client = portal.client(replace(CHEF, name=""))
    question = send(client, form_to(client.get("/connexion/qui"), "/connexion/qui"), nom="Paul Roux", fonction="chef")
    home = send(client, form_to(question, "/connexion/qui"), succession="new").text
    assert "Cette clé a été déléguée par votre prédécesseur" in home
    assert f"/etablissement/demandes/{issued}" in home
    successor = replace(CHEF, name="Paul Roux")
    portal.do(c.ReportChange(reference=reference, change=Change.ABSENCE, effective_on=TODAY), successor)
    page = portal.client(STAFF).get(f"/rectorat/demandes/{reference}").text.replace("&#39;", "'")
    assert "le chef d'établissement a changé depuis" in page
    assert "Claire Martin" in page
    assert "Paul Roux" in page
    again = portal.client(replace(CHEF, name=""))
    answer = send(again, form_to(again.get("/connexion/qui"), "/connexion/qui"), nom="M. ROUX Paul", fonction="chef")
    assert answer.url.path == "/etablissement"


@pytest.mark.rule("R73")
def test_who__the_name_is_proposed_on_the_same_device_alone(portal: Portal) -> None:
    client = portal.client(replace(CHEF, name=""))
    send(client, form_to(client.get("/connexion/qui"), "/connexion/qui"), nom="Claire Martin", fonction="deputy")
    client.cookies.set(portal.context.cookie, portal.secret(replace(CHEF, name="")))
    form = form_to(client.get("/connexion/qui"), "/connexion/qui")
    assert (form.fields["nom"], form.fields["fonction"]) == ("Claire Martin", "deputy")
    for somebody, cookie in ((OTHER_CHEF, client.cookies[portal.context.name_cookie]), (CHEF, "x"), (CHEF, "bnVsbA==")):
        stranger = portal.client(replace(somebody, name=""))
        stranger.cookies.set(portal.context.name_cookie, cookie)
        assert form_to(stranger.get("/connexion/qui"), "/connexion/qui").fields["nom"] == ""


def test_link__one_that_is_not_asked_for_rightly_is_not_said_to_be_recorded(portal: Portal) -> None:
    client = portal.client()
    refused = send(client, form_to(client.get("/connexion"), "/connexion"), uai="abc")
    assert refused.status_code == 422
    assert "Rien n'a été envoyé" in refused.text.replace("&#39;", "'")
    assert "enregistré" not in refused.text
