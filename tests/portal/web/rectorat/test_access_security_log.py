"""/rectorat/journal-de-securite: what came in, was refused, was taken away; addresses apart
from the chain (R108)."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, select, update

from portal.web.rectorat.access import SECURITY_LOG_PATH
from tests.kit.portal import CHEF, DRANE, STAFF, Portal
from tests.kit.sign_in import installation_events
from workflow.auth.rate_limit import FAILED_TOKENS, FORBIDDEN, FORGED_FORMS
from workflow.database.access_tables import TRIES
from workflow.database.journal_tables import EVENT, SECURITY_ADDRESSES
from workflow.journal.verification import Verifier

pytestmark = pytest.mark.rule("R108")

FIREFOX = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"}
NETWORK = "testclient"
"""What the in-process client calls the other end."""


def addresses(portal: Portal) -> list[tuple[int, str, str, int]]:
    columns = (SECURITY_ADDRESSES.c.seq, SECURITY_ADDRESSES.c.network, SECURITY_ADDRESSES.c.browser)
    query = select(*columns, SECURITY_ADDRESSES.c.times).order_by(SECURITY_ADDRESSES.c.seq, SECURITY_ADDRESSES.c.rank)
    with portal.app.database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def export(client: TestClient, address: str) -> None:
    assert client.get(address, headers=FIREFOX).status_code == 200


def test_page__tells_an_export_in_words_with_where_it_went(portal: Portal) -> None:
    portal.declared(1)
    export(portal.client(DRANE), "/rectorat/export?etat=toutes&departement=31&nom=prenom&format=csv")
    assert installation_events(portal.app, "exported") == [
        ("exported", {"list": "requests", "format": "csv", "rows": 1, "filters": "nom=* etat=toutes departement=31"})
    ]
    page = portal.client(STAFF).get(SECURITY_LOG_PATH).text
    for words in ("Liste emportée", "les demandes", "Haute-Garonne", "nom (tapé, pas gardé)", NETWORK, "Firefox sur W"):
        assert words in page, words
    assert "prenom" not in page


def test_journal__has_no_address_and_still_verifies(portal: Portal) -> None:
    export(portal.client(STAFF), "/rectorat/export?format=xlsx")
    ((_, network, browser, times),) = addresses(portal)
    assert (network, browser, times) == (NETWORK, "Firefox sur Windows", 1)
    with portal.app.database.read() as connection:
        texts = " ".join(connection.execute(select(EVENT.c.canonical)).scalars())
        assert list(Verifier(connection, portal.app.hasher, lambda _: None).flaws()) == []
    assert NETWORK not in texts
    assert "Firefox" not in texts


def test_page__is_for_operators_alone(portal: Portal) -> None:
    for person in (DRANE, CHEF):
        assert portal.client(person).get(SECURITY_LOG_PATH).status_code == 403
        assert portal.client(person).get(f"{SECURITY_LOG_PATH}/export").status_code == 403


def test_page__is_narrowed_by_subject_kind_person_and_dates(portal: Portal) -> None:
    export(portal.client(DRANE), "/rectorat/export?format=csv")
    portal.clock.advance(days=1)
    staff = portal.client(STAFF)
    export(staff, "/rectorat/etablissements/export?format=csv")
    everything = staff.get(SECURITY_LOG_PATH).text
    assert "les demandes" in everything
    assert "les établissements" in everything
    for query, visible, hidden in (
        ("du=2026-09-15", "les établissements", "les demandes"),
        ("au=14/09/2026", "les demandes", "les établissements"),
        (f"personne={DRANE.subject}", "les demandes", "les établissements"),
        ("sujet=export&genre=exported", "les demandes", "Aucun événement"),
    ):
        page = staff.get(f"{SECURITY_LOG_PATH}?{query}").text
        rows = page[page.index("debut-liste") :]
        assert visible in rows, query
        assert hidden not in rows, query
    assert "Aucun événement ne correspond" in staff.get(f"{SECURITY_LOG_PATH}?sujet=token").text


@pytest.mark.parametrize("query", ["sujet=x", "genre=x", "du=hier", "suite=x", "au=0001-01-01"])
def test_page__says_what_is_wrong_with_its_address(portal: Portal, query: str) -> None:
    page = portal.client(STAFF).get(f"{SECURITY_LOG_PATH}?{query}")
    assert page.status_code == 422
    assert 'role="alert"' in page.text


def test_page__goes_on_page_after_page_by_few_queries(portal: Portal) -> None:
    for _ in range(120):
        portal.app.export_journal.record(portal.actor(STAFF), _an_export())
    staff, numbers, address = portal.client(STAFF), [], SECURITY_LOG_PATH
    queries: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        queries.append(statement)

    event.listen(portal.app.database.engine, "before_cursor_execute", note)
    for _ in range(10):
        queries.clear()
        page = staff.get(address).text
        assert len(queries) < 15
        numbers += [int(part.split("<")[0]) for part in page.split("· n° ")[1:]]
        if "Page suivante" not in page:
            break
        address = f"{SECURITY_LOG_PATH}?{unescape(page.split('Page suivante')[0].rsplit('?', 1)[1].split(chr(34))[0])}"
    event.remove(portal.app.database.engine, "before_cursor_execute", note)
    assert len(numbers) == len(set(numbers)) >= 120
    assert numbers == sorted(numbers, reverse=True)


def _an_export() -> Any:
    from workflow.journal.security_log import Export, ExportedList

    return Export(what=ExportedList.REQUESTS, format="csv", rows=1)


@pytest.mark.rule("R109")
def test_page__shows_what_serves_the_proof_to_who_asks_for_it(portal: Portal) -> None:
    staff = portal.client(STAFF)
    export(portal.client(DRANE), "/rectorat/export?format=csv")
    rows = 'id="debut-liste"'
    assert "Numéro donné à qui agit" not in staff.get(SECURITY_LOG_PATH).text.partition(rows)[2]
    assert "Numéro donné à qui agit" in staff.get(f"{SECURITY_LOG_PATH}?genre=actor_named").text.partition(rows)[2]


def test_export__of_the_journal_is_an_event_itself(portal: Portal) -> None:
    staff = portal.client(STAFF)
    first = staff.get(f"{SECURITY_LOG_PATH}/export?format=csv&personne=martin")
    assert first.status_code == 200
    assert [data["list"] for _, data in installation_events(portal.app, "exported")] == ["security"]
    assert "le journal de sécurité" in staff.get(f"{SECURITY_LOG_PATH}/export?format=csv").content.decode("utf-8-sig")


def test_addresses__are_erased_after_their_months_behind_the_brake(portal: Portal) -> None:
    export(portal.client(STAFF), "/rectorat/export?format=csv")
    assert len(addresses(portal)) == 1
    with portal.app.database.write() as connection:
        old = portal.clock.now() - timedelta(days=170)
        connection.execute(update(SECURITY_ADDRESSES).values(at=old))
    portal.app.ticker.tick()
    assert len(addresses(portal)) == 1
    with portal.app.database.write() as connection:
        connection.execute(update(SECURITY_ADDRESSES).values(at=old - timedelta(days=20)))
    portal.clock.set(portal.clock.now() + timedelta(days=400))  # an absurd clock erases nothing
    portal.app.ticker.tick()
    assert len(addresses(portal)) == 1
    portal.clock.set(portal.clock.now() - timedelta(days=399))
    portal.app.ticker.tick()
    assert addresses(portal) == []
    assert len(installation_events(portal.app, "exported")) == 1


@pytest.mark.rule("R75")
def test_refusals__are_one_row_a_network_and_one_event_a_window(portal: Portal) -> None:
    chef, nobody = portal.client(CHEF), portal.client()
    for _ in range(7):
        assert chef.get("/rectorat/calendrier").status_code == 403
        assert chef.post("/compte/partout", data={"csrf": "forged"}).status_code == 409
    for _ in range(3):
        assert nobody.get("/api/v1/me", headers={"authorization": "Bearer oda_x", **FIREFOX}).status_code == 401
    with portal.app.database.read() as connection:
        rows = connection.execute(select(TRIES.c.limit_name, TRIES.c.refused).where(TRIES.c.refused > 0)).all()
    assert sorted(map(tuple, rows)) == [("forbidden", 7), ("forged", 7), ("token", 3)]
    assert installation_events(portal.app, "door_refused") == []
    portal.clock.advance(minutes=31)
    portal.app.ticker.tick()
    assert [(data["limit"], data["refused"]) for _, data in installation_events(portal.app, "door_refused")] == [
        (FORBIDDEN.name, 7), (FORGED_FORMS.name, 7), (FAILED_TOKENS.name, 3),
    ]  # fmt: skip
    assert [row[1:] for row in addresses(portal)] == [
        (NETWORK, "un navigateur inconnu", 7), (NETWORK, "un navigateur inconnu", 7),
        (NETWORK, "Firefox sur Windows", 3),
    ]  # fmt: skip
    page = portal.client(STAFF).get(f"{SECURITY_LOG_PATH}?sujet=refusal").text
    assert "pages ou actions d'un autre rôle" in page.replace("&#39;", "'")
    assert "(7 fois)" in page


def test_refusals__of_a_crowd_of_networks_keep_the_worst(portal: Portal) -> None:
    from workflow.auth.rate_limit import RefusalCounts

    counts = RefusalCounts(portal.app.database, portal.clock, portal.app.hasher)
    for number in range(30):
        for _ in range(2 if number < 5 else 1):
            counts.count(FORGED_FORMS, f"192.0.2.{number}")
    portal.clock.advance(minutes=31)
    portal.app.ticker.tick()
    ((_, data),) = installation_events(portal.app, "door_refused")
    assert (data["subjects"], data["refused"]) == (30, 35)
    rows = addresses(portal)
    assert len(rows) == 20
    assert [times for *_, times in rows[:6]] == [2, 2, 2, 2, 2, 1]
    assert "192.0.2" not in json.dumps(data)


def test_export__asked_for_by_head_takes_nothing_away(portal: Portal) -> None:
    assert portal.client(STAFF).head("/rectorat/export?format=csv").status_code == 200
    assert installation_events(portal.app, "exported") == []


def seal_of(portal: Portal) -> str:
    page = portal.client(STAFF).get(SECURITY_LOG_PATH).text
    return " ".join(page.split("Dernier sceau du journal")[1].split("</div>")[0].split())


@pytest.mark.rule("R109")
def test_last_seal__none_then_one_that_does_not_leave_then_one_that_is_late(portal: Portal) -> None:
    assert "Aucun encore" in seal_of(portal)
    portal.declared(1)
    portal.app.journal_sealer.seal_day()
    text = seal_of(portal)
    assert "N° 1, du 14 septembre 2026 : 2 chaînes couvertes, dont 2 changées" in text
    assert "Vérifié" in text
    assert "Il ne quitte pas le service" in text
    portal.clock.advance(days=3)
    assert "Il a 3 jours" in seal_of(portal)


@pytest.mark.rule("R109")
def test_last_seal__that_holds_no_more_says_what_to_do(portal: Portal) -> None:
    portal.app.journal_sealer.seal_day()
    with portal.app.database.write() as connection:
        on = " ON journal_seal_head" if portal.app.database.is_postgresql else ""
        connection.exec_driver_sql(f"DROP TRIGGER guard_journal_seal_head_update{on}")
        connection.exec_driver_sql("UPDATE journal_seal_head SET hash = 'x'")
    assert "Il ne tient pas" in seal_of(portal)


def test_menu__says_ma_connexion_and_not_the_requests(portal: Portal) -> None:
    client = portal.client(STAFF)
    entry = {"/rectorat/journal-de-securite": "/compte", "/rectorat/connexions": "/compte",
             "/compte/suppleances": "/compte", "/rectorat/liaisons": "/rectorat/etablissements"}  # fmt: skip
    for page, expected in entry.items():
        current = re.findall(r'href="([^"]*)" aria-current="true">', client.get(page).text)
        assert current == [expected], page
