"""The account of an end, who was not renewed, and the preview as a file (R53, R81, R85)."""

import csv
import io
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from notifications.outbox.store import MAILS
from portal.web.rectorat import year_end
from states import commands as c
from states.school_calendar import SchoolYear
from states.vocabulary import RemovalOutcome
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, PARIS, STAFF, Portal
from workflow.year_end import renewals as not_renewed

PLACE = "/rectorat/fin-d-annee"
YEAR = "2026-2027"
OVER = datetime(2027, 9, 6, 9, 0, tzinfo=PARIS)


def ended(portal: Portal) -> list[str]:
    """Two establishments' keys, whose year is over and swept."""
    references = [portal.issued(1), portal.issued(2), portal.issued(3, OTHER_CHEF)]
    for day in (OVER - timedelta(days=36), OVER - timedelta(days=8), OVER):
        portal.clock.set(day)
        portal.app.ticker.tick()
    return references


def rows_of(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))


@pytest.mark.rule("R85")
def test_report__is_kept_and_tells_what_is_of_today(portal: Portal) -> None:
    first, _, third = ended(portal)
    with portal.app.database.write() as connection:
        lost = update(MAILS).where(MAILS.c.kind == "year_end", MAILS.c.uai == "0120001X")
        values = {"stage": "dead", "fault": "recipient_refused", "last_reply": "550 5.1.1 User unknown"}
        connection.execute(lost.values(next_attempt_at=None, **values))
    portal.do(c.ConfirmRemoval(reference=first, outcome=RemovalOutcome.REMOVED), STAFF)
    reader = portal.client(DRANE)
    page = reader.get(f"{PLACE}/{YEAR}").text
    for sentence in (
        "3 demandes révoquées dans 2 établissements", "Aujourd'hui, 6 septembre 2027", "550 5.1.1 User unknown",
        "Collège Joseph-Fabre", "Confirmés par</dt><dd>op@ac-toulouse.fr", f"/rectorat/retraits?annee={YEAR}",
        "Voir le courriel",        f"{PLACE}/{YEAR}/non-renouveles", f"{PLACE}/{YEAR}/bilan.pdf",
    ):  # fmt: skip
        assert sentence in page.replace("&#39;", "'"), sentence
    assert page.count('<svg class="oda-bar"') == 2
    assert 'width="100.0"' in page
    assert 'width="50.0"' in page
    assert "style=" not in page.partition("<main")[2]
    assert "Renvoyer le courriel" in portal.client(STAFF).get(f"{PLACE}/{YEAR}").text
    past = reader.get(PLACE).text
    assert f'href="{PLACE}/{YEAR}"' in past
    assert third in reader.get(f"{PLACE}/{YEAR}/non-renouveles").text


@pytest.mark.rule("R85")
def test_report__of_a_year_that_is_not_over_says_where_to_look(portal: Portal) -> None:
    portal.issued(1)
    client = portal.client(STAFF)
    answer = client.get(f"{PLACE}/{YEAR}")
    assert answer.status_code == 404
    assert "n'est pas finie" in answer.text.replace("&#39;", "'")
    assert client.get(f"{PLACE}/hier").status_code == 404
    assert portal.client(CHEF).get(f"{PLACE}/{YEAR}").status_code == 403


@pytest.mark.rule("R81")
def test_not_renewed__narrowed_paged_and_as_a_file(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = ended(portal)
    place, client = f"{PLACE}/{YEAR}/non-renouveles", portal.client(DRANE)
    page = client.get(place).text
    assert "3 RUPN n'ont pas de demande pour 2027-2028, sur 3" in page.replace("&#39;", "'")
    narrowed = client.get(f"{place}?departement=12").text
    assert third in narrowed
    assert first not in narrowed
    rows = rows_of(client.get(f"{place}/export?departement=31").text)
    assert [row[7] for row in rows[1:]] == [first, second]
    whole = client.get(f"{place}/export")
    assert whole.headers["content-disposition"] == f'attachment; filename="non-renouveles-{YEAR}.csv"'
    portal.do(c.Renew(reference=first), CHEF)
    assert first not in client.get(place).text
    assert client.get(f"{place}?suite=nulle-part").status_code == 422
    assert client.get(f"{place}?departement=zz").status_code == 422
    assert "code de département" in client.get(f"{place}/export?departement=zz").text

    def short(*args: object, **named: object) -> object:
        return not_renewed.list_not_renewed(*args, **named | {"limit": 1})  # type: ignore[arg-type]

    monkeypatch.setattr(year_end, "list_not_renewed", short)
    start = client.get(place).text
    assert third in start
    assert second not in start
    assert second in client.get(f"{place}?suite=0120001X~{third}").text


@pytest.mark.rule("R81")
def test_not_renewed__an_empty_list_is_explained(portal: Portal) -> None:
    client = portal.client(STAFF)
    assert "Cette liste se fera alors" in client.get(f"{PLACE}/{YEAR}/non-renouveles").text
    assert "personne à renouveler" in client.get(f"{PLACE}/2025-2026/non-renouveles").text
    for reference in ended(portal):
        portal.do(c.Renew(reference=reference), OTHER_CHEF if reference.endswith("3") else CHEF)
    page = portal.client(STAFF).get(f"{PLACE}/{YEAR}/non-renouveles").text.replace("&#39;", "'")
    assert "Les 3 RUPN qui avaient une clé" in page
    assert portal.client(CHEF).get(f"{PLACE}/{YEAR}/non-renouveles").status_code == 403


@pytest.mark.rule("R53")
def test_preview__as_a_file_one_line_a_request_and_no_formula(portal: Portal) -> None:
    first = portal.issued(1)
    second = portal.declared(2, OTHER_CHEF)
    with portal.app.database.write() as connection:
        connection.exec_driver_sql("UPDATE establishment SET nom = '=1+1', mailbox = NULL WHERE uai = '0120001X'")
    client = portal.client(DRANE)
    assert "apercu/export?jour=2027-08-31" in client.get(f"{PLACE}/apercu").text
    answer = client.get(f"{PLACE}/apercu/export?jour=2027-08-31")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *lines = rows_of(answer.text)
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    assert [row["Référence"] for row in rows] == [second, first]
    assert rows[0]["Établissement"] == "'=1+1"
    assert rows[0]["Boîte"].startswith("aucune boîte")
    assert rows[0]["Ce qui surprend"] == "établissement sans boîte : personne n'y sera prévenu"
    assert rows[1]["Retrait à ouvrir"] == "droits à retirer"
    assert {row["Déjà renouvelée pour l'année suivante"] for row in rows} == {"non"}
    assert len(rows_of(client.get(f"{PLACE}/apercu/export?jour=14/09/2026").text)) == 1
    assert "pas une date" in client.get(f"{PLACE}/apercu/export?jour=demain").text
    assert portal.client(CHEF).get(f"{PLACE}/apercu/export").status_code == 403


@pytest.mark.rule("R53", "R81")
def test_campaign__of_next_year_is_told_in_june(portal: Portal) -> None:
    first, _ = portal.issued(1), portal.issued(2)
    assert "les déclarations ouvrent le 1er juin 2027" in portal.client(STAFF).get(PLACE).text
    portal.clock.set(datetime(2027, 6, 3, 9, tzinfo=PARIS))
    portal.do(c.Renew(reference=first, school_year=SchoolYear(2027)), CHEF)
    client, sentence = portal.client(STAFF), "1 demande déjà renouvelée, 1 ne l'est pas"
    for place in (PLACE, f"{PLACE}/apercu?jour=2027-08-31"):
        assert sentence in client.get(place).text.replace("&#39;", "'")


@pytest.mark.rule("R85")
def test_running__says_when_nothing_moves_any_more(portal: Portal) -> None:
    portal.issued(1)
    portal.app.ticker.tick()
    portal.clock.set(OVER)
    portal.app.ticker.tick()
    portal.app.year_ends.confirm(SchoolYear(2026), portal.actor(STAFF))
    client = portal.client(STAFF)
    assert "Rien n'avance" not in client.get(PLACE).text.replace("&#39;", "'")
    portal.clock.set(OVER + timedelta(minutes=10))
    assert "Rien n'avance depuis le 6 septembre 2027" in client.get(PLACE).text.replace("&#39;", "'")
    portal.app.ticker.tick()
    assert "Révocations en cours" not in client.get(PLACE).text
