"""The pages of open sessions: one's own in the account, everybody's at the rectorat (R107)."""

import pytest

from notifications.vocabulary import Kind
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DEPUTY, DRANE, STAFF, Portal
from tests.kit.sign_in import secrets_of
from tests.workflow.auth.test_access_sessions import is_open, news

pytestmark = pytest.mark.rule("R107")

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_account__ends_another_session_and_says_so_there(portal: Portal) -> None:
    client, other = portal.client(CHEF), portal.client(DEPUTY)
    page = client.get("/compte")
    assert page.text.count("Cette connexion") == 1
    assert "Jean Vidal, adjoint" in page.text
    done = send(client, form_to(page, "/compte/connexions/2/fin"))
    assert "C'est fait : cette connexion a pris fin." in done.text
    assert "Jean Vidal" not in done.text
    answer = other.get("/etablissement")
    assert "Votre connexion a pris fin : quelqu" in answer.text
    assert client.get("/etablissement").status_code == 200


def test_account__all_the_others(portal: Portal) -> None:
    client, others = portal.client(STAFF), [portal.secret(STAFF) for _ in range(2)]
    page = client.get("/compte")
    done = send(client, form_to(page, "/compte/connexions/autres/fin"))
    assert "2 autres connexions ont pris fin" in done.text
    assert "toutes les autres" not in done.text
    assert not any(is_open(portal, secret) for secret in others)


def test_account__a_session_of_somebody_else_is_out_of_reach(portal: Portal) -> None:
    anothers, client = portal.secret(STAFF), portal.client(CHEF)
    portal.secret(DEPUTY)
    page = client.get("/compte")
    form = form_to(page, "/compte/connexions/3/fin")
    answer = client.post("/compte/connexions/1/fin", data=form.fields)
    assert str(answer.url).endswith("/compte")
    assert is_open(portal, anothers)


def test_rectorat__searches_and_ends_all_of_an_establishment(portal: Portal) -> None:
    staff, chef = portal.client(STAFF), portal.client(CHEF)
    deputy = portal.secret(DEPUTY)
    assert "/rectorat/connexions?de=0310001H" in staff.get("/rectorat/etablissements/0310001H").text
    assert "Jean Vidal" not in staff.get("/rectorat/connexions", params={"mots": "claire"}).text
    page = staff.get("/rectorat/connexions", params={"de": "0310001H"})
    assert "Claire Martin" in page.text
    assert "Jean Vidal" in page.text
    done = send(staff, form_to(page, "/rectorat/connexions/fin"))
    assert "2 connexions ont pris fin" in done.text
    assert "Personne n'est connecté sous ce nom" in done.text
    assert not is_open(portal, deputy)
    assert "Votre connexion a pris fin : un opérateur du rectorat y a mis fin" in chef.get("/etablissement").text


def test_rectorat__ends_one_and_pages_the_rest(portal: Portal) -> None:
    for _ in range(51):
        portal.secret(CHEF)
    staff = portal.client(STAFF)
    page = staff.get("/rectorat/connexions")
    assert "suite=3" in page.text
    second = staff.get("/rectorat/connexions", params={"suite": "3"})
    assert "n° 2<" in second.text
    assert "n° 3<" not in second.text
    send(staff, form_to(page, "/rectorat/connexions/51/fin"))
    assert "n° 51<" not in staff.get("/rectorat/connexions").text


@pytest.mark.rule("R2")
def test_rectorat__is_not_for_readers(portal: Portal) -> None:
    portal.secret(CHEF)
    reader = portal.client(DRANE)
    assert reader.get("/rectorat/connexions").status_code == 403
    assert "/rectorat/connexions" not in reader.get("/compte").text
    assert "/rectorat/connexions" not in reader.get("/rectorat/etablissements/0310001H").text


def test_sign_in__of_an_unknown_browser_is_told_and_then_known(portal: Portal) -> None:
    client = portal.client()
    client.headers["User-Agent"] = FIREFOX
    for _ in range(2):
        client.post("/connexion/rectorat", data={"adresse": STAFF.subject})
        client.post(f"/connexion/lien/{secrets_of(portal.app)[-1]}")
        assert "Firefox sur Windows" in client.get("/compte").text
        page = client.get("/compte")
        client.post("/deconnexion", data=form_to(page, "/compte/partout").fields)
    (mail,) = news(portal)
    assert (mail.kind, mail.recipient) == (Kind.NEW_SIGN_IN, STAFF.subject)
    assert "Firefox sur Windows" in mail.context


def test_sign_in__of_a_mailbox_leaves_no_cookie_of_the_browser(portal: Portal) -> None:
    client = portal.client()
    client.post("/connexion", data={"uai": "0310001H"})
    client.post(f"/connexion/lien/{secrets_of(portal.app)[-1]}")
    assert portal.context.device_cookie not in client.cookies
