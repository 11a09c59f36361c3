"""What was erased: each page says so and offers nothing, and no file of the portal names anybody (R110)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from notifications.outbox.store import MAILS
from tests.kit.databases import fresh_url
from tests.kit.portal import DRANE, STAFF, Portal, open_portal
from tests.workflow.retention import scene
from workflow.journal.chain import schedule_actor

YEAR = "2026-2027"
FILES = (
    "/rectorat/export?etat=toutes", "/rectorat/a-verifier/export", "/rectorat/etablissements/export",
    "/rectorat/retraits/liste/export?vue=confirmes", "/rectorat/retraits/export", "/rectorat/courriels/export",
    "/rectorat/fin-d-annee/apercu/export?jour=31/08/2028", f"/rectorat/fin-d-annee/{YEAR}/non-renouveles/export",
    f"/rectorat/fin-d-annee/{YEAR}/cles-a-prolonger/export", "/rectorat/recherche/export?mots=zyxalandre",
    "/rectorat/listes/rupn/export", "/rectorat/listes/delegations/export", f"/rectorat/drane/export?annee={YEAR}",
    f"/rectorat/chiffres/export?annee={YEAR}",
)  # fmt: skip


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    folder: Path = tmp_path_factory.mktemp("erased")
    with fresh_url("sqlite", folder) as url, open_portal(folder, url) as portal:
        scene.end(portal, scene.live(portal))
        scene.send_mails(portal)
        portal.clock.advance(days=400)
        schedule = schedule_actor(portal.app.database)
        portal.app.lists.erase_unneeded_rows(schedule)
        portal.app.retention.erase_due(schedule)
        yield portal


@pytest.mark.rule("R110")
def test_operator__reads_when_it_was_erased_and_is_offered_nothing(portal: Portal) -> None:
    client = portal.client(STAFF)
    page = client.get("/rectorat/demandes/ODA-2027-00001").text
    assert "Effacée le 19 octobre 2027" in page
    assert "Identité effacée" in page
    assert scene.found_in(page) == []
    assert "/rectorat/demandes/ODA-2027-00001/" not in page, "no action, no note"
    with portal.app.database.read() as connection:
        number = connection.execute(select(MAILS.c.id).where(MAILS.c.kind == "code_issued")).scalar_one()
    mail = client.get(f"/rectorat/courriels/{number}").text
    assert "son texte et son destinataire, après le temps prévu" in mail
    assert scene.found_in(mail) == []
    note = portal.app.private_notes.write("ODA-2027-00001", portal.actor(STAFF), "Rappeler Quirinus")
    assert [reason.code for reason in note] == ["request_erased"]


@pytest.mark.rule("R110")
def test_chef__reads_the_same_of_an_old_request(portal: Portal) -> None:
    client = portal.client(scene.CHEF)
    page = client.get("/etablissement/demandes/ODA-2027-00001").text
    assert "Effacée le 19 octobre 2027" in page
    assert [name for name in scene.found_in(page) if name not in ("ottilie", "wrzesniak")] == [], "it is herself"
    assert "/etablissement/demandes/ODA-2027-00001/renouveler" not in page


@pytest.mark.rule("R111")
def test_search__of_an_address_says_who_answers_a_person(portal: Portal) -> None:
    page = portal.client(STAFF).get("/rectorat/recherche?mots=zoe@ac-toulouse.fr").text
    assert "oda person access ADRESSE" in page
    assert "oda person" not in portal.client(STAFF).get("/rectorat/recherche?mots=zoe").text
    assert "oda person" not in portal.client(DRANE).get("/rectorat/recherche?mots=zoe@ac-toulouse.fr").text


@pytest.mark.rule("R110", "R92")
def test_files__name_nobody(portal: Portal) -> None:
    client = portal.client(STAFF)
    for file in FILES:
        answer = client.get(f"{file}{'&' if '?' in file else '?'}format=csv")
        assert answer.status_code == 200, file
        assert scene.found_in(answer.text) == [], file
