"""Both lists by the operator's hand, without JavaScript, on a telephone (R91, R93)."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import TELEPHONE, Site
from tests.kit.page_widths import too_wide
from tests.kit.portal import STAFF

ROWS = "Liste des RUPN au 12 septembre 2026\nUAI;Nom;Prénom;Mél\n0310001H;L'Hôte;Zoé;z@ac-toulouse.fr\n"


@pytest.mark.rule("R91", "R93")
def test_list__is_imported_and_searched_without_a_script(site: Site) -> None:
    page = site.window(STAFF, size=TELEPHONE, script=False).new_page()
    page.goto("/rectorat/listes")
    page.get_by_role("link", name="Importer la liste des RUPN").click()
    file = {"name": "rupn.csv", "mimeType": "text/csv", "buffer": ROWS.encode()}
    page.locator("#fichier").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Lire sans rien changer").click()
    expect(page.get_by_text("12 septembre 2026").first).to_be_visible()
    page.get_by_role("button", name="Mettre cette liste en vigueur").click()
    expect(page.get_by_role("status")).to_contain_text("est en vigueur")
    assert too_wide(page) == ""
    page.get_by_role("link", name="Chercher dans la liste des RUPN").click()
    page.get_by_label("UAI, nom ou adresse").fill("hote")
    page.get_by_role("button", name="Filtrer la liste").click()
    expect(page.get_by_text("z@ac-toulouse.fr")).to_be_visible()
    assert too_wide(page) == ""
