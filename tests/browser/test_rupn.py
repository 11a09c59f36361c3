"""The RUPN's way through his own page, on a telephone, without a script (R113)."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import TELEPHONE, Site
from tests.kit.page_widths import too_wide
from tests.kit.portal import OTHER_CHEF
from tests.kit.sign_in import secrets_of


@pytest.mark.rule("R72", "R113")
def test_rupn__from_the_link_to_ce_n_est_plus_moi(site: Site) -> None:
    site.portal.declared(1)
    site.portal.submitted(1, OTHER_CHEF)
    page = site.window(size=TELEPHONE, script=False).new_page()
    page.goto("/connexion")
    page.get_by_role("link", name="Je suis RUPN").click()
    page.get_by_label("Votre adresse académique").fill("rupn1@ac-toulouse.fr")
    page.get_by_role("button", name="Recevoir un lien").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ouvrez votre messagerie")
    page.goto(f"/connexion/lien/{secrets_of(site.portal.app)[-1]}")
    page.get_by_role("button", name="Me connecter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ma clé ODA")
    expect(page.get_by_text("2 demandes de clé sont en cours pour vous")).to_be_visible()
    assert not too_wide(page)
    page.get_by_role("link", name="Ce n'est plus moi").first.click()
    assert not too_wide(page)
    page.get_by_text("Je ne suis plus").click()
    page.get_by_role("button", name="Dire que ce n'est plus moi").click()
    expect(page.get_by_text("C'est fait : c'est enregistré")).to_be_visible()
    expect(page.get_by_role("heading", name="Vous avez dit ne plus être le RUPN")).to_be_visible()
    assert not too_wide(page)
