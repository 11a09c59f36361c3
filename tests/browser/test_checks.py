"""Twenty requests compared with the two lists: the clicks that it costs, and the page at 375 pixels."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, TELEPHONE, Site
from tests.kit.page_widths import fits
from tests.kit.portal import STAFF

PLACE = "/rectorat/a-verifier"
MANY, CLICKS = 20, 30


@pytest.mark.rule("R34")
def test_checks__twenty_requests_within_thirty_clicks(site: Site) -> None:
    references = [site.portal.submitted(number) for number in range(1, MANY + 1)]
    page = site.window(STAFF, size=DESK, script=False).new_page()
    page.goto(PLACE)
    clicks = 0
    for button in ("Tout est conforme à la liste", "Toutes les délégations sont conformes"):
        page.get_by_role("button", name=button).click()
        clicks += 1
    for reference in references[::4]:  # one in four is missing from a list
        page.locator(f"#ligne-{reference}").get_by_text("introuvable").first.click()
        clicks += 1
    page.get_by_role("button", name="Enregistrer").click()
    clicks += 1
    expect(page.get_by_role("status")).to_contain_text("40 vérifications enregistrées")
    expect(page.get_by_role("heading", level=1)).to_have_text("0 demande à vérifier")
    assert clicks <= CLICKS


def test_checks__the_page_fits_a_telephone(site: Site) -> None:
    site.portal.submitted(1)
    page = site.window(STAFF, size=TELEPHONE).new_page()
    page.goto(PLACE)
    fits(page)
