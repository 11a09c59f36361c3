"""What was just done is said once, to who did it, on the page to which it led."""

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from portal.web.context import KEPT_SECONDS
from tests.kit.html_forms import form_to, forms_of
from tests.kit.portal import CHEF, DEPUTY, STAFF, Portal

WITHDRAWN = "C'est fait : la demande est abandonnée"


def withdrawn(portal: Portal, client: TestClient, reference: str) -> Response:
    """The answer to the button, before its redirection is followed."""
    form = form_to(client.get(f"/etablissement/demandes/{reference}/abandon"), "/abandon")
    return client.post(form.action, data=form.fields | {"reason": "error"}, follow_redirects=False)


@pytest.mark.rule("R10")
def test_message__is_said_once_and_takes_the_focus(portal: Portal) -> None:
    reference, client = portal.declared(), portal.client(CHEF)
    done = withdrawn(portal, client, reference)
    assert done.headers["location"] == f"/etablissement/demandes/{reference}"
    first = client.get(done.headers["location"]).text
    assert WITHDRAWN in first
    assert 'role="status" id="fait" tabindex="-1" autofocus' in first
    assert WITHDRAWN not in client.get(done.headers["location"]).text


@pytest.mark.rule("R10")
def test_message__waits_for_its_page_whatever_another_tab_opens(portal: Portal) -> None:
    one_reference, other_reference, client = portal.declared(1), portal.declared(2), portal.client(CHEF)
    places = [
        withdrawn(portal, client, reference).headers["location"] for reference in (one_reference, other_reference)
    ]
    for place in ("/etablissement", f"{places[0]}/charte.pdf", "/demarche"):
        assert "C'est fait" not in client.get(place).text
    assert [WITHDRAWN in client.get(place).text for place in places] == [True, True]


@pytest.mark.rule("R10")
@pytest.mark.parametrize("word", ["revoke", "confirm_handover", "renvoye", "<b>"])
def test_message__is_never_said_by_an_address(portal: Portal, word: str) -> None:
    reference, client = portal.declared(), portal.client(CHEF)
    for query in ("fait", "fin", "jeton", "repris"):
        for place in ("/etablissement", f"/etablissement/demandes/{reference}", "/compte", "/demarche"):
            assert "C'est fait" not in client.get(place, params={query: word}).text


@pytest.mark.rule("R10")
def test_message__of_another_session_page_or_hand_is_not_believed(portal: Portal) -> None:
    reference, client = portal.declared(1), portal.client(CHEF)
    done = withdrawn(portal, client, reference)
    (cookie,) = [cookie for cookie in client.cookies.jar if "oda-done" in cookie.name]
    text, _, signature = str(cookie.value).partition(".")
    forged = [f"{text}.{'0' * 64}", text, f"%C3%A9.{signature}", f"a.{signature}", ".", ""]
    for user, value in [(DEPUTY, str(cookie.value)), (CHEF, str(cookie.value)), *((CHEF, text) for text in forged)]:
        other = portal.client(user)
        other.cookies.set(cookie.name, value)
        page = other.get(done.headers["location"])
        assert page.status_code == 200
        assert "C'est fait" not in page.text


def test_message__lives_ten_minutes_and_no_script_reads_it(portal: Portal) -> None:
    done = withdrawn(portal, portal.client(CHEF), portal.declared())
    attributes = done.headers["set-cookie"].lower()
    assert all(word in attributes for word in ("httponly", "samesite=lax", f"max-age={KEPT_SECONDS}", "path=/;"))


@pytest.mark.rule("R73")
def test_message__of_signing_out_is_said_once_to_nobody_signed_in(portal: Portal) -> None:
    client = portal.client(STAFF)
    token = forms_of(client.get("/compte"))[0].fields["csrf"]
    out = client.post("/deconnexion", data={"csrf": token})
    assert "C'est fait : vous êtes déconnecté." in out.text
    assert "déconnecté" not in client.get("/connexion").text
