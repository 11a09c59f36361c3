"""An import by page, at a desk and on a telephone: the columns chosen, what was understood, the confirmation (R91)."""

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import DESK, TELEPHONE, Site
from tests.kit.axe import axe
from tests.kit.page_widths import fits
from tests.kit.portal import STAFF
from tests.portal.web.rectorat.test_directory_import import PLACE, SCHOOL_ROWS, table
from tests.workflow.directory.files import row, uai_of
from tests.workflow.spreadsheets.files import xlsx_of


def is_well(page: Page, size: ViewportSize) -> None:
    fits(page)
    if size is DESK:
        assert axe(page) == []  # it needs a script


@pytest.mark.rule("R91")
@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
def test_import__from_the_list_to_what_was_done(site: Site, size: ViewportSize) -> None:
    site.portal.declared(1)
    cells = table(row(**SCHOOL_ROWS[0] | {"etat": "FERME"}), *SCHOOL_ROWS[1:], row(uai_of(9)), row(uai_of(8), etat="?"))
    cells[0][6] = "Contact"
    content = xlsx_of([["Annuaire de l'académie"], *cells])
    page = site.window(STAFF, size=size, script=size is DESK).new_page()
    page.goto("/rectorat/etablissements")
    page.get_by_role("link", name="Importer l'annuaire").click()
    page.get_by_label("Le fichier").set_input_files({"name": "annuaire.xlsx", "mimeType": "", "buffer": content})
    page.get_by_role("button", name="Lire sans rien changer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Désigner les colonnes")
    is_well(page, size)
    page.get_by_label("Adresse de la boîte").select_option("6")
    page.get_by_role("button", name="Lire avec ces colonnes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ce qui a été compris")
    is_well(page, size)
    page.get_by_role("button", name="Importer l'annuaire").click()
    assert page.url.endswith(PLACE.removesuffix("/import"))
    expect(page.get_by_role("status")).to_contain_text("l'annuaire est importé, 1 nouveau, 1 changé")
