"""A chef on a telephone: few inputs from the session to « demande envoyée », with a real browser (R7, R31, R33)."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import update

from notifications.outbox.store import MAILS
from states import commands as c
from states.vocabulary import Step
from tests.browser.conftest import DESK, TELEPHONE, Site, flaws
from tests.kit.page_widths import fits
from tests.kit.portal import CHEF, PARIS, STAFF, TWO_SCHOOLS, Portal

PLACE = "/etablissement/demandes/"
SIGNING_IN = 2
"""Nom and function, given once when the link of the mail is opened."""
MOST = 8


class Chef:
    """Somebody at the page, whose every input is counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.inputs = 0

    def fill(self, label: str, value: str) -> None:
        field(self.page, label).fill(value)
        self.inputs += 1

    def tick(self, label: str) -> None:
        self.page.locator("label", has_text=label).click()
        self.inputs += 1

    def sent(self) -> None:
        """« Demande envoyée » is read, and nothing sticks out of the screen."""
        expect(self.page.get_by_role("status")).to_contain_text("la demande est envoyée au rectorat")
        fits(self.page)


def field(page: Page, label: str) -> Locator:
    """The field whose label begins so; a hint may follow."""
    return page.get_by_label(re.compile(f"^{re.escape(label)}"))


def relayed(portal: Portal) -> None:
    """Every mail was taken by the relay."""
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(stage="sent", next_attempt_at=None, sent_at=datetime.now(UTC)))


def year_ended(portal: Portal) -> str:
    """A key of 2025-2026 that its year's end revoked, as a living service does."""
    reference, today = portal.issued_last_year(), portal.clock.now()
    portal.clock.set(datetime(2026, 6, 10, 9, tzinfo=PARIS))
    while portal.clock.now() < today:
        portal.app.ticker.tick()
        portal.clock.advance(days=12)
    portal.clock.set(today)
    portal.app.ticker.tick()
    return reference


@pytest.mark.rule("R7")
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_chef__a_whole_request_takes_eight_inputs_at_most_on_a_telephone(site: Site, script: bool) -> None:
    page = site.window(CHEF, size=TELEPHONE, script=script).new_page()
    chef = Chef(page)
    page.goto("/etablissement")
    fits(page)
    page.get_by_role("link", name="Faire une demande en une fois").click()
    fits(page)
    chef.fill("Prénom du RUPN", "Zoé")
    chef.fill("Nom du RUPN", "Durand")
    chef.fill("Adresse électronique professionnelle du RUPN", "zoe.durand@ac-toulouse.fr")
    chef.fill("Délégation faite dans DelegCE le", "2026-09-10")
    chef.tick("L'établissement a plusieurs sites.")
    chef.fill("Charte signée par le RUPN le", "2026-09-11")
    page.get_by_role("button", name="J'atteste et j'envoie la demande").click()
    chef.sent()
    assert SIGNING_IN + chef.inputs <= MOST


@pytest.mark.rule("R33")
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_chef__a_renewal_takes_the_two_dates_alone(site: Site, script: bool) -> None:
    year_ended(site.portal)
    page = site.window(CHEF, size=TELEPHONE, script=script).new_page()
    chef = Chef(page)
    page.goto("/etablissement")
    page.get_by_role("link", name="Renouveler pour Prénom Nomj").click()
    fits(page)
    assert page.locator("form.oda-form :is(input:not([type=hidden]), select, textarea)").count() == 2
    chef.fill("Délégation faite dans DelegCE le", "2026-09-10")
    chef.fill("Charte signée par le RUPN le", "2026-09-11")
    page.get_by_role("button", name="J'atteste et j'envoie la demande").click()
    chef.sent()
    assert chef.inputs == 2


def test_chef__a_whole_request_by_keyboard_alone(site: Site) -> None:
    page = site.window(CHEF, size=DESK).new_page()
    page.goto("/etablissement/demande-complete")
    field(page, "Prénom du RUPN").focus()
    keyboard = page.keyboard
    for text in ("Zoé", "Durand", "zoe.durand@ac-toulouse.fr"):
        keyboard.type(text)
        keyboard.press("Tab")
    for _ in range(4):  # day, month, year and the calendar's button of the date that may be left empty
        keyboard.press("Tab")
    for name, key in (("made_on", ""), ("why_reason", "Space"), ("signed_on", "")):
        while page.evaluate("document.activeElement.name") != name:
            keyboard.press("Tab")
        if key:
            keyboard.press(key)
        else:
            keyboard.type("09092026")  # the ninth of the ninth, whether day or month comes first
    while page.evaluate("document.activeElement.textContent.trim()") != "J'atteste et j'envoie la demande":
        keyboard.press("Tab")
    keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("la demande est envoyée au rectorat")


@pytest.mark.rule("R7")
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_chef__a_refused_form_keeps_what_was_typed_and_says_so_first(site: Site, script: bool) -> None:
    page = site.window(CHEF, size=TELEPHONE, script=script).new_page()
    page.goto("/etablissement/demande-complete")
    field(page, "Prénom du RUPN").fill("Zoé")
    field(page, "Nom du RUPN").fill("123")
    field(page, "Adresse électronique professionnelle du RUPN").fill("zoe")
    field(page, "Délégation faite dans DelegCE le").fill("2027-09-10")
    field(page, "Charte signée par le RUPN le").fill("2026-09-11")
    page.get_by_role("button", name="J'atteste et j'envoie la demande").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("Rien n'a été enregistré")
    expect(summary).to_be_focused()
    expect(field(page, "Prénom du RUPN")).to_have_value("Zoé")
    expect(field(page, "Délégation faite dans DelegCE le")).to_have_value("2027-09-10")
    summary.get_by_role("link", name="Nom du RUPN", exact=True).click()
    expect(field(page, "Nom du RUPN")).to_be_focused()
    fits(page)
    page.goto("/etablissement/demandes")
    expect(page.get_by_text("Aucune demande en cours.")).to_be_visible()


@pytest.mark.rule("R31")
def test_chef__confirms_the_hand_over_with_one_button(site: Site) -> None:
    reference = site.portal.issued()
    relayed(site.portal)
    page = site.window(CHEF, size=TELEPHONE, script=False).new_page()
    page.goto("/etablissement")
    page.get_by_role("link", name="Confirmer la remise à Prénom Nomb").click()
    expect(field(page, "Code remis en main propre le")).to_have_value("2026-09-14")
    fits(page)
    page.get_by_role("button", name="Le code est remis").click()
    expect(page.get_by_role("status")).to_contain_text("la remise est confirmée")
    expect(page).to_have_url(f"{site.address}{PLACE}{reference}")


def test_chef__every_page_fits_and_axe_finds_nothing(site: Site) -> None:
    portal = site.portal
    old, declared = year_ended(portal), portal.declared(1)
    back, code, lost = portal.submitted(2), portal.issued(3), portal.declared(4)
    sent = portal.submitted(5)
    relayed(portal)
    portal.do(c.SendBack(reference=back, step=Step.CHARTER, why="date illisible"), STAFF)
    page = site.window(TWO_SCHOOLS).new_page()
    steps = ("", "/terminer", "/delegation", "/correction", "/abandon", "/signalement")
    pages = [
        "", "/demandes", "/declarer", "/demande-complete", "/courriels", "/courriels/1",
        *(f"/demandes/{declared}{step}" for step in steps),
        f"/demandes/{back}", f"/demandes/{back}/charte", f"/demandes/{code}", f"/demandes/{code}/remise",
        f"/demandes/{code}/nouveau-code", f"/demandes/{code}/rendre", f"/demandes/{sent}/reprise",
        f"/demandes/{old}", f"/demandes/{old}/renouveler", f"/demandes/{old}/renouvellement", f"/demandes/{lost}",
    ]  # fmt: skip
    for path in pages:
        page.goto(f"/etablissement{path}")
        assert flaws(page) == []
    for size in (TELEPHONE, DESK):
        page.set_viewport_size(size)
        page.goto("/etablissement/demande-complete")
        page.get_by_role("button", name="J'atteste et j'envoie la demande").click()
        assert flaws(page, size) == []
