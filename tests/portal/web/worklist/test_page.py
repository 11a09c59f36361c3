"""/rectorat: what first, the filters, and what a reader does not see."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from notifications.outbox.tables import MAILS
from states import commands as c
from states.vocabulary import Change, CheckOutcome
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal


def references(client: TestClient, address: str) -> list[str]:
    """The requests that a page lists."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.text[:500]
    return re.findall(r'href="/rectorat/demandes/([^"?]+)[^"]*"', answer.text)


@pytest.fixture
def client(portal: Portal) -> TestClient:
    return portal.client(STAFF)


def test_worklist__arrives_on_what_waits_for_the_rectorat(portal: Portal) -> None:
    portal.declared(1)
    first = portal.submitted(2)
    portal.clock.advance(days=1)
    second = portal.checked(3)
    client = portal.client(STAFF)
    assert references(client, "/rectorat") == [first, second]
    html = client.get("/rectorat").text
    assert "2 demandes à traiter par le rectorat" in html
    assert "depuis hier" in html
    assert "Prête à émettre" in html


def test_worklist__filters_combine_and_stand_in_the_address(portal: Portal) -> None:
    context = portal.declared(1, nom="D'Étienne-Noël", prenom="Zoé")
    there = portal.declared(2, OTHER_CHEF, nom="Étienne", prenom="Luc")
    late = portal.submitted(3, OTHER_CHEF)
    portal.clock.advance(days=20)
    client = portal.client(STAFF)
    assert references(client, "/rectorat?etat=en-cours") == [context, there, late]
    assert references(client, "/rectorat?nom=etienne+ZOE") == [context]
    assert references(client, "/rectorat?nom=etienne&departement=12") == [there]
    assert references(client, "/rectorat?etablissement=joseph+fabre&etat=demandee&etat=declaree") == [there, late]
    assert references(client, "/rectorat?etablissement=0310001h") == [context]
    assert references(client, "/rectorat?type=Lyc%C3%A9e&nom=") == []
    assert references(client, "/rectorat?a=retard") == [late]
    assert references(client, "/rectorat?age=8-30&departement=12") == [there, late]
    assert references(client, "/rectorat?age=0-2") == []
    assert references(client, "/rectorat?annee=2027-2028") == []
    assert references(client, "/rectorat?etat=toutes&annee=toutes&tri=reference") == [late, there, context]


def test_worklist__tags_take_one_filter_away(portal: Portal, client: TestClient) -> None:
    portal.declared(1)
    html = client.get("/rectorat?nom=noma&departement=12&tri=nom").text
    assert "Retirer le filtre </span>Nom : noma" in html
    assert 'href="/rectorat?departement=12&amp;tri=nom"' in html
    assert "Tout effacer" in html
    assert "Aucune demande ne correspond" in html


@pytest.mark.parametrize(
    "address",
    ["?etat=nimporte&a=x&age=9&verifications=z&annee=hier&tri=w", "?nom=%1b%25_'--", "?apres=x~y~z&etat=toutes",
     "?etablissement=" + "x" * 5000, "?nom=" + "é" * 300],
)  # fmt: skip
def test_worklist__an_address_made_up_breaks_nothing(portal: Portal, client: TestClient, address: str) -> None:
    portal.declared(1)
    assert client.get(f"/rectorat{address}").status_code == 200


@pytest.mark.rule("R39", "R46", "R58")
def test_worklist__counters_are_links_to_what_they_count(portal: Portal, client: TestClient) -> None:
    ready, issued = portal.checked(1), portal.issued(2)
    today = portal.app.policy.calendar.today(portal.clock.now())
    portal.do(c.ReportChange(reference=issued, change=Change.DEPARTURE, effective_on=today), STAFF)
    with portal.app.database.write() as connection:
        lost = MAILS.update().where(MAILS.c.reference == issued, MAILS.c.kind == "code_issued")
        connection.execute(lost.values(stage="dead", fault="recipient_refused", next_attempt_at=None))
    html = client.get("/rectorat").text
    tiles = re.findall(r'<a href="([^"]+)#liste"><b>(\d+)</b> ([^<]+)</a>', html)
    assert {label: number for _, number, label in tiles} == {
        "code non remis": "1", "signalement à régler": "1", "prête à émettre": "1", "remise à confirmer": "1",
    }  # fmt: skip
    for address, number, label in tiles:
        found = references(client, address.replace("&amp;", "&"))
        assert len(found) == int(number), label
        assert found == ([ready] if label == "prête à émettre" else [issued])


def test_worklist__pages_follow_each_other_and_say_each_line_once(
    portal: Portal, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.web.worklist.page.PAGE", 3)
    made = [portal.declared(number) for number in range(1, 6)]
    walked, address, pages = [], "/rectorat?etat=en-cours&tri=nom", 0
    while address:
        walked += references(client, address)
        more = re.search(r'fr-pagination__link--next[^>]*href="([^"]+)"', client.get(address).text)
        address, pages = more[1].replace("&amp;", "&") if more else "", pages + 1
    assert (sorted(walked), pages) == (sorted(made), 2)


def test_worklist__takes_as_many_queries_for_many_as_for_one(portal: Portal, client: TestClient) -> None:
    seen: list[str] = []
    event.listen(portal.app.database.engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
    portal.submitted(1)
    counted = []
    for number in range(2, 6):
        client.get("/rectorat")
        seen.clear()
        client.get("/rectorat")
        counted.append(len(seen))
        portal.submitted(number)
    assert len(set(counted)) == 1
    assert counted[0] <= 20


@pytest.mark.rule("R2")
def test_worklist__a_reader_sees_the_same_and_no_form_that_acts(portal: Portal) -> None:
    reference = portal.checked(1)
    reader = portal.client(DRANE)
    html = reader.get("/rectorat").text
    assert reference in html
    assert 'action="/rectorat/lot' not in html
    assert 'name="ref"' not in html
    assert 'method="post"' not in html.partition("<main")[2]
    for address in ("/rectorat/lot?action=revoquer&ref=" + reference, "/rectorat/lot/revoquer"):
        assert reader.get(address, follow_redirects=False).status_code in (303, 403)
    assert reader.get(f"/rectorat/lot?action=emettre&ref={reference}").status_code == 403
    assert reader.post("/rectorat/lot/revoquer", data={"lot": f"{reference}:6"}).status_code in (403, 409)


@pytest.mark.rule("R3")
def test_worklist__is_no_chef_s(portal: Portal) -> None:
    for session_user in (CHEF, OTHER_CHEF):
        assert portal.client(session_user).get("/rectorat").status_code == 403
        assert portal.client(session_user).get("/rectorat/lot?action=emettre").status_code == 403


def test_worklist__a_negative_check_is_said_in_words(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    portal.do(c.CheckListing(reference=reference, outcome=CheckOutcome.NEGATIVE, source="liste"), STAFF)
    assert "Liste : introuvable" in client.get("/rectorat").text
    assert references(client, "/rectorat?verifications=negatives") == [reference]
