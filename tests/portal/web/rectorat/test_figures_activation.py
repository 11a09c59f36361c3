"""/rectorat/activation: the report's own tables come out of the numbers of accounts, on each database (R91, R100)."""

import json
import re
from html import unescape
from io import BytesIO

import pypdf
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from python_calamine import CalamineWorkbook
from sqlalchemy import insert, select

from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.educonnect import ACADEMIE, FIRST, LAST, REPORT, report_csv
from tests.kit.html_forms import form_to
from tests.kit.portal import DRANE, STAFF, Portal
from workflow.database.file_tables import ACTIVATION
from workflow.database.journal_tables import EVENT
from workflow.database.tables import ESTABLISHMENT

PLACE = "/rectorat/activation"
SCHOOLS = (
    "UAI;Date;Comptes : élèves;Activés : élèves;Comptes : responsables;Activés : responsables\n"
    "0310001H;20/06/2026;100;50;150;30\n0310002J;20/06/2026;200;150;300;200\n0120001X;20/06/2026;100;90;150;40\n"
)


def read(client: TestClient, text: str, **fields: str) -> Response:
    """The answer to a file."""
    form = form_to(client.get(f"{PLACE}/importer"), "/importer")
    data = {name: value for name, value in form.fields.items() if name != "fichier"} | fields
    return client.post(form.action, data=data, files={"fichier": ("comptes.csv", text.encode(), "text/csv")})


def imported(client: TestClient, text: str, **ticked: str) -> Response:
    """The page after the confirmation of what was read."""
    form = form_to(read(client, text), "/confirmer")
    return client.post(form.action, data=form.fields | ticked)


def rows_of(page: str, caption: str) -> dict[str, list[str]]:
    """The texts of a table's rows by their heading, without what stands in small letters."""
    (table,) = [table for table in re.findall("<table.*?</table>", page, re.DOTALL) if caption in table]
    table = re.sub(r'<p class="oda-quiet">.*?</p>|<span class="fr-badge.*?</span>', "", table, flags=re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in table.split("<tr>")[2:]]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells}


def schools(page: str) -> list[str]:
    """The UAI of a list of establishments, in its order."""
    return re.findall(r'oda-whole">(\w{8})<', page)


def rate(tenths: int) -> str:
    return f"{tenths / 10:.1f}".replace(".0", "").replace(".", ",") + " %"


@pytest.mark.rule("R100", "R91")
def test_page__the_reports_own_tables_from_numbers_of_accounts(portal: Portal) -> None:
    staff = portal.client(STAFF)
    assert "16 nouveaux relevés" in read(staff, report_csv()).text
    assert staff.get(PLACE).text.count("Aucun relevé") == 1
    assert "import est fait" in imported(staff, report_csv()).text
    page = portal.client(DRANE).get(PLACE).text
    state = rows_of(page, "Taux de comptes activés au 20 juin 2023")
    evolution = rows_of(page, "Élèves : du 5 septembre 2022 au 20 juin 2023")
    for name, report in {**REPORT, "Académie": ACADEMIE}.items():
        assert state[name][:4] == [
            f"{report.pupils} %", rate(report.colleges), rate(report.lycees), f"{report.parents} %"
        ]  # fmt: skip
        assert evolution[name] == [
            f"{report.first} %", f"{report.pupils} %", f"+{report.pupils - report.first} points"
        ]  # fmt: skip
    assert "57 % des comptes d'élèves" in page
    assert "55 % des comptes de responsables" in page
    assert "Académie : 24 %, puis 57 %." in page  # the picture in words
    assert "importer" not in page
    (paper,) = re.findall(r'href="(/rectorat/activation/comptes-actives.pdf[^"]*)"', page)
    pdf = pypdf.PdfReader(BytesIO(portal.client(DRANE).get(unescape(paper)).content))
    printed = " ".join(" ".join(sheet.extract_text() for sheet in pdf.pages).replace("\xa0", " ").split())
    for rows in (state, evolution):
        for name, cells in rows.items():
            assert " ".join([name, *cells]).replace("\xa0", " ") in printed
    again = read(staff, report_csv()).text
    assert "Rien à importer" in again
    assert "/confirmer" not in again


@pytest.mark.rule("R100", "R92")
def test_workbook__the_same_rates_and_their_numbers(portal: Portal) -> None:
    imported(portal.client(STAFF), report_csv())
    reader = portal.client(DRANE)
    answer = reader.get(f"{PLACE}/export?du={FIRST}&au={LAST}&format=xlsx")
    book = CalamineWorkbook.from_filelike(BytesIO(answer.content))
    rates = {str(row[0]): row[1:] for row in book.get_sheet_by_index(0).to_python()}
    assert [round(float(str(cell)) * 1000) for cell in (*rates["Académie"][:2], *rates["Académie"][3:8:2][:2])] == [
        240, 570, 543, 612,
    ]  # fmt: skip
    assert round(float(str(rates["Aveyron"][1])) * 100) == REPORT["Aveyron"].pupils
    numbers = book.get_sheet_by_index(1).to_python()
    assert len(numbers) == 1 + 2 * 9
    assert "57,0 %" in reader.get(f"{PLACE}/export?format=csv").text


@pytest.mark.rule("R100", "R91")
def test_import__a_day_is_replaced_what_is_gone_is_confirmed_and_counted_in_the_journal(portal: Portal) -> None:
    staff = portal.client(STAFF)
    imported(staff, report_csv())
    shorter = "".join(line for line in report_csv().splitlines(keepends=True) if f"{LAST};Lot" not in line)
    assert "Effacer les nombres" in imported(staff, shorter).text
    imported(staff, shorter, disparus="oui")
    with portal.app.database.read() as connection:
        assert len(connection.execute(select(ACTIVATION)).all()) == 15
        kinds = [EVENT.c.kind == "activation_imported"]
        events = connection.execute(select(EVENT.c.canonical).where(*kinds).order_by(EVENT.c.seq)).scalars().all()
    data = [json.loads(text)["data"] for text in events]
    counts = [(entry["new"], entry["changed"], entry["gone"], entry["unchanged"]) for entry in data]
    assert counts == [(16, 0, 0, 0), (0, 0, 1, 15)]


@pytest.mark.rule("R100")
def test_establishments__without_a_key_first_then_the_lowest_rate(portal: Portal) -> None:
    portal.issued(1)  # the first school has a key
    staff = portal.client(STAFF)
    imported(staff, SCHOOLS)
    reader = portal.client(DRANE)
    assert "1 sur 3" in reader.get(PLACE).text
    list_ = f"{PLACE}/etablissements"
    order = ["0120001X", "0310002J", "0310001H"]
    page = reader.get(list_).text
    assert schools(page) == order
    assert "dont 2 sans clé" in page
    by_pupils = schools(reader.get(f"{list_}?tri=eleves").text)
    assert by_pupils == ["0310002J", "0120001X", "0310001H"]
    assert "0120001X" not in reader.get(f"{list_}?departement=31").text
    assert reader.get(f"{list_}?departement=xx").status_code == 422
    exported = reader.get(f"{list_}/export?format=csv").text.splitlines()
    assert [line.split(";")[1] for line in exported[1:]] == order
    portal.do(c.Revoke(reference="ODA-2027-00001", reason=RevokeReason.DEPARTURE), STAFF)
    assert schools(reader.get(list_).text) == ["0310001H", "0120001X", "0310002J"]


@pytest.mark.rule("R100")
def test_page__vigilance_below_the_target_and_a_single_day(portal: Portal) -> None:
    portal.context.app.settings.__dict__["activation"] = portal.app.settings.activation.model_copy(
        update={"target_pupils": 80, "target_parents": 40}
    )
    imported(portal.client(STAFF), SCHOOLS)
    page = portal.client(DRANE).get(PLACE).text
    lead = page[page.index("fr-text--lead") : page.index("sont activés")]
    assert "73 % des comptes d'élèves" in lead
    assert lead.count("vigilance") == 1
    assert "objectif : 80\u00a0%" in unescape(page)
    assert "Une seule date est connue" in page


@pytest.mark.rule("R2")
def test_import__is_the_operators(portal: Portal) -> None:
    assert portal.client(DRANE).get(f"{PLACE}/importer").status_code == 403
    empty = portal.client(DRANE).get(PLACE).text
    assert "Un opérateur du rectorat les importe" in empty
    assert "Aucun relevé n'est encore importé" in portal.client(DRANE).get(f"{PLACE}/etablissements").text


@pytest.mark.rule("R100")
def test_establishments__are_paged(portal: Portal) -> None:
    places = [
        {"uai": f"031{n:04d}A", "nom": f"École {n}", "departement": "31", "is_open": True, "is_listed": True}
        for n in range(1000, 1060)
    ]
    with portal.app.database.write() as connection:
        connection.execute(insert(ESTABLISHMENT), places)
    lines = "".join(f"{place['uai']};20/06/2026;10;5\n" for place in places)
    imported(portal.client(STAFF), f"UAI;Date;Comptes : élèves;Activés : élèves\n{lines}")
    reader = portal.client(DRANE)
    first, second = (schools(reader.get(f"{PLACE}/etablissements?page={n}").text) for n in (1, 2))
    assert (len(first), len(second), len({*first, *second})) == (50, 10, 60)
