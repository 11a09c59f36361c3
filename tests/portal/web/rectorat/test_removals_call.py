"""The connector's calls beside the removals, and one asked for again from its page (R84)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.oda_server import OdaServer, oda_server, says
from tests.kit.portal import CHEF, DRANE, STAFF, Portal, open_portal
from tests.kit.sign_in import installation_events

pytestmark = pytest.mark.rule("R84")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OdaServer]:
    with oda_server(tmp_path, host="127.0.0.1") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate.pem))
        yield server


@pytest.fixture
def portal(tmp_path: Path, server: OdaServer) -> Iterator[Portal]:
    settings = server.installed_in(tmp_path)
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=settings) as portal:
        yield portal


def called(portal: Portal) -> str:
    """A request whose removal was asked of the server once."""
    reference = portal.issued(1)
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    assert portal.app.connector
    portal.app.connector.round()
    return reference


def test_pages__say_where_the_call_is(portal: Portal, server: OdaServer) -> None:
    server.will(says(500, {"message": "panne <b>générale</b>"}))
    reference = called(portal)
    client = portal.client(DRANE)
    for place in ("/rectorat/retraits", f"/rectorat/demandes/{reference}"):
        page = client.get(place).text
        assert "Appel au serveur ODA : prévu le 14 septembre 2026" in page
        assert "1 essai fait" in page
        assert "Réponse : « panne &lt;b&gt;générale&lt;/b&gt; »." in page
        assert "Redemander" not in page


def test_again__by_an_operator_from_the_page_of_the_request(portal: Portal, server: OdaServer) -> None:
    server.will(says(422, {"message": "compte verrouillé"}))
    reference = called(portal)
    place = f"/rectorat/demandes/{reference}"
    assert "à reprendre par un opérateur" in portal.client(DRANE).get(place).text
    assert "Redemander" not in portal.client(DRANE).get(place).text
    client = portal.client(STAFF)
    form = form_to(client.get(place), f"/rectorat/retraits/{reference}/redemander")
    answer = send(client, form)
    assert answer.status_code == 200
    assert "Appel au serveur ODA : prévu le" in answer.text
    send(client, form)
    assert installation_events(portal.app, "removals_asked_again") == [
        ("removals_asked_again", {"calls": 1, "references": reference})
    ]
    assert portal.app.connector
    assert portal.app.connector.round().confirmed == 1
    assert "Appel au serveur ODA : fait le" in client.get(place).text
    assert "connecteur du serveur ODA" in client.get(place).text
    chef = portal.client(CHEF).get(f"/etablissement/demandes/{reference}").text
    assert "par le logiciel" in chef
    assert "Appel au serveur" not in chef


def test_pages__say_nothing_without_a_server(tmp_path: Path) -> None:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        reference = portal.issued(1)
        portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
        client = portal.client(STAFF)
        for place in ("/rectorat/retraits", f"/rectorat/demandes/{reference}"):
            assert "Appel au serveur" not in client.get(place).text
