"""The request on one page in a real browser: few clicks, on a desk and on a telephone, or by keyboard alone."""

from datetime import date

import pytest
from playwright.sync_api import ViewportSize, expect

from states import commands as c
from states.vocabulary import Change, CheckOutcome, RevokeReason
from tests.browser.conftest import DESK, TELEPHONE, Site, flaws
from tests.kit.page_widths import fits
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF

PLACE = "/rectorat/demandes/"


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
def test_request__is_handled_from_its_page(site: Site, size: ViewportSize) -> None:
    reference, following = site.portal.submitted(1), site.portal.checked(2)
    page = site.window(STAFF, size=size).new_page()
    page.goto(PLACE + reference)
    fits(page)
    page.get_by_role("button", name="Trouvé dans la liste").click()
    page.get_by_role("button", name="Délégation trouvée").click()
    expect(page.get_by_role("status")).to_contain_text("la vérification de la délégation est enregistrée")
    expect(page.get_by_role("status")).to_be_focused()  # what was done is heard before anything is typed
    page.get_by_label("Code d'initialisation").fill("Zq93Kx71")
    page.get_by_role("button", name="Envoyer le code").click()
    expect(page.get_by_role("status")).to_contain_text("l'émission est enregistrée")
    assert "Zq93Kx71" not in page.content()
    fits(page)
    page.get_by_role("link", name="Demande suivante à émettre").click()
    expect(page).to_have_url(f"{site.address}{PLACE}{following}")
    page.go_back()
    page.go_back()
    assert "Zq93Kx71" not in page.content()


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
def test_request__is_sent_back_then_continued_for_who_telephoned(site: Site, size: ViewportSize) -> None:
    reference = site.portal.submitted()
    page = site.window(STAFF, size=size, script=False).new_page()
    page.goto(PLACE + reference)
    page.get_by_role("button", name="Délégation introuvable").click()
    page.get_by_role("link", name="Renvoyer : délégation introuvable").click()
    fits(page)
    why = page.get_by_label("Pourquoi ?")
    why.fill(f"{why.input_value()} Merci.")
    page.get_by_role("button", name="Renvoyer la demande").click()
    expect(page.get_by_role("status")).to_contain_text("la demande est renvoyée à l'établissement")
    page.get_by_role("link", name="Abandonner la demande").click()
    fits(page)
    page.get_by_label("La clé n'est plus nécessaire").check(force=True)
    page.get_by_role("button", name="Abandonner la demande").click()
    expect(page.get_by_role("alert")).to_contain_text("Qui, dans l'établissement, l'a demandé ?")
    page.get_by_label("Qui, dans l'établissement, l'a demandé ?").fill("Mme Martin, principale")
    page.get_by_label("Comment ?").select_option(label="par téléphone")
    page.get_by_role("button", name="Abandonner la demande").click()
    expect(page.get_by_role("status")).to_contain_text("la demande est abandonnée")
    fits(page)


def test_codes__go_out_by_keyboard_alone_in_eleven_keys_each(site: Site) -> None:
    first = site.portal.checked(1)
    others = [site.portal.checked(number) for number in (2, 3)]
    page = site.window(STAFF, size=DESK).new_page()
    page.goto(PLACE + first)
    for rank, following in enumerate([*others, None]):
        expect(page.get_by_label("Code d'initialisation")).to_be_focused()
        page.keyboard.type(f"Zq93Kx7{rank}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("l'émission est enregistrée")
        expect(page.get_by_role("status")).to_be_focused()
        if following:
            page.keyboard.press("Tab")
            expect(page.get_by_role("link", name=f"Demande suivante à émettre : {following}")).to_be_focused()
            page.keyboard.press("Enter")
            expect(page).to_have_url(f"{site.address}{PLACE}{following}")
    expect(page.get_by_role("link", name="Retour à la liste des demandes")).to_be_visible()


def test_request__has_no_flaw_in_any_state(site: Site) -> None:
    portal = site.portal
    declared, waiting, ready = portal.declared(1), portal.submitted(2), portal.checked(3)
    live, revoked = portal.issued(4), portal.issued(5)
    shared = portal.checked(4, OTHER_CHEF)
    negative = c.CheckListing(reference=waiting, outcome=CheckOutcome.NEGATIVE, source="liste")
    reported = c.ReportChange(reference=live, change=Change.KEY_COMPROMISED, effective_on=date(2026, 9, 14))
    portal.do(negative, STAFF)
    portal.do(reported, CHEF)
    portal.do(c.Revoke(reference=revoked, reason=RevokeReason.DEPARTURE), STAFF)
    ways = (
        declared, waiting, ready, live, revoked, shared, f"{waiting}/renvoyer?motif=autre-date",
        f"{waiting}/verifier-liste", f"{shared}/emettre", f"{ready}/etendre", f"{live}/reemettre", f"{live}/regler",
        f"{live}/revoquer", f"{live}/signaler", f"{live}/expiration", f"{revoked}/retrait", f"{declared}/correction",
    )  # fmt: skip
    page = site.window(STAFF).new_page()
    for way in ways:
        page.goto(PLACE + way)
        assert flaws(page) == []
    reader = site.window(DRANE).new_page()
    reader.goto(PLACE + live)
    assert flaws(reader) == []
    for size in (DESK, TELEPHONE):
        page.set_viewport_size(size)
        page.goto(f"{PLACE}{live}/revoquer")
        page.get_by_role("button", name="Révoquer la demande").click()
        expect(page.get_by_role("alert")).to_contain_text("Rien n'a été enregistré")
        assert flaws(page, size) == []
