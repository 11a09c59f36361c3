"""/rectorat/listes: imported in two steps, searched, read by all of the rectorat (R91, R93)."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, DRANE, STAFF, Portal
from workflow.database.file_tables import ListKind

PLACE = "/rectorat/listes"

ROWS = "UAI;Nom;Prénom;Mél\n0310001H;Nomb;Prénom;rupn1@ac-toulouse.fr\n0310001H;L'Hôte;Zoé;z@ac-toulouse.fr\nX;Y;Z;\n"


def upload(client: TestClient, content: str, day: str = "10/09/2026", slug: str = "rupn") -> Response:
    """The answer to a file and to its date."""
    form = form_to(client.get(f"{PLACE}/{slug}/importer"), "/importer")
    data = {name: value for name, value in form.fields.items() if name != "fichier"} | {"date": day}
    return client.post(form.action, data=data, files={"fichier": ("liste.csv", content.encode("cp1252"), "text/csv")})


def brought(client: TestClient, content: str = ROWS, **how: str) -> Response:
    """The answer to the confirmation."""
    return send(client, form_to(upload(client, content, **how), "/confirmer"))


@pytest.mark.rule("R91", "R93")
def test_import__says_what_it_understood_then_puts_the_list_in_force(portal: Portal) -> None:
    staff = portal.client(STAFF)
    assert "Aucune liste n'a encore été importée" in staff.get(PLACE).text
    page = upload(staff, ROWS)
    assert page.status_code == 200
    for words in ("2 nouvelles", "1 refusée", "10 septembre 2026", "Ligne 4", "L'HÔTE Zoé"):
        assert words in page.text.replace("\u00a0", " ").replace("’", "'").replace("&#39;", "'"), words
    assert portal.app.lists.imports(ListKind.LISTING) == []
    done = send(staff, form_to(page, "/confirmer"))
    assert "est en vigueur" in done.text
    (in_force,) = portal.app.lists.imports(ListKind.LISTING)
    assert in_force.rows == 2
    assert "rien ne changerait" in upload(staff, ROWS).text.replace("\u00a0", " ")


@pytest.mark.rule("R93")
def test_import__a_date_to_come_or_missing_is_refused_and_the_file_may_say_it(portal: Portal) -> None:
    staff = portal.client(STAFF)
    tomorrow = portal.app.lists.today + timedelta(days=1)
    assert upload(staff, ROWS, tomorrow.strftime("%d/%m/%Y")).status_code == 422
    page = upload(staff, ROWS, "")
    assert (page.status_code, "La date de la liste manque" in page.text) == (422, True)
    page = upload(staff, f"Liste des RUPN au 9 septembre 2026\n{ROWS}", "")
    assert "comme le fichier le dit" in page.text
    assert "9 septembre 2026" in page.text.replace("\u00a0", " ")


@pytest.mark.rule("R93")
def test_attribute__is_imported_with_titles_or_without(portal: Portal) -> None:
    staff = portal.client(STAFF)
    value = "Comptes|/x?applicationname=educonnect|01/09/2026|31/12/9999|jdurand|FrEduRneResp=0310001H$UAJ|s||"
    brought(staff, f"z@ac-toulouse.fr;{value}\n", slug="delegations")
    page = portal.client(DRANE).get(f"{PLACE}/delegations").text.replace("\u00a0", " ")
    assert "z@ac-toulouse.fr" in page
    assert "sans fin" in page
    assert "par jdurand" in page


@pytest.mark.rule("R2", "R93")
def test_lists__a_reader_reads_and_searches_and_a_chef_does_not_enter(portal: Portal) -> None:
    brought(portal.client(STAFF))
    reader = portal.client(DRANE)
    page = reader.get(PLACE).text
    assert "Importer" not in page
    assert reader.get(f"{PLACE}/rupn/importer").status_code == 403
    html = reader.get(f"{PLACE}/rupn?mots=hote+zoe").text
    assert "z@ac-toulouse.fr" in html
    assert "rupn1@" not in html
    file = reader.get(f"{PLACE}/rupn/export?mots=hote&format=csv")
    assert file.headers["content-disposition"].startswith('attachment; filename="liste-rupn')
    assert ("z@ac-toulouse.fr" in file.text, "rupn1@" in file.text) == (True, False)
    assert "ne correspond" in reader.get(f"{PLACE}/rupn?mots=personne").text
    assert portal.client(CHEF).get(PLACE).status_code == 403
    assert reader.get(f"{PLACE}/autre").status_code == 404
