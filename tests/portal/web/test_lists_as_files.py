"""Every list of the rectorat taken away in each format: what its filters show, and never a code (R92)."""

import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from python_calamine import CalamineWorkbook

from portal.exports import spreadsheet_files as sheet_module
from portal.exports.spreadsheet_files import FileFormat
from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal, open_portal
from tests.portal.web.rectorat.test_removals import revoked
from workflow.spreadsheets.reader import read_table

CODE = "Zz98Yy76"

YEAR_END = "/rectorat/fin-d-annee"

LISTS = {
    "demandes": ("/rectorat?etat=toutes", "/rectorat/export", 5),
    "une demande": ("/rectorat?etat=code-transmis", "/rectorat/export", 1),
    "à vérifier": ("/rectorat/a-verifier", "/rectorat/a-verifier/export", 1),
    "établissements": ("/rectorat/etablissements?departement=31", "/rectorat/etablissements/export", 3),
    "à retirer": ("/rectorat/retraits?departement=31", "/rectorat/retraits/liste/export", 1),
    "retraits confirmés": ("/rectorat/retraits?vue=confirmes", "/rectorat/retraits/liste/export", 0),
    "courriels": ("/rectorat/courriels?genre=code_issued", "/rectorat/courriels/export", 2),
    "aperçu": (f"{YEAR_END}/apercu?jour=31/08/2027", f"{YEAR_END}/apercu/export", 4),
    "recherche": ("/rectorat/recherche?mots=nomb", "/rectorat/recherche/export", 1),
}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    folder: Path = tmp_path_factory.mktemp("lists")
    with fresh_url("sqlite", folder) as url, open_portal(folder, url) as portal:
        revoked(portal, 1)
        portal.issued(2, code=CODE)
        portal.declared(3, OTHER_CHEF)
        portal.submitted(4)
        portal.declared(5)
        yield portal


@pytest.fixture(scope="module")
def reader(portal: Portal) -> TestClient:
    return portal.client(DRANE)


def rows_of(content: bytes, sheet: int = 0) -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(sheet).to_python()


@pytest.mark.rule("R92")
@pytest.mark.parametrize("name", LISTS)
def test_list__is_taken_away_in_each_format_as_its_filters_show_it(reader: TestClient, name: str) -> None:
    page, export, count = LISTS[name]
    query = page.partition("?")[2]
    answers = {form: reader.get(f"{export}?{query}&format={form}") for form in FileFormat}
    for form, answer in answers.items():
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == form.media_type
        assert re.search(rf'attachment; filename="[a-z0-9-]+\.{form}"', answer.headers["content-disposition"])
        assert CODE.encode() not in answer.content
    xlsx, ods = (rows_of(answers[form].content) for form in (FileFormat.XLSX, FileFormat.ODS))
    assert xlsx == ods
    assert len(xlsx) == 1 + count
    assert not [cell for row in xlsx for cell in row if CODE in str(cell)]


@pytest.mark.rule("R92")
@pytest.mark.parametrize("name", ["demandes", "à vérifier", "établissements", "à retirer", "courriels", "aperçu"])
def test_list__its_page_offers_the_three_formats_and_its_files_read_back(reader: TestClient, name: str) -> None:
    page, export, count = LISTS[name]
    links = re.findall(rf'href="({re.escape(export)}[^"]*format=[a-z]+)"', reader.get(page).text)
    assert [link.rpartition("=")[2] for link in links] == list(FileFormat)
    for link in links:
        content = reader.get(link.replace("&amp;", "&")).content
        table = read_table(io.BytesIO(content), most_bytes=1_000_000, most_rows=100)
        assert len(table.rows) == 1 + count


@pytest.mark.rule("R92")
def test_list__days_are_days_and_instants_are_the_academie_s(reader: TestClient) -> None:
    headings, first, *_ = rows_of(reader.get("/rectorat/export?etat=toutes&format=ods").content)
    assert first[headings.index("Depuis le")] == date(2026, 9, 14)
    headings, first, *_ = rows_of(reader.get("/rectorat/courriels/export?format=xlsx").content)
    assert first[headings.index("Inscrit le")].strftime("%d/%m/%Y %H") == "14/09/2026 10"


@pytest.mark.rule("R2", "R92")
@pytest.mark.parametrize("export", sorted({export for _, export, _ in LISTS.values()}))
def test_list__is_the_rectorat_s(portal: Portal, export: str) -> None:
    assert portal.client(CHEF).get(f"{export}?format=xlsx").status_code == 403
    assert portal.client(STAFF).get(f"{export}?format=xlsx").status_code == 200


def test_list__a_wrong_filter_is_told_by_its_page(reader: TestClient) -> None:
    for export in ("/rectorat/retraits/liste/export", f"{YEAR_END}/apercu/export", "/rectorat/etablissements/export"):
        answer = reader.get(f"{export}?departement=zzz&format=ods")
        assert answer.status_code == 422
        assert "code de département" in answer.text


def test_list__an_unknown_format_is_csv(reader: TestClient) -> None:
    assert reader.get("/rectorat/export?format=pdf").headers["content-type"].startswith("text/csv")


def test_list__too_long_for_a_sheet_comes_whole_as_csv(reader: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_module, "MOST_ROWS", 3)
    answer = reader.get("/rectorat/export?etat=toutes&format=xlsx")
    assert "demandes.csv" in answer.headers["content-disposition"]
    assert answer.text.count("\r\n") == 6


def test_search__gives_its_requests_and_its_establishments(reader: TestClient) -> None:
    content = reader.get("/rectorat/recherche/export?mots=0310001H&format=xlsx").content
    assert CalamineWorkbook.from_filelike(io.BytesIO(content)).sheet_names == ["Demandes", "Établissements"]
    assert [row[0] for row in rows_of(content, 1)] == ["UAI", "0310001H"]
