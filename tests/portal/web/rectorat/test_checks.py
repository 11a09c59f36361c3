"""/rectorat/a-verifier: the requests beside the two lists of paper, both answers a line, recorded at once (R34)."""

import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import insert, select

from states import commands as c
from states.validation import fold_mail, person_key
from states.vocabulary import CheckOutcome, Step
from tests.kit.portal import DRANE, OTHER_CHEF, STAFF, Portal
from workflow.database.file_tables import EVIDENCE_ENTRY, EVIDENCE_IMPORT, ListKind
from workflow.database.tables import REQUEST

PLACE = "/rectorat/a-verifier"


@pytest.fixture
def client(portal: Portal) -> TestClient:
    return portal.client(STAFF)


def hidden(page: Response) -> dict[str, Any]:
    """The hidden fields of the table and of its form."""
    pairs = re.findall(r'<input type="hidden"(?: form="verifications")? name="([^"]+)" value="([^"]*)">', page.text)
    return {name: unescape(value) for name, value in pairs}


def answered(page: Response, **answers: str) -> dict[str, Any]:
    """The page's form with these answers: ``{"liste-ODA-…": "positive"}``."""
    read = {"source_liste": "export du 14", "source_delegation": "DelegCE du 14", "checked_on": "2026-09-14"}
    return hidden(page) | read | answers


def positive(*references: str) -> dict[str, str]:
    return {f"{column}-{reference}": "positive" for reference in references for column in ("liste", "delegation")}


def checks_of(portal: Portal, reference: str) -> tuple[str | None, str | None]:
    query = select(REQUEST.c.listing_outcome, REQUEST.c.delegation_outcome).where(REQUEST.c.reference == reference)
    with portal.app.database.read() as connection:
        row = connection.execute(query).one()
    return row.listing_outcome, row.delegation_outcome


def order_of(page: Response) -> list[str]:
    return re.findall(r'<tr id="ligne-(ODA-[0-9-]+)">', page.text)


@pytest.mark.rule("R34")
def test_checks__both_answers_of_each_line_are_recorded_at_once(portal: Portal, client: TestClient) -> None:
    first, second, third = portal.submitted(1), portal.submitted(2, OTHER_CHEF), portal.submitted(3)
    answers = positive(first) | {f"liste-{second}": "negative", f"delegation-{second}": "positive"}
    answer = client.post(PLACE, data=answered(client.get(PLACE), **answers))
    assert answer.status_code == 200
    assert "4 vérifications enregistrées" in answer.text
    assert checks_of(portal, first) == ("positive", "positive")
    assert checks_of(portal, second) == ("negative", "positive")
    assert checks_of(portal, third) == (None, None)
    assert f"/rectorat/demandes/{second}/renvoyer?motif=absent-de-la-liste" in answer.text
    assert f"/rectorat/lot?action=emettre&amp;cochees={first.removeprefix('ODA-')}" in answer.text
    assert order_of(answer) == [third]


def test_checks__everything_that_is_compared_stands_in_the_line(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1, drane_declared_on=portal.clock.now().date() - timedelta(days=3))
    line = client.get(PLACE).text.partition(f'id="ligne-{reference}"')[2].partition("</tr>")[0]
    for compared in ("NOMB Prénom", "rupn1@ac-toulouse.fr", "0310001H", "Collège Jean-Jaurès", "11/09/2026",
                     "14/09/2026", "Claire Martin"):  # fmt: skip
        assert compared in line, compared


def test_checks__the_list_follows_the_paper(portal: Portal, client: TestClient) -> None:
    last, first = portal.submitted(1), portal.submitted(2, OTHER_CHEF)
    assert order_of(client.get(PLACE)) == [first, last]  # 0120001X before 0310001H
    assert order_of(client.get(PLACE, params={"tri": "nom"})) == [last, first]  # Nomb before Nomc
    assert order_of(client.get(PLACE, params={"departement": "31"})) == [last]


def test_checks__all_conform_fills_a_column_and_records_nothing(portal: Portal, client: TestClient) -> None:
    first, second = portal.submitted(1), portal.submitted(2, OTHER_CHEF)
    data = answered(client.get(PLACE), **{f"liste-{second}": "negative"})
    page = client.post(PLACE, data=data | {"conforme": "liste"})
    assert page.status_code == 200
    assert checks_of(portal, first) == checks_of(portal, second) == (None, None)
    ticked = re.findall(r'name="((?:liste|delegation)-[^"]+)" value="([a-z]*)" checked', page.text)
    assert dict(ticked) == {f"liste-{first}": "positive", f"liste-{second}": "negative",
                            f"delegation-{first}": "", f"delegation-{second}": ""}  # fmt: skip


@pytest.mark.rule("R7")
@pytest.mark.rule("R9")
def test_checks__a_refused_line_keeps_its_answers_and_stops_no_other(portal: Portal, client: TestClient) -> None:
    changed, sound = portal.submitted(1), portal.submitted(2, OTHER_CHEF)
    data = answered(client.get(PLACE), **positive(changed, sound))
    portal.do(c.CheckListing(reference=changed, outcome=CheckOutcome.NEGATIVE, source="autre liste"), STAFF)
    portal.do(c.SendBack(reference=changed, step=Step.CONFIRMATION, why="à relire"), STAFF)
    answer = client.post(PLACE, data=data)
    assert answer.status_code == 422
    assert "2 vérifications enregistrées" in answer.text
    assert "1 demande refusée" in answer.text
    assert checks_of(portal, sound) == ("positive", "positive")
    assert checks_of(portal, changed) == ("negative", None)


@pytest.mark.rule("R34")
def test_checks__one_check_may_be_refused_without_the_other(portal: Portal) -> None:
    reference = portal.submitted(1)
    portal.clock.advance(days=2)
    client = portal.client(STAFF)
    early = answered(client.get(PLACE), **positive(reference)) | {"checked_on": "2026-09-12"}
    answer = client.post(PLACE, data=early)  # the delegation was made on the 14th
    assert answer.status_code == 422
    assert checks_of(portal, reference) == ("positive", None)
    assert re.search(rf'name="delegation-{reference}" value="positive" checked', answer.text)
    assert f'name="liste-{reference}"' not in answer.text
    again = answered(answer, **{f"delegation-{reference}": "positive"})
    assert client.post(PLACE, data=again).status_code == 200
    assert checks_of(portal, reference) == ("positive", "positive")


@pytest.mark.rule("R10")
def test_checks__sent_twice_is_recorded_once(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    data = answered(client.get(PLACE), **positive(reference))
    answers = [client.post(PLACE, data=data) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert all("2 vérifications enregistrées" in answer.text for answer in answers)
    events = client.get(f"/rectorat/demandes/{reference}").text
    assert events.count("Liste des RUPN vérifiée") == 1


def test_checks__nothing_answered_says_so(portal: Portal, client: TestClient) -> None:
    portal.submitted(1)
    answer = client.post(PLACE, data=answered(client.get(PLACE)))
    assert answer.status_code == 422
    assert "Aucune réponse n'est donnée" in unescape(answer.text)


@pytest.mark.rule("R35")
@pytest.mark.rule("R36")
def test_checks__a_void_or_old_one_comes_back_with_its_reason(portal: Portal, client: TestClient) -> None:
    reference = portal.checked(1)
    assert order_of(client.get(PLACE)) == []
    portal.clock.advance(days=40)
    page = portal.client(STAFF).get(PLACE)
    assert order_of(page) == [reference]
    assert page.text.count("date de plus de 30 jours") == 2


def test_checks__a_page_holds_twenty_lines_and_the_next_follows(portal: Portal, client: TestClient) -> None:
    references = {portal.submitted(number) for number in range(1, 23)}
    page = client.get(PLACE)
    following = unescape(re.findall(r'href="(/rectorat/a-verifier\?[^"]*apres=[^"]+)"', page.text)[0])
    assert len(order_of(page)) == 20
    assert "22 demandes à vérifier" in page.text
    rest = client.get(following)
    assert set(order_of(page)) | set(order_of(rest)) == references
    assert len(order_of(client.get(PLACE, params={"lignes": "50"}))) == 22


@pytest.mark.rule("R2")
def test_checks__a_reader_reads_them_without_a_form(portal: Portal) -> None:
    portal.submitted(1)
    page = portal.client(DRANE).get(PLACE)
    assert page.status_code == 200
    assert "NOMB" in page.text
    assert 'type="radio"' not in page.text
    assert "Enregistrer" not in page.text


def test_checks__the_next_one_is_told_on_the_request(portal: Portal, client: TestClient) -> None:
    first, second = portal.submitted(1), portal.submitted(2)
    page = client.get(PLACE)
    link = unescape(re.findall(rf'href="(/rectorat/demandes/{first}\?[^"]+)"', page.text)[0])
    assert f"Suivante à vérifier : {second}" in client.get(link).text
    portal.do(c.CheckListing(reference=second, outcome=CheckOutcome.NEGATIVE, source="liste"), STAFF)
    assert "Suivante à vérifier" not in client.get(link).text


def put_in_force(portal: Portal, kind: ListKind, *rows: dict[str, Any], on: date = date(2026, 9, 14)) -> None:
    """A list of these rows, of the chef's school."""
    actor = portal.actor(STAFF)
    counts = dict.fromkeys(("new", "changed", "gone", "refused"), 0)
    source = {"kind": kind.value, "list_date": on, "imported_at": portal.clock.now(), "actor": actor.number,
              "rows": len(rows), "digest": "", **counts}  # fmt: skip
    with portal.app.database.write() as connection:
        query = insert(EVIDENCE_IMPORT).values(source).returning(EVIDENCE_IMPORT.c.number)
        number = connection.execute(query).scalar_one()
        for line, row in enumerate(rows, 2):
            texts = dict.fromkeys(("usage_name", "other_mails", "application", "author"), "")
            values = {"kind": kind.value, "uai": "0310001H", "prenom": "Prénom", **texts, **row}
            values |= {"folded_mail": fold_mail(values["mail"]), "person": person_key(values["nom"], values["prenom"])}
            provenance = {"first_import": number, "last_import": number, "line": line}
            connection.execute(insert(EVIDENCE_ENTRY).values(values | provenance))


@pytest.mark.rule("R94")
def test_proposals__near_ones_are_ticked_together_and_recorded_from_their_row(
    portal: Portal, client: TestClient
) -> None:
    first, second, third = portal.submitted(1), portal.submitted(20), portal.submitted(300)
    put_in_force(
        portal, ListKind.LISTING, {"nom": "Prénom", "prenom": "Nomb", "mail": "rupn1@ac-toulouse.fr"},
        {"nom": "Nomca", "prenom": "Prenon", "mail": "rupn20@ac-toulouse.fr"},
    )  # fmt: skip
    page = client.get(PLACE)
    assert "99 sur 100" in page.text
    assert "Pr<mark>" in page.text
    assert "« Prenon » dans la liste, « Prénom » dans la demande" in page.text
    assert "Introuvable par l'adresse, le nom et le prénom" in page.text
    ticked = client.post(PLACE, data=answered(page) | {"conforme": "propositions"})
    chosen = dict(re.findall(r'name="(liste-[^"]+)" value="(ligne-[0-9]+)" checked', ticked.text))
    assert set(chosen) == {f"liste-{first}", f"liste-{second}"}
    assert checks_of(portal, first) == (None, None)
    done = client.post(PLACE, data=answered(ticked, **chosen))
    assert "2 vérifications enregistrées" in done.text
    assert checks_of(portal, third) == (None, None)
    with portal.app.database.read() as connection:
        row = connection.execute(select(REQUEST).where(REQUEST.c.reference == first)).one()
    assert (row.listing_source, row.listing_automatic) == ("liste de la DRANE du 14 septembre 2026, ligne 2", False)
    assert row.listing_entry


@pytest.mark.rule("R9", "R94")
def test_proposals__a_row_that_is_proposed_no_more_is_refused(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    near = {"nom": "Prénom", "prenom": "Nomb", "mail": "rupn1@ac-toulouse.fr"}
    put_in_force(portal, ListKind.LISTING, near)
    page = client.get(f"/rectorat/demandes/{reference}")
    (value,) = re.findall(rf'name="liste-{reference}" value="(ligne-[0-9]+)"', page.text)
    data = answered(client.get(PLACE), **{f"liste-{reference}": value})
    put_in_force(portal, ListKind.LISTING, near | {"prenom": "Nomc"})
    answer = client.post(PLACE, data=data)
    assert answer.status_code == 422
    assert "cette ligne n'est plus celle qui est proposée" in unescape(answer.text)
    assert checks_of(portal, reference) == (None, None)


@pytest.mark.rule("R94")
def test_proposals__an_older_list_proves_nothing(portal: Portal, client: TestClient) -> None:
    reference = portal.submitted(1)
    put_in_force(portal, ListKind.LISTING, {"nom": "Nomb", "mail": "rupn1@ac-toulouse.fr"}, on=date(2026, 9, 13))
    for place in (PLACE, f"/rectorat/demandes/{reference}"):
        assert "elle est antérieure à la demande (du 14/09/2026), et ne prouve rien" in client.get(place).text
    assert "antérieure à la demande" in portal.client(DRANE).get(PLACE).text
