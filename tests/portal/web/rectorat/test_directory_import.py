"""The directory imported by its page: read, shown, its columns named by hand once, confirmed (R66, R67, R91)."""

import tempfile
from collections.abc import Mapping

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select

from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DRANE, SCHOOLS, STAFF, Portal
from tests.workflow.directory.files import file_of, row, rows, text_of, uai_of
from tests.workflow.spreadsheets.files import ods_of, xlsx_of, zip_of
from workflow.database.file_tables import STAGED_IMPORTS
from workflow.database.journal_tables import EVENT
from workflow.database.tables import ESTABLISHMENT

PLACE = "/rectorat/etablissements/import"
CONFIRM = f"{PLACE}/confirmer"

SCHOOL_ROWS = [
    row(uai, nom=nom, kind=kind, commune=commune, departement=departement, mail=mail or "")
    for uai, (nom, kind, commune, departement, mail) in SCHOOLS.items()
]


def upload(client: TestClient, content: bytes) -> Response:
    form = form_to(client.get(PLACE), PLACE)
    data = {name: value for name, value in form.fields.items() if name != "fichier"}
    return client.post(form.action, data=data, files={"fichier": ("annuaire.csv", content, "text/csv")})


def confirmed(client: TestClient, page: Response, **ticked: str) -> Response:
    form = form_to(page, CONFIRM)
    form.fields.update(ticked)
    return send(client, form)


def names(portal: Portal) -> Mapping[str, str]:
    with portal.app.database.read() as connection:
        return {row.uai: row.nom for row in connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.is_open))}


def waiting(portal: Portal) -> int:
    with portal.app.database.read() as connection:
        return connection.execute(select(func.count()).select_from(STAGED_IMPORTS)).scalar_one()


def table(*records: Mapping[str, str]) -> list[list[str]]:
    return [line.split(";") for line in text_of(*records).splitlines()]


@pytest.mark.rule("R66", "R91", "R95")
def test_import__is_shown_then_done_and_again_changes_nothing(portal: Portal) -> None:
    reference, client = portal.declared(1), portal.client(STAFF)
    assert f'href="{PLACE}"' in client.get("/rectorat/etablissements").text
    closed = [
        row(**SCHOOL_ROWS[0] | {"etat": "FERME"}),
        row(**SCHOOL_ROWS[1] | {"nom": "Lycée Fermat"}),
        *SCHOOL_ROWS[2:],
        row("0310009A"),
    ]
    content = file_of(*closed, row(uai_of(8), etat="?"))
    page = upload(client, content)
    assert page.status_code == 200
    for words in (
        "1 nouveau, 2 changés, 0 disparu, 2 inchangés", f'href="/rectorat/demandes/{reference}"',
        "nom : Lycée Pierre-de-Fermat → Lycée Fermat", "ouvert : oui → non", "« ? » n&#39;est pas connu", "Ligne 7",
    ):  # fmt: skip
        assert words in page.text, words
    assert names(portal)["0310002J"] == "Lycée Pierre-de-Fermat"
    done = confirmed(client, page)
    assert "C'est fait : l'annuaire est importé, 1 nouveau, 2 changés" in done.text.replace("&#39;", "'")
    assert (names(portal)["0310002J"], "0310001H" in names(portal), waiting(portal)) == ("Lycée Fermat", False, 0)
    assert "n&#39;attend plus" in confirmed(client, page).text  # a second press
    with portal.app.database.read() as connection:
        events = connection.execute(select(func.count()).select_from(EVENT)).scalar_one()
    again = upload(client, content)
    assert "Rien ne changerait : 0 nouveau, 0 changé, 0 disparu, 5 inchangés" in again.text
    assert CONFIRM not in again.text
    with portal.app.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(EVENT)).scalar_one() == events


@pytest.mark.rule("R91")
@pytest.mark.parametrize("workbook_of", [xlsx_of, ods_of])
def test_columns__named_by_hand_once(portal: Portal, workbook_of: object) -> None:
    client = portal.client(STAFF)
    cells = table(*SCHOOL_ROWS, row("0310009A", nom="Collège neuf"))
    cells[0][1], cells[0][6] = "Appelé", "Contact"
    content = workbook_of([["Annuaire de Toulouse"], *cells])  # type: ignore[operator]
    page = upload(client, content)
    assert "Désigner les colonnes" in page.text
    assert "Aucun titre ne dit où est la colonne « Nom de l&#39;établissement »" in page.text
    assert "ce.0310001h@ac-toulouse.fr" in page.text  # the first rows help to choose
    form = form_to(page, f"{PLACE}/colonnes")
    twice = send(client, form)
    assert twice.status_code == 200
    form.fields |= {"colonne-nom_etablissement": "1", "colonne-mail": "1"}
    assert "est désignée à la fois pour" in send(client, form).text
    form.fields |= {"colonne-mail": "6"}
    preview = send(client, form)
    assert "1 nouveau, 0 changé, 0 disparu, 4 inchangés" in preview.text
    confirmed(client, preview)
    assert names(portal)["0310009A"] == "Collège neuf"
    assert "Rien ne changerait" in upload(client, content).text  # the choice was kept


@pytest.mark.rule("R67")
def test_loss_and_cut_file__are_vouched_for(portal: Portal) -> None:
    client = portal.client(STAFF)
    with portal.app.database.write() as connection:
        connection.execute(ESTABLISHMENT.insert(), [
            {"uai": uai_of(n), "nom": "X", "kind": "Collège", "commune": "Y", "departement": "31", "is_open": True,
             "is_listed": True} for n in range(20, 30)
        ])  # fmt: skip
    page = upload(client, file_of(*SCHOOL_ROWS)[:-1])
    assert "Le fichier a l'air coupé" in page.text
    assert "Cet import ferait perdre 10 des 14 établissements ouverts" in page.text
    refused = confirmed(client, page)
    assert refused.status_code == 422
    assert len(names(portal)) == 14
    assert confirmed(client, refused, entier="oui").status_code == 422
    confirmed(client, refused, entier="oui", perte="oui")
    assert len(names(portal)) == 4


@pytest.mark.rule("R91", "R87")
def test_file__refused_at_once(portal: Portal) -> None:
    client = portal.client(STAFF)
    for content, complaint in (
        (b"", "Aucun fichier"),
        (zip_of({"photo.jpg": b"x"}), "archive ZIP"),
        (xlsx_of([["UAI"], ["=1+1"]]), "formule (A2)"),
        (b"\x89PNG\r\n\x1a\n", "accents sont abîmés"),
        (b"x" * 20_500_000, "dépasse 20 Mo"),
    ):
        page = upload(client, content)
        assert (page.status_code, complaint in page.text) == (422, True), complaint
    assert waiting(portal) == 0


@pytest.mark.rule("R87", "R91")
def test_file__leaves_nothing_on_a_disk(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the body, nor the file, nor what waits in clear."""

    def written(*_: object) -> None:
        raise AssertionError("written to a disk")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", written)
    client = portal.client(STAFF)
    content = file_of(*SCHOOL_ROWS, *rows(4_000, 1000, academie="11", nom="x" * 800))
    assert len(content) > 3_000_000
    assert "4 inchangés" in upload(client, content).text
    with portal.app.database.read() as connection:
        staged_content = connection.execute(select(STAGED_IMPORTS.c.content)).scalar_one()
    assert b"0310001H" not in staged_content


@pytest.mark.rule("R91")
def test_staged__is_the_actor_s_and_is_forgotten(portal: Portal) -> None:
    client = portal.client(STAFF)
    page = upload(client, file_of(*SCHOOL_ROWS))
    send(client, form_to(page, f"{PLACE}/abandonner"))
    assert waiting(portal) == 0
    page = upload(client, file_of(*SCHOOL_ROWS, row("0310009A")))
    portal.clock.advance(hours=1)
    portal.app.ticker.tick()
    assert waiting(portal) == 0
    portal.prove_all()
    assert confirmed(client, page).status_code == 422


@pytest.mark.rule("R2")
def test_import__is_the_operators(portal: Portal) -> None:
    for person in (DRANE, CHEF):
        client = portal.client(person)
        assert client.get(PLACE).status_code == 403
        assert client.post(PLACE, files={"fichier": ("x", b"x" * 5_000_000)}).status_code in (403, 413)
