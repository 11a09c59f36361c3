"""/rectorat: what first, the filters, and what a reader does not see."""

import re
from html import unescape

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, update

from notifications.outbox.store import MAILS
from states import commands as c
from states.vocabulary import Change, CheckOutcome, RevokeReason
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal
from workflow.database.tables import ESTABLISHMENT


def references(client: TestClient, address: str) -> list[str]:
    """The requests that a page lists."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.text[:500]
    return listed(answer.text)


def listed(html: str) -> list[str]:
    return re.findall(r'href="/rectorat/demandes/([^"?]+)[^"]*"', html)


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
    assert "hier" in html
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
        hits = references(client, address.replace("&amp;", "&"))
        assert len(hits) == int(number), label
        assert hits == ([ready] if label == "prête à émettre" else [issued])


@pytest.mark.rule("R95")
def test_worklist__lists_the_live_requests_of_closed_establishments(portal: Portal, client: TestClient) -> None:
    stranded, elsewhere = portal.issued(1), portal.declared(2, OTHER_CHEF)
    portal.do(c.Revoke(reference=portal.issued(3, code="Ef56Gh78"), reason=RevokeReason.DEPARTURE), STAFF)
    assert references(client, "/rectorat?a=etablissement-ferme") == []
    with portal.app.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == CHEF.uais[0]).values(is_open=False))
    assert references(client, "/rectorat?a=etablissement-ferme") == [stranded]
    assert "<b>1</b> d'un établissement fermé" in unescape(client.get("/rectorat").text)
    assert elsewhere not in client.get("/rectorat?a=etablissement-ferme").text


def test_worklist__pages_follow_each_other_and_say_each_line_once(
    portal: Portal, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.web.worklist.page.PAGE", 3)
    refs = [portal.declared(number) for number in range(1, 6)]
    walked: list[str] = []
    pages, parameters = [], {"etat": "en-cours", "tri": "nom"}
    while True:
        answer = client.get("/rectorat", params=parameters)
        walked += listed(answer.text)
        pages.append(re.search(r"Demandes (\d) à (\d) sur 5", answer.text))
        next_page = re.search(r'fr-pagination__link--next[^>]*value="([^"]+)"', answer.text)
        if not next_page:
            break
        parameters = {"etat": "en-cours", "tri": "nom", "portee": "cochees", "aller": next_page[1]}
    assert sorted(walked) == sorted(refs)
    assert [page and page.groups() for page in pages] == [("1", "3"), ("4", "5")]
    back = re.search(r'fr-pagination__link--prev[^>]*value="([^"]+)"', answer.text)
    assert back
    before = client.get("/rectorat", params={**parameters, "aller": back[1]})
    assert listed(before.text) == walked[:3]


def test_worklist__takes_as_many_queries_for_many_as_for_one(portal: Portal, client: TestClient) -> None:
    statements: list[str] = []
    event.listen(
        portal.app.database.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2])
    )
    portal.submitted(1)
    counted = []
    for number in range(2, 6):
        client.get("/rectorat")
        statements.clear()
        client.get("/rectorat")
        counted.append(len(statements))
        portal.submitted(number)
    assert len(set(counted)) == 1
    assert counted[0] <= 20


def ticked(html: str) -> list[str]:
    """The references whose box is ticked on the page, then those that it carries from other pages."""
    on_page = re.findall(r'name="ref" value="([^"]+)" checked', html)
    carried = re.search(r'name="cochees" value="([^"]*)"', html)
    assert carried
    return [*on_page, *(f"ODA-{text}" for text in carried[1].split())]


@pytest.mark.rule("R89")
def test_ticks__are_kept_by_pages_refusals_ways_back_and_visits(
    portal: Portal, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.web.worklist.page.PAGE", 2)
    refs = [portal.submitted(number) for number in range(1, 6)]
    html = client.get("/rectorat").text
    next_page = re.search(r'name="aller" value="(apres=[^"]+)"', html)
    assert next_page
    form = {"etat": "demandee", "portee": "cochees"}
    second = client.get("/rectorat", params={**form, "ref": refs[0], "aller": next_page[1]})
    assert listed(second.text) == refs[2:4]
    assert (ticked(second.text), "Cochées sur d'autres pages : 1" in second.text) == ([refs[0]], True)
    carried = {**form, "cochees": refs[0].removeprefix("ODA-"), "ref": refs[3], "apres": next_page[1].partition("=")[2]}
    refused = client.get("/rectorat/lot", params={**carried, "action": ""})
    assert (refused.status_code, "Aucune action n'est choisie" in unescape(refused.text)) == (422, True)
    assert (listed(refused.text), ticked(refused.text)) == (refs[2:4], [refs[3], refs[0]])
    prepared = client.get("/rectorat/lot", params={**carried, "action": "verifier-liste"})
    assert "Vérifier la liste" in prepared.text or "2 demandes" in prepared.text
    back = re.search(r'href="(/rectorat\?[^"]+)">Revenir sans rien changer', prepared.text)
    assert back
    returned = client.get(back[1].replace("&amp;", "&"))
    assert (listed(returned.text), ticked(returned.text)) == (refs[2:4], [refs[3], refs[0]])
    visit = re.search(rf'href="(/rectorat/demandes/{refs[2]}[^"]*)"', returned.text)
    assert visit
    request = client.get(visit[1].replace("&amp;", "&"))
    way = re.search(r'href="(/rectorat\?[^"]+)">Demandes</a>', request.text)
    assert way
    again = client.get(way[1].replace("&amp;", "&"))
    assert (listed(again.text), ticked(again.text)) == (refs[2:4], [refs[3], refs[0]])


def test_ticks__none_for_an_action_is_said_on_the_list(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    answer = client.get("/rectorat/lot", params={"etat": "demandee", "action": "revoquer", "portee": "cochees"})
    assert answer.status_code == 422
    assert "Aucune demande n'est cochée" in unescape(answer.text)
    assert listed(answer.text) == [reference]
    many = " ".join(f"2027-{number:05d}" for number in range(1000))
    assert "Cochées sur d'autres pages : 299" in client.get("/rectorat", params={"cochees": many}).text


def test_headings__sort_both_ways_and_say_so(portal: Portal, client: TestClient) -> None:
    refs = [portal.submitted(1), portal.submitted(2, OTHER_CHEF), portal.submitted(3)]
    html = client.get("/rectorat").text
    assert html.count("aria-sort") == 1
    link = '<a class="oda-sort" href="([^"]+)">'
    name = re.search(f'<th scope="col" abbr="RUPN">{link}<span class="fr-sr-only">Trier par : </span>RUPN', html)
    assert name
    sorted_by_name = client.get(name[1].replace("&amp;", "&")).text
    assert listed(sorted_by_name) == refs
    back = re.search(f'<th scope="col" abbr="RUPN" aria-sort="ascending">{link}', sorted_by_name)
    assert back
    backwards = client.get(back[1].replace("&amp;", "&")).text
    assert (listed(backwards), 'aria-sort="descending"' in backwards) == (refs[::-1], True)
    assert references(client, "/rectorat?etat=demandee&tri=etablissement") == [refs[1], refs[0], refs[2]]
    assert references(client, "/rectorat?etat=demandee&tri=recentes")[-1] == refs[0]


def test_list__an_order_that_no_heading_shows_is_said_in_words(portal: Portal, client: TestClient) -> None:
    portal.submitted(1)
    chef = re.compile(rf'<span class="oda-whole">{CHEF.subject}</span>, ([^<]*)</p>')
    by_waiting, by_chefs = (unescape(client.get(f"/rectorat{query}").text) for query in ("", "?tri=chef"))
    captions = [html.partition("<caption>")[2].partition("</caption>")[0] for html in (by_waiting, by_chefs)]
    assert ["Tri : nom du chef d'établissement" in caption for caption in captions] == [False, True]
    assert "aria-sort" not in by_chefs
    assert chef.findall(by_chefs) == [CHEF.name]
    with portal.app.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).values(chef_name="Paul Éluard"))
    assert chef.findall(client.get("/rectorat?tri=chef").text) == ["Paul Éluard"]


@pytest.mark.rule("R87", "R89")
def test_export__is_the_list_of_the_filter_without_formulas(
    portal: Portal, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.web.worklist.page.READ_TOGETHER", 2)
    refs = [portal.submitted(number) for number in range(1, 6)]
    portal.declared(6)
    for session_user in (STAFF, DRANE):
        answer = portal.client(session_user).get("/rectorat/export?etat=demandee&tri=nom")
        assert answer.headers["content-type"].startswith("text/csv")
        assert "demandes.csv" in answer.headers["content-disposition"]
        headings, *rows = answer.content.decode("utf-8-sig").splitlines()
        assert headings.startswith("Référence;Année;État")
        assert [row.partition(";")[0] for row in rows] == refs
    assert portal.client(CHEF).get("/rectorat/export").status_code == 403


@pytest.mark.rule("R89")
def test_worklist__says_how_many_of_a_name_the_filters_hide(portal: Portal, client: TestClient) -> None:
    portal.submitted(1)
    portal.declared(2, OTHER_CHEF, nom="Nomb", prenom="Luc")
    html = client.get("/rectorat?nom=nomb&etat=declaree").text
    assert "1 demande ici" in html
    assert "1 autre du même nom" in html
    assert len(listed(client.get("/rectorat/recherche?mots=nomb").text)) == 2


@pytest.mark.rule("R2")
def test_worklist__a_reader_sees_the_same_and_no_form_that_acts(portal: Portal) -> None:
    reference = portal.checked(1)
    reader = portal.client(DRANE)
    html = reader.get("/rectorat?etat=en-cours").text
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
