"""What is typed survives the end of the session and « back », in a browser without JavaScript (R73, R10)."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Site
from tests.kit.page_widths import fits
from tests.kit.portal import CHEF

TYPED = {"prenom": "Claire", "nom": "Martn", "mail": "claire.martin@ac-toulouse.fr"}


def fill(page: Page) -> None:
    for name, text in TYPED.items():
        page.locator(f"#{name}").fill(text)


def typed(page: Page) -> dict[str, str]:
    return {name: page.locator(f"#{name}").input_value() for name in TYPED}


@pytest.mark.rule("R73")
def test_form__comes_back_after_a_session_that_ended(site: Site) -> None:
    window = site.window(CHEF, script=False)
    page = window.new_page()
    page.goto("/etablissement/declarer")
    fill(page)
    site.portal.clock.advance(hours=11)
    page.get_by_role("button", name="Déclarer ce RUPN").click()
    assert "/connexion?suite=" in page.url
    assert "Ce que vous avez tapé est gardé" in page.locator("main").inner_text()
    fits(page)
    secret = site.portal.secret(CHEF)
    window.add_cookies([{"name": site.portal.context.cookie, "value": secret, "url": site.address}])
    page.goto(page.url)
    assert page.url.endswith("/reprendre-la-saisie")
    assert typed(page) == TYPED
    fits(page)
    page.get_by_role("button", name="Déclarer ce RUPN").click()
    assert "/etablissement/demandes/ODA-" in page.url


@pytest.mark.rule("R10")
def test_form__sent_again_after_back_leads_to_what_was_made(site: Site) -> None:
    page = site.window(CHEF, script=False).new_page()
    page.goto("/etablissement/declarer")
    fill(page)
    page.get_by_role("button", name="Déclarer ce RUPN").click()
    page.wait_for_url("**/etablissement/demandes/ODA-*")
    page.go_back()
    fill(page)
    page.locator("#nom").fill("Martin")
    page.get_by_role("button", name="Déclarer ce RUPN").click()
    text = page.locator("main").inner_text()
    assert "ODA-2027-00001" in text
    assert "clé d'action" not in text
    assert page.locator("#nom").input_value() == "Martin"


def test_form__keeps_what_is_typed_when_a_click_beside_is_taken_back(site: Site) -> None:
    page = site.window(CHEF, script=False).new_page()
    page.goto("/etablissement/declarer")
    fill(page)
    page.get_by_role("contentinfo").get_by_role("link", name="Contact").click()
    page.go_back()
    assert typed(page) == TYPED
