"""One action on many requests: shown before, a result each, done once however often it is sent."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select

from tests.kit.portal import OTHER_CHEF, STAFF, Portal, open_portal
from workflow.database.tables import REQUEST

CODE = "Zx98Yw7"


@pytest.fixture
def client(portal: Portal) -> TestClient:
    return portal.client(STAFF)


def prepared(client: TestClient, action: str, *refs: str, **filters: str) -> dict[str, Any]:
    """The hidden fields of the page that shows what is about to be done."""
    answer = client.get("/rectorat/lot", params={"action": action, "ref": list(refs), **filters})
    assert answer.status_code == 200, answer.text[:2000]
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text)
    return {name: unescape(value) for name, value in fields}


def state_of(portal: Portal, reference: str) -> str:
    with portal.app.database.read() as connection:
        return str(connection.execute(select(REQUEST.c.state).where(REQUEST.c.reference == reference)).scalar_one())


def sent(client: TestClient, action: str, data: dict[str, Any]) -> Response:
    return client.post(f"/rectorat/lot/{action}", data=data)


@pytest.mark.rule("R34")
def test_bulk__a_check_of_many_then_back_to_the_filters(portal: Portal, client: TestClient) -> None:
    references = [portal.submitted(1), portal.submitted(2, OTHER_CHEF)]
    hidden = prepared(client, "verifier-liste", *references, departement="31", etat="demandee")
    check = {"outcome": "positive", "source": "export du 14", "checked_on": "2026-09-14"}
    html = sent(client, "verifier-liste", hidden | check).text
    assert "c'est fait pour 2 demandes" in html
    assert 'href="/rectorat?etat=demandee&amp;departement=31"' in html
    assert client.get("/rectorat").text.count("Liste : conforme") == 2


def test_bulk__what_is_wrong_stays_on_the_page_and_changes_nothing(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    hidden = prepared(client, "revoquer", reference)
    answer = sent(client, "revoquer", hidden | {"reason": "departure"})
    assert answer.status_code == 422
    assert "Cocher pour confirmer" in answer.text
    assert "Rien n" in answer.text
    assert state_of(portal, reference) == "requested"


@pytest.mark.rule("R7", "R9", "R10")
def test_bulk__each_is_done_or_refused_by_itself_and_only_once(portal: Portal, client: TestClient) -> None:
    first, second = portal.submitted(1), portal.submitted(2)
    data = prepared(client, "revoquer", first, second) | {"reason": "departure", "sure": "oui"}
    hidden = prepared(client, "verifier-liste", second)
    sent(client, "verifier-liste", hidden | {"outcome": "positive", "source": "x", "checked_on": "2026-09-14"})
    html = sent(client, "revoquer", data).text
    assert "1 faite, 1 refusée" in html
    assert "La demande a changé entre-temps" in html
    assert (state_of(portal, first), state_of(portal, second)) == ("revoked", "requested")
    again = sent(client, "revoquer", data).text
    assert "1 faite, 1 refusée" in again
    assert state_of(portal, second) == "requested"


def test_bulk__the_whole_filter_beyond_the_page(
    portal: Portal, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.web.worklist.page.PAGE", 3)
    references = [portal.submitted(number) for number in range(1, 6)]
    other = portal.submitted(53, OTHER_CHEF)
    page = client.get("/rectorat?departement=31&etat=demandee").text
    assert "Les 5 demandes de ce filtre" in page
    hidden = prepared(client, "renvoyer", departement="31", etat="demandee", portee="filtre")
    late = portal.submitted(54)  # comes after what was shown
    data = hidden | {"step": "confirmation", "why": "l'adresse est à revoir", "sure": "oui"}
    assert "c'est fait pour 5 demandes" in sent(client, "renvoyer", data).text
    assert {state_of(portal, reference) for reference in references} == {"charter_signed"}
    assert state_of(portal, other) == state_of(portal, late) == "requested"


def test_bulk__those_of_the_page_and_those_that_cannot(portal: Portal, client: TestClient) -> None:
    ready, waiting = portal.checked(1), portal.submitted(2)
    page = client.get("/rectorat/lot", params={"action": "emettre", "portee": "page", "page": f"{ready} {waiting} x"})
    assert f'name="code-{ready}"' in page.text
    assert f'name="code-{waiting}"' not in page.text
    assert page.text.count("Votre connexion prend fin à ") == 1, "what is typed here is never kept"
    assert "1 demande choisie n'est pas dans l'état" in page.text.replace("&#39;", "'")
    for params in ({"action": "emettre"}, {"action": "rien", "ref": ready}, {"action": "emettre", "ref": waiting}):
        assert client.get("/rectorat/lot", params=params).status_code == 422


@pytest.mark.rule("R39", "R41", "R43", "R60")
def test_codes__issued_once_and_never_shown_again(portal: Portal, client: TestClient) -> None:
    first, second, third, fourth = (portal.checked(number) for number in range(1, 5))
    hidden = prepared(client, "emettre", first, second, third, fourth)
    data = hidden | {f"code-{first}": f"{CODE}1", f"code-{second}": f"{CODE}2!?", f"code-{fourth}": f" {CODE}4 "}
    answer = sent(client, "emettre", data)
    assert "2 faites, 1 refusée" in answer.text
    assert "Ressaisir le code refusé" in answer.text
    assert CODE not in answer.text
    assert CODE not in str(answer.url)
    states = [state_of(portal, reference) for reference in (first, second, third, fourth)]
    assert states == ["code_issued", "requested", "requested", "code_issued"]
    with portal.app.database.read() as connection:
        day = connection.execute(select(REQUEST.c.expires_on).where(REQUEST.c.reference == first)).scalar_one()
    assert (
        day == portal.app.policy.calendar.end_of(portal.app.policy.calendar.open_years(portal.clock.now())[0]).last_day
    )
    assert "2 faites, 1 refusée" in sent(client, "emettre", data).text
    assert [state_of(portal, reference) for reference in (first, second, third, fourth)] == states
    back = re.search(r'href="(/rectorat/lot[^"]+)"', answer.text)
    assert back
    assert f'name="code-{second}"' in client.get(back[1].replace("&amp;", "&")).text


@pytest.mark.rule("R42")
def test_codes__the_same_code_twice_is_a_slip(portal: Portal, client: TestClient) -> None:
    first, second, third = (portal.checked(number) for number in range(1, 4))
    hidden = prepared(client, "emettre", first, second, third)
    data = hidden | {f"code-{first}": CODE, f"code-{second}": CODE, f"code-{third}": f"{CODE}3"}
    assert "1 faite, 2 refusées" in sent(client, "emettre", data).text
    assert [state_of(portal, r) for r in (first, second, third)] == ["requested", "requested", "code_issued"]


@pytest.mark.rule("R41")
def test_codes__one_too_long_is_refused_and_not_cut(database_url: str, tmp_path: Path) -> None:
    settings = "code: {format: '^[A-Za-z0-9]{4,64}$', hold_seconds: 0}\n"
    with open_portal(tmp_path, database_url, settings=settings) as portal:
        client, reference = portal.client(STAFF), portal.checked(1)
        data = prepared(client, "emettre", reference) | {f"code-{reference}": "A" * 65}
        assert sent(client, "emettre", data).status_code == 200
        assert state_of(portal, reference) == "requested"


def test_codes__none_typed_says_so(portal: Portal, client: TestClient) -> None:
    answer = sent(client, "emettre", prepared(client, "emettre", portal.checked(1)))
    assert answer.status_code == 422
    assert "Aucun code n" in answer.text


def test_bulk__a_forged_form_does_nothing(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    data = prepared(client, "revoquer", reference) | {"reason": "departure", "sure": "oui"}
    assert sent(client, "revoquer", data | {"csrf": "x"}).status_code == 409
    assert sent(client, "revoquer", data | {"lot": "rien '; --"}).status_code == 422
    assert sent(client, "inconnue", data).status_code == 404
    assert client.get("/rectorat/lot/revoquer", follow_redirects=False).status_code == 303
    assert state_of(portal, reference) == "requested"
