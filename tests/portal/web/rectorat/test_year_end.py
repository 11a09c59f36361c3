"""/rectorat/fin-d-annee: counted down, previewed, held, confirmed, followed, reported (R50 to R54)."""

from datetime import datetime

import pytest
from sqlalchemy import select, text

from notifications.outbox.store import MAILS
from portal.web.rectorat import year_end
from states.school_calendar import SchoolYear
from tests.kit.html_forms import form_to, forms_of, send
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, PARIS, STAFF, Portal
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import REQUEST
from workflow.journal import chain

PLACE = "/rectorat/fin-d-annee"
YEAR = "2026-2027"
AFTER = datetime(2027, 9, 6, 9, 0, tzinfo=PARIS)


def hold_year_end(portal: Portal) -> None:
    """Two requests whose year ended while the service was stopped: the brake holds."""
    portal.issued(1)
    portal.declared(2, OTHER_CHEF)
    portal.app.ticker.tick()
    portal.clock.set(AFTER)
    portal.app.ticker.tick()


def states(portal: Portal) -> list[str]:
    with portal.app.database.read() as connection:
        return sorted(connection.execute(select(REQUEST.c.state)).scalars())


def dump(portal: Portal) -> dict[str, list[str]]:
    """Every row of every table but the sessions, whose last use a page marks."""
    with portal.app.database.read() as connection:
        tables = [table.name for table in MAILS.metadata.sorted_tables if "session" not in table.name]
        return {table: sorted(map(repr, connection.execute(text(f'SELECT * FROM "{table}"')))) for table in tables}


@pytest.mark.rule("R22")
def test_page__counts_down_and_says_where_the_date_comes_from(portal: Portal) -> None:
    portal.declared(1)
    answer = portal.client(DRANE).get(PLACE)
    page = answer.text
    end = portal.app.policy.calendar.end_of(SchoolYear(2026))
    days = (end.last_day - portal.app.policy.calendar.today(portal.clock.now())).days
    assert f"Elle finit dans {days} jours" in page
    assert "Veille de la rentrée des élèves" in page or "date par défaut" in page
    assert "1, dans 1 établissement" in page
    assert "est retenue" not in page
    assert "refresh" not in answer.headers
    assert "Aucune année n'a encore fini" in page


@pytest.mark.rule("R53")
def test_preview__who_what_and_what_surprises_and_nothing_is_written(portal: Portal) -> None:
    first, second = portal.issued(1), portal.declared(2, OTHER_CHEF)
    client = portal.client(DRANE)
    client.get(PLACE)  # the reader is named in the database
    before = dump(portal)
    page = client.get(f"{PLACE}/apercu").text
    assert "2 demandes à révoquer, dans 2 établissements" in page
    assert "Aveyron : 1 · Haute-Garonne : 1" in page
    assert "déclarée : 1 · code transmis : 1" in page
    assert first in page
    assert second in page
    narrowed = client.get(f"{PLACE}/apercu?departement=12").text
    assert second in narrowed
    assert first not in narrowed
    assert "Aucun établissement ne correspond" in client.get(f"{PLACE}/apercu?surprises=oui").text
    assert "rien ne serait révoqué" in client.get(f"{PLACE}/apercu?jour=14/09/2026").text
    assert dump(portal) == before


def test_preview__is_paged(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(year_end, "PREVIEW_PAGE_SIZE", 1)
    first, second = portal.declared(1, OTHER_CHEF), portal.declared(2)
    client = portal.client(STAFF)
    page = client.get(f"{PLACE}/apercu").text
    assert first in page
    assert second not in page
    last = client.get(f"{PLACE}/apercu?suite={YEAR}:0120001X").text
    assert second in last
    assert first not in last
    assert "2 demandes à révoquer" in last


def test_preview__bad_input_is_said_in_french(portal: Portal) -> None:
    client = portal.client(STAFF)
    for query, sentence in (
        ("jour=demain", "pas une date"), ("jour=31/02/2027", "calendrier"), ("jour=01/01/1999", "hors limites"),
        ("departement=xx", "code de département"),
    ):  # fmt: skip
        answer = client.get(f"{PLACE}/apercu?{query}")
        assert answer.status_code == 422
        assert sentence in answer.text


@pytest.mark.rule("R52")
def test_held__said_on_every_page_and_confirmed_by_an_operator(portal: Portal) -> None:
    hold_year_end(portal)
    client = portal.client(STAFF)
    for place in (PLACE, f"{PLACE}/apercu"):
        page = client.get(place).text.replace("&#39;", "'")
        assert f"La fin de l'année {YEAR} est retenue" in page
        assert "aucun signe de vie depuis plus de 45 jours" in page
        assert f"{PLACE}/{YEAR}/confirmer" in page
    form = form_to(client.get(f"{PLACE}/{YEAR}/confirmer"), "/confirmer")
    mute = send(client, form)
    assert mute.status_code == 422
    assert "Cocher cette case pour confirmer" in mute.text
    assert states(portal) == ["code_issued", "declared"]
    done = send(client, form, sure="oui")
    assert done.status_code == 200
    assert states(portal) == ["revoked", "revoked"]
    again = send(client, form, sure="oui")
    assert again.status_code == 422
    assert "Rien à confirmer" in again.text


@pytest.mark.rule("R7", "R52")
def test_held__an_absurd_clock_confirms_nothing_and_the_page_says_why(portal: Portal) -> None:
    hold_year_end(portal)
    portal.clock.set(datetime(2106, 3, 1, 12, tzinfo=PARIS))
    client = portal.client(STAFF)
    refused = send(client, form_to(client.get(f"{PLACE}/{YEAR}/confirmer"), "/confirmer"), sure="oui")
    assert refused.status_code == 422
    assert "Le serveur n'est pas à l'heure (1er mars 2106)" in refused.text.replace("&#39;", "'").replace("’", "'")
    assert "oda clock confirm" in refused.text
    assert states(portal) == ["code_issued", "declared"]


@pytest.mark.rule("R2", "R52")
def test_held__a_reader_sees_it_and_confirms_nothing(portal: Portal) -> None:
    hold_year_end(portal)
    reader = portal.client(DRANE)
    page = reader.get(PLACE)
    assert "est retenue" in page.text
    assert forms_of(page) == []
    assert f"{YEAR}/confirmer" not in page.text
    assert reader.get(f"{PLACE}/{YEAR}/confirmer").status_code == 403
    assert reader.post(f"{PLACE}/{YEAR}/confirmer", data={"sure": "oui"}).status_code == 403
    assert states(portal) == ["code_issued", "declared"]
    assert portal.client(CHEF).get(PLACE).status_code == 403


@pytest.mark.rule("R50")
def test_running__shows_how_far_it_is_and_refreshes_only_meanwhile(portal: Portal) -> None:
    hold_year_end(portal)
    end = portal.app.year_ends.confirm(SchoolYear(2026), portal.actor(STAFF))
    with portal.app.database.write() as connection:
        row = {"key": f"year-end:{YEAR}:{end.last_day}:0310009Z", "at": AFTER, "requests": 3}
        connection.execute(OCCURRENCE.insert(), [row])
    client = portal.client(DRANE)
    page = client.get(PLACE)
    assert "Révocations en cours : 3 sur 5." in page.text
    assert page.headers["refresh"] == f"5; url={PLACE}"
    assert "refresh" not in client.get(f"{PLACE}?arret=oui").headers
    portal.app.year_ends.run(end, chain.schedule_actor(portal.app.database))
    assert "refresh" not in client.get(PLACE).headers


@pytest.mark.rule("R54", "R69")
def test_past__its_figures_who_confirmed_and_the_report(portal: Portal) -> None:
    hold_year_end(portal)
    client = portal.client(STAFF)
    send(client, form_to(client.get(f"{PLACE}/{YEAR}/confirmer"), "/confirmer"), sure="oui")
    page = portal.client(DRANE).get(PLACE).text
    assert "confirmée par op@ac-toulouse.fr" in page
    assert f'href="{PLACE}/{YEAR}"' in page
    assert f"{PLACE}/{YEAR}/bilan.pdf" in portal.client(DRANE).get(f"{PLACE}/{YEAR}").text
    report = portal.client(DRANE).get(f"{PLACE}/{YEAR}/bilan.pdf")
    assert report.headers["content-type"] == "application/pdf"
    assert report.content.startswith(b"%PDF")
    for year in ("2025-2026", "hier"):
        assert client.get(f"{PLACE}/{year}/bilan.pdf").status_code == 404
    assert portal.client(CHEF).get(f"{PLACE}/{YEAR}/bilan.pdf").status_code == 403


def test_confirm__of_a_year_that_nothing_holds(portal: Portal) -> None:
    portal.declared(1)
    client = portal.client(STAFF)
    page = client.get(f"{PLACE}/{YEAR}/confirmer")
    assert page.status_code == 422
    assert "Rien à confirmer" in page.text
    assert client.get(f"{PLACE}/toujours/confirmer").status_code == 404
