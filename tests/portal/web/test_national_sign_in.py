"""Signing in by a provider, as a browser without JavaScript does it (R101, R105)."""

import html
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select
from sqlmodel import SQLModel

from portal.app import assembled
from states.vocabulary import Role, SignInMethod
from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to
from tests.kit.identity_provider import ISSUER, SECRET, SETTINGS, StrictProvider
from tests.kit.installation import OPERATOR, OTHER_OPERATOR
from tests.kit.portal import CHEF, STAFF, Portal, open_portal
from tests.kit.sign_in import installation_events
from workflow.auth.rate_limit import FAILED_RETURNS, close_windows
from workflow.auth.sessions import SessionUser
from workflow.identity.provider_sign_in import AT_ONCE, LARGEST_HINT, ProviderSignIn

pytestmark = pytest.mark.rule("R101")

CHEF_CLAIMS = {
    "sub": "12", "email": "claire.martin@ac-toulouse.fr", "given_name": "Claire", "usual_name": "MARTIN",
    "FrEduFonctAdm": "DIR", "FrEduRneResp": ["0310001H$UAJ$PU$N$T3$CLG$340"],
}  # fmt: skip


class NationalPortal:
    """A portal whose one provider is ours."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.server = StrictProvider(portal.clock)
        app = portal.app
        providers = ProviderSignIn(
            app.database, app.clock, app.hasher, app.settings, app.secrets, self.server.transport
        )  # fmt: skip
        portal.context = replace(portal.context, providers=providers)
        portal.asgi = assembled(portal.context)

    def browser(self, user: SessionUser) -> TestClient:
        """A browser signed in as this person, whose cookie a new session replaces."""
        client = self.portal.client()
        client.cookies.set(self.portal.context.cookie, self.portal.secret(user), domain="localhost.local", path="/")
        return client

    def begun(self, client: TestClient, **fields: str) -> str:
        """Press the button: the address to which the browser is sent."""
        return sent_to(client.post("/connexion/fournisseur/national", data=fields))

    def returned(self, client: TestClient, address: str) -> Response:
        """Follow the address to which the provider sends back."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == self.portal.context.settings.address
        return client.get(f"{parts.path}?{parts.query}")

    def signed_in(self, client: TestClient, **fields: str) -> Response:
        """Press the button and be identified: the page that follows."""
        return self.returned(client, self.server.authorize(self.begun(client, **fields)))

    def user_of(self, client: TestClient) -> SessionUser | None:
        secret = client.cookies.get(self.portal.context.cookie)
        return self.portal.context.sessions.find(secret, self.portal.clock.now()) if secret else None


def sent_to(answer: Response) -> str:
    """The address to which a page sends its browser at once."""
    assert answer.status_code == 200, answer.text
    match = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    assert match
    address = html.unescape(match[1])
    assert f'href="{match[1]}"' in answer.text
    return address


def signed_out(client: TestClient, page: Response) -> Response:
    """Press « Se déconnecter » on this page."""
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    return client.post("/deconnexion", data={"csrf": csrf[1]})


def text_of(answer: Response) -> str:
    return html.unescape(answer.text)


def make_national(folder: Path, url: str, settings: str = SETTINGS) -> Iterator[NationalPortal]:
    secret = folder / "secrets" / "provider-national"
    secret.parent.mkdir(mode=0o700, exist_ok=True)
    secret.write_text(SECRET, encoding="utf-8")
    secret.chmod(0o600)
    with open_portal(folder, url, settings=settings) as portal:
        yield NationalPortal(portal)


@pytest.fixture
def national(tmp_path: Path) -> Iterator[NationalPortal]:
    """On SQLite: what a provider and its pages say asks no database."""
    with fresh_url("sqlite", tmp_path) as url:
        yield from make_national(tmp_path, url)


@pytest.fixture
def national_on_each(database_url: str, tmp_path: Path) -> Iterator[NationalPortal]:
    yield from make_national(tmp_path, database_url)


def test_buttons__on_both_pages_with_what_the_provider_is(national: NationalPortal) -> None:
    client = national.portal.client()
    for path in ("/connexion?suite=/compte", "/connexion/rectorat?suite=/compte"):
        page = client.get(path)
        assert "S'identifier avec ProConnect" in text_of(page)
        assert "Qu'est-ce que ProConnect ?" in text_of(page)
        assert 'name="suite" value="/compte"' in text_of(page)
        assert "Recevoir un lien de connexion" in text_of(page)
        assert "form-action 'self'" in page.headers["content-security-policy"]


def test_operator__signs_in_and_goes_to_the_page_wanted(national_on_each: NationalPortal) -> None:
    client = national_on_each.portal.client()
    url = national_on_each.begun(client, suite="/rectorat/calendrier")
    query = dict(parse_qsl(urlsplit(url).query))
    assert query["redirect_uri"] == "http://localhost:8000/connexion/retour"
    page = national_on_each.returned(client, national_on_each.server.authorize(url))
    assert page.url.path == "/rectorat/calendrier"
    user = national_on_each.user_of(client)
    assert user is not None
    assert (user.role, user.subject, user.method, user.provider) == (
        Role.OPERATOR, OPERATOR, SignInMethod.PROVIDER, "national",
    )  # fmt: skip
    data = {"establishments": 0, "method": "provider", "provider": "national"}
    assert installation_events(national_on_each.portal.app, "signed_in") == [("signed_in", data)]
    assert national_on_each.portal.context.attempt_cookie not in client.cookies


def test_chef__signs_in_under_his_name(national: NationalPortal) -> None:
    national.server.person = dict(CHEF_CLAIMS)
    client = national.portal.client()
    page = national.signed_in(client)
    user = national.user_of(client)
    assert user is not None
    assert (user.subject, user.method) == ("0310001H", SignInMethod.PROVIDER)
    assert page.url.path in ("/etablissement", "/connexion/qui")


@pytest.mark.parametrize(
    "suite", ["https://ailleurs.test/", "//ailleurs.test", "/\\ailleurs.test", "javascript:alert(1)", "/connexion"]
)
def test_back__leads_nowhere_else(national: NationalPortal, suite: str) -> None:
    client = national.portal.client()
    assert national.signed_in(client, suite=suite).url.path == "/rectorat"


def test_return__once(national_on_each: NationalPortal) -> None:
    client = national_on_each.portal.client()
    url = national_on_each.begun(client)
    address = national_on_each.server.authorize(url)
    sealed = client.cookies[national_on_each.portal.context.attempt_cookie]
    national_on_each.returned(client, address)
    again = national_on_each.returned(client, address)
    assert again.status_code == 400
    thief = national_on_each.portal.client()
    thief.cookies.set(national_on_each.portal.context.attempt_cookie, sealed)
    assert national_on_each.returned(thief, national_on_each.server.authorize(url)).status_code == 400
    assert national_on_each.user_of(thief) is None


def test_return__of_another_browser(national: NationalPortal) -> None:
    """The return of a sign-in that somebody else has begun signs in nobody: neither his victim, nor him."""
    attacker, victim = national.portal.client(), national.portal.client()
    address = national.server.authorize(national.begun(attacker))
    for browser in (victim, national.browser(CHEF)):
        page = national.returned(browser, address)
        assert page.status_code == 400
        assert "Cette connexion n'est plus valable" in text_of(page)
    assert national.user_of(victim) is None
    national.begun(victim)
    assert national.returned(victim, address).status_code == 400
    assert national.user_of(victim) is None


def test_return__too_late(national: NationalPortal) -> None:
    client = national.portal.client()
    address = national.server.authorize(national.begun(client))
    national.portal.clock.advance(minutes=10)
    assert national.returned(client, address).status_code == 400


def test_session__its_secret_is_new_and_the_former_one_ends(national: NationalPortal) -> None:
    client = national.browser(CHEF)
    former = client.cookies[national.portal.context.cookie]
    national.signed_in(client)
    assert client.cookies[national.portal.context.cookie] != former
    assert national.portal.context.sessions.find(former, national.portal.clock.now()) is None


def test_cancelled__nobody_is_told_off(national: NationalPortal, caplog: pytest.LogCaptureFixture) -> None:
    client = national.portal.client()
    page = national.returned(client, national.server.authorize(national.begun(client), error="access_denied"))
    assert page.status_code == 200
    assert "n'a pas été menée à son terme" in text_of(page)
    assert "Recommencer avec ProConnect" in text_of(page)
    assert caplog.records == []


@pytest.mark.parametrize("parameters", ["error=server_error", "code="])
def test_refused__what_the_provider_says_is_not_repeated(national: NationalPortal, parameters: str) -> None:
    client = national.portal.client()
    query = dict(parse_qsl(urlsplit(national.begun(client)).query))
    page = client.get(
        f"/connexion/retour?{parameters}&error_description=<b>Appelez</b>&state={query['state']}&iss={ISSUER}"
    )
    assert page.status_code == 502
    assert "Appelez" not in text_of(page)


def test_not_believed__page_and_log_without_a_claim(national: NationalPortal, caplog: pytest.LogCaptureFixture) -> None:
    national.server.person = dict(CHEF_CLAIMS)
    national.server.spoil_token = lambda claims: claims.update(aud="autre")
    client = national.portal.client()
    with caplog.at_level(logging.WARNING):
        page = national.signed_in(client, suite="/compte")
    assert page.status_code == 502
    assert "n'a pas pu être vérifiée" in text_of(page)
    assert 'name="suite" value="/compte"' in text_of(page)
    assert national.user_of(client) is None
    (record,) = caplog.records
    assert record.getMessage() == "identity provider national: a token for another service (aud)"


def test_down__the_other_doors_stay_open(national: NationalPortal) -> None:
    national.server.answers["/.well-known/openid-configuration"] = httpx2.Response(503)
    client = national.portal.client()
    page = client.post("/connexion/fournisseur/national", data={"suite": "/compte"})
    assert page.status_code == 503
    assert "ProConnect ne répond pas" in text_of(page)
    assert "Me connecter autrement" in text_of(page)
    assert client.get("/connexion").status_code == 200
    assert client.post("/connexion", data={"uai": "0310001H"}).url.path == "/connexion/envoye"


def test_crowded__waiting_for_the_provider_takes_a_bounded_number_of_threads(national: NationalPortal) -> None:
    places = national.portal.context.providers._places["national"]
    acquisitions = [places.acquire(blocking=False) for _ in range(AT_ONCE)]
    assert all(acquisitions)
    client = national.portal.client()
    assert client.post("/connexion/fournisseur/national").status_code == 503
    for _ in acquisitions:
        places.release()
    assert client.post("/connexion/fournisseur/national").status_code == 200


@pytest.mark.rule("R74")
def test_failed_returns__bounded_for_a_network(national_on_each: NationalPortal) -> None:
    national_on_each.server.spoil_token = lambda claims: claims.update(aud="autre")
    client = national_on_each.portal.client()
    limit = FAILED_RETURNS
    with national_on_each.portal.app.database.write() as connection:
        national_on_each.portal.context.providers._limiter.hit(
            connection, limit, "testclient", national_on_each.portal.clock.now(), limit.most - 1
        )
    assert national_on_each.signed_in(client).status_code == 502
    calls = len(national_on_each.server.calls)
    assert national_on_each.signed_in(client).status_code == 503
    assert len(national_on_each.server.calls) == calls


def test_unknown_provider__page(national: NationalPortal) -> None:
    assert national.portal.client().post("/connexion/fournisseur/autre").status_code == 400


def test_form_of_another_site__refused(national: NationalPortal) -> None:
    answer = national.portal.client().post(
        "/connexion/fournisseur/national", headers={"Sec-Fetch-Site": "cross-site"}
    )  # fmt: skip
    assert answer.status_code == 409


@pytest.mark.rule("R103")
@pytest.mark.parametrize(
    "claims",
    [{"email": "inconnu@ac-toulouse.fr", "FrEduFonctAdm": "ADM"}, {"FrEduFonctAdm": "DIR", "FrEduRneResp": "X"}],
)
def test_nobody_here__told_why(national: NationalPortal, claims: dict[str, Any]) -> None:
    national.server.person = {"sub": "9"} | claims
    client = national.portal.client()
    page = national.signed_in(client)
    assert page.status_code == 403
    assert "Votre identité n'ouvre pas ce portail" in text_of(page)
    assert national.user_of(client) is None


@pytest.mark.rule("R75", "R108")
def test_refusals__counted_for_the_journal(national: NationalPortal) -> None:
    client = national.portal.client()
    national.server.person = {"sub": "9", "FrEduFonctAdm": "ADM"}
    national.signed_in(client)
    national.server.spoil_token = lambda claims: claims.update(aud="autre")
    national.signed_in(client)
    national.portal.clock.advance(minutes=30)
    with national.portal.app.database.write() as connection:
        close_windows(connection, national.portal.app.hasher, national.portal.clock.now())
    refused = [(data["limit"], data["refused"]) for _, data in installation_events(national.portal.app, "door_refused")]
    assert refused == [("identity", 1), ("provider", 1)]


def test_sign_out__at_the_provider_too(national: NationalPortal) -> None:
    client = national.portal.client()
    page = national.signed_in(client)
    url = urlsplit(sent_to(signed_out(client, page)))
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{ISSUER}/logout"
    query = parse_qs(url.query)
    assert query["post_logout_redirect_uri"] == ["http://localhost:8000/connexion"]
    assert query["id_token_hint"][0].count(".") == 2
    assert national.user_of(client) is None
    assert national.portal.context.provider_cookie not in client.cookies
    assert "vous êtes déconnecté" in text_of(client.get(f"/connexion?state={query['state'][0]}"))


def test_return__its_headers_fit_in_what_a_proxy_reads(national: NationalPortal) -> None:
    national.server.spoil_token = lambda claims: claims.update(given_name="y" * 850)
    client = national.portal.client()
    address = national.server.authorize(national.begun(client, suite="/rectorat"))
    client.follow_redirects = False
    answer = national.returned(client, address)
    cookie = national.portal.context.providers.cookies.read(client.cookies[national.portal.context.provider_cookie])
    assert cookie is not None
    assert LARGEST_HINT * 0.9 < len(cookie.id_token) <= LARGEST_HINT
    assert sum(len(name) + len(value) + 4 for name, value in answer.headers.raw) < 4096 - 100


def test_sign_out__of_who_came_by_a_mail_stays_here(national: NationalPortal) -> None:
    client = national.browser(STAFF)
    page = client.get("/compte")
    assert signed_out(client, page).url.path == "/connexion"


def test_sign_out__provider_down(national: NationalPortal) -> None:
    client = national.portal.client()
    page = national.signed_in(client)
    fresh = ProviderSignIn(
        national.portal.app.database, national.portal.clock, national.portal.app.hasher, national.portal.app.settings,
        national.portal.app.secrets, national.server.transport,
    )  # fmt: skip
    national.portal.asgi.state.context = replace(national.portal.context, providers=fresh)
    national.server.answers["/.well-known/openid-configuration"] = httpx2.Response(503)
    page = signed_out(client, page)
    assert page.url.path == "/connexion"
    assert "pour quitter aussi ProConnect, fermez le navigateur" in text_of(page)
    assert national.user_of(client) is None


def test_level__too_weak_for_an_operator_then_asked_for(tmp_path: Path) -> None:
    settings = SETTINGS + "      acr: {operator: [eidas2, eidas3]}\n"
    with fresh_url("sqlite", tmp_path) as url, contextmanager(make_national)(tmp_path, url, settings) as national:
        client = national.portal.client()
        page = national.signed_in(client)
        assert page.status_code == 403
        assert "Votre connexion doit être plus sûre" in text_of(page)
        assert 'name="niveau" value="operator"' in text_of(page)
        assert national.user_of(client) is None
        url = national.begun(client, niveau="operator")
        assert "essential" in dict(parse_qsl(urlsplit(url).query))["claims"]
        national.server.acr = "eidas2"
        assert national.returned(client, national.server.authorize(url)).url.path == "/rectorat"
        national.server.person, national.server.acr = dict(CHEF_CLAIMS), "eidas1"
        national.signed_in(client)
        user = national.user_of(client)
        assert user is not None
        assert user.role is Role.CHEF


@pytest.mark.rule("R106")
def test_level__that_says_two_factors_asks_for_no_other(tmp_path: Path) -> None:
    settings = SETTINGS + "      two_factors: [eidas2]\n  second_factor: required\n"
    with fresh_url("sqlite", tmp_path) as url, contextmanager(make_national)(tmp_path, url, settings) as national:
        client = national.portal.client()
        national.server.acr = "eidas1"
        assert national.signed_in(client).url.path == "/connexion/second-facteur"
        national.server.acr = "eidas2"
        assert national.signed_in(national.portal.client()).url.path == "/rectorat"


@pytest.mark.rule("R105")
def test_proof__of_the_same_person_anew(national_on_each: NationalPortal) -> None:
    client = national_on_each.portal.client()
    national_on_each.signed_in(client)
    national_on_each.portal.clock.advance(minutes=40)
    url = national_on_each.begun(client, preuve="oui", suite="/rectorat/calendrier")
    assert dict(parse_qsl(urlsplit(url).query))["prompt"] == "login"
    assert national_on_each.returned(client, national_on_each.server.authorize(url)).url.path == "/rectorat/calendrier"
    user = national_on_each.user_of(client)
    assert user is not None
    assert user.proved_at == national_on_each.portal.clock.now()


@pytest.mark.rule("R105")
def test_proof__of_a_session_by_mail(national: NationalPortal) -> None:
    client = national.browser(STAFF)
    national.portal.clock.advance(minutes=40)
    national.signed_in(client, preuve="oui")
    user = national.user_of(client)
    assert user is not None
    assert user.proved_at == national.portal.clock.now()


@pytest.mark.rule("R105")
@pytest.mark.parametrize(
    "person",
    [{"sub": "8", "email": OTHER_OPERATOR}, {"sub": "8", "email": OPERATOR}, {"sub": "7"}, CHEF_CLAIMS],
)
def test_proof__of_another_person(national: NationalPortal, person: dict[str, Any]) -> None:
    client = national.portal.client()
    national.signed_in(client)
    former = national.user_of(client)
    national.server.person = person
    page = national.signed_in(client, preuve="oui")
    assert page.status_code == 403
    assert "n'a pas reconnu la personne connectée ici" in text_of(page)
    assert national.user_of(client) == former


@pytest.mark.rule("R105", "R37")
@pytest.mark.parametrize(("given_name", "status"), [("Claire", 200), ("Paul", 403)])
def test_proof__of_a_mailbox_by_its_user_not_by_a_colleague(
    national: NationalPortal, given_name: str, status: int
) -> None:
    national.server.person = CHEF_CLAIMS | {"given_name": given_name}
    client = national.browser(CHEF)
    national.portal.clock.advance(minutes=40)
    assert national.signed_in(client, preuve="oui").status_code == status
    user = national.user_of(client)
    assert user is not None
    assert (user.name, user.proved_at == national.portal.clock.now()) == ("Claire Martin", status == 200)


@pytest.mark.rule("R105")
def test_proof__too_old(national: NationalPortal) -> None:
    client = national.portal.client()
    national.signed_in(client)
    national.server.auth_time = national.portal.clock.now().timestamp() - 3600
    page = national.signed_in(client, preuve="oui")
    assert page.status_code == 403
    assert "n'a pas vérifié de nouveau votre identité" in text_of(page)


@pytest.mark.rule("R105")
def test_proof__for_a_session_that_is_over(national: NationalPortal) -> None:
    client = national.portal.client()
    national.signed_in(client)
    address = national.server.authorize(national.begun(client, preuve="oui"))
    client.cookies.delete(national.portal.context.cookie)
    assert national.returned(client, address).status_code == 400


@pytest.mark.rule("R111")
def test_legal_page__names_the_cookies_of_the_provider(national: NationalPortal) -> None:
    page = national.portal.client().get("/mentions-legales")
    assert "pour qui s'identifie par ProConnect, deux autres, chiffrés" in text_of(page)


@pytest.mark.rule("R73")
def test_kept_form__comes_back_after_a_sign_in_by_the_provider(national: NationalPortal) -> None:
    client = national.portal.client()
    page = national.signed_in(client)
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    national.portal.clock.advance(hours=11)
    typed = {"csrf": csrf[1], "uai": "0310001H", "nom": "Dupont", "prenom": "Zoé", "mail": "zoe.dupont@ac-toulouse.fr"}
    origin = {"Origin": "http://localhost:8000"}
    page = client.post("/rectorat/etablissements/0310001H/declarer", data=typed, headers=origin)
    assert "Ce que vous avez tapé est gardé" in text_of(page)
    match = re.search(r'name="suite" value="([^"]+)"', page.text)
    assert match
    page = national.signed_in(client, suite=match[1])
    assert 'value="Dupont"' in page.text


@pytest.mark.rule("R75")
def test_kept__nothing_of_the_exchange(
    national_on_each: NationalPortal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the database nor the log has a token, a code, a secret of the exchange, nor who the person is there."""
    tokens: list[str] = []
    national_on_each.server.signs_userinfo = True
    sign = national_on_each.server.signed

    def remembered(claims: dict[str, Any]) -> str:
        tokens.append(sign(claims))
        return tokens[-1]

    monkeypatch.setattr(national_on_each.server, "signed", remembered)
    national_on_each.server.person = {"sub": "sujet-de-claire", "email": OPERATOR, "birthdate": "1980-02-03"}
    client = national_on_each.portal.client()
    with caplog.at_level(logging.DEBUG):
        url = national_on_each.begun(client)
        page = national_on_each.returned(client, national_on_each.server.authorize(url))
        signed_out(client, page)
        national_on_each.server.spoil_token = lambda claims: claims.update(nonce="x")
        national_on_each.signed_in(client)
    query = dict(parse_qsl(urlsplit(url).query))
    secrets = {"sujet-de-claire", "1980-02-03", query["state"], query["nonce"], SECRET, *tokens}
    with national_on_each.portal.app.database.read() as connection:
        rows = [str(row) for table in SQLModel.metadata.sorted_tables for row in connection.execute(select(table))]
    log = [record.getMessage() for record in caplog.records if record.name == "oda"]  # the browser here logs too
    assert log
    traces = "\n".join([*rows, *log])
    assert len(tokens) > 2
    assert OPERATOR in traces
    assert [secret for secret in secrets if secret in traces] == []


@pytest.mark.rule("R105")
def test_proof__asked_before_a_mailbox_then_what_was_typed_comes_back(national: NationalPortal) -> None:
    client = national.portal.client()
    form = form_to(national.signed_in(client, suite="/rectorat/etablissements/0310001H/boite"), "/boite")
    national.portal.clock.advance(minutes=40)
    origin = {"Origin": "http://localhost:8000"}
    typed = dict.fromkeys(form.fields, "boîte morte") | {"csrf": form.fields["csrf"]}
    page = client.post(form.action, data=typed, headers=origin)
    assert page.url.path == "/connexion/preuve"
    button = form_to(page, "/connexion/fournisseur/national")
    page = national.returned(client, national.server.authorize(national.begun(client, **button.fields)))
    assert "boîte morte" in text_of(page)
