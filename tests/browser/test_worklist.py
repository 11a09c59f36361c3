"""Fifty requests whose checks are done: the clicks and the keys that their codes cost, and by keyboard alone."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from states import commands as c
from states.vocabulary import RevokeReason
from tests.browser.conftest import DESK, TELEPHONE, Site
from tests.kit.page_widths import fits
from tests.kit.portal import STAFF
from tests.kit.ready_requests import ready_requests
from workflow.database.tables import ESTABLISHMENT

MANY = 50
CLICKS, KEYS_A_CODE = 60, 10


class Hand:
    """A person at a page, whose every click and key is counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.keys = page, 0, 0

    def click(self, role: str, name: str) -> None:
        self.clicks += 1
        self.page.get_by_role(role, name=name).click()  # type: ignore[arg-type]

    def press(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.keys += 1
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.keys += len(text)
        self.page.keyboard.type(text)

    def tab_to(self, name: str) -> None:
        """Tab until what bears this name has the focus."""
        for _ in range(60):
            self.press("Tab")
            if name in str(self.page.evaluate("document.activeElement.innerText")):
                return
        raise AssertionError(f"« {name} » n'est pas atteint au clavier")


def code(number: int) -> str:
    return f"Ab12Cd{number:02d}"


@pytest.fixture
def ready(site: Site) -> Site:
    ready_requests(site.portal, MANY)
    return site


def type_all_codes(hand: Hand) -> None:
    """From the first field, which has the focus once the page is there."""
    expect(hand.page.get_by_label("Code de").first).to_be_focused()
    for number in range(MANY):
        hand.type(code(number))
        hand.press("Tab")


def all_are_issued(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"c'est fait pour {MANY} demandes")


@pytest.mark.rule("R39")
def test_codes__fifty_in_few_clicks_and_keys(ready: Site) -> None:
    page = ready.window(STAFF, size=DESK, script=False).new_page()
    page.goto("/rectorat")
    hand = Hand(page)
    hand.click("link", f"{MANY} prêtes à émettre")
    hand.click("link", f"Saisir les codes des {MANY} demandes prêtes de cette page")
    type_all_codes(hand)
    hand.click("button", "Envoyer les codes saisis")
    all_are_issued(page)
    assert hand.clicks <= CLICKS
    assert hand.keys <= MANY * KEYS_A_CODE
    assert code(1) not in page.content()


@pytest.mark.rule("R39")
def test_codes__fifty_by_keyboard_alone(ready: Site) -> None:
    page = ready.window(STAFF, size=DESK, script=False).new_page()
    page.goto("/rectorat")
    hand = Hand(page)
    hand.press("Tab")
    hand.press("Enter")  # straight to the content
    hand.tab_to(f"Saisir les codes des {MANY} demandes")
    hand.press("Enter")
    page.wait_for_url("**/rectorat/lot?**")
    reached = hand.keys
    type_all_codes(hand)
    hand.press("Enter")
    all_are_issued(page)
    assert reached <= CLICKS
    assert hand.keys - reached <= MANY * KEYS_A_CODE


def test_worklist__fits_a_telephone_without_script(site: Site) -> None:
    for number in range(1, 4):
        site.portal.checked(number)
    page = site.window(STAFF, size=TELEPHONE, script=False).new_page()
    for address in ("/rectorat", "/rectorat?nom=personne", "/rectorat/lot?action=emettre&portee=filtre&etat=demandee",
                    "/rectorat/lot?action=revoquer&portee=filtre&etat=demandee"):  # fmt: skip
        page.goto(address)
        fits(page)


def test_worklist__ticked_lines_and_an_action(site: Site) -> None:
    for number in range(1, 4):
        site.portal.submitted(number)
    page = site.window(STAFF, size=DESK, script=False).new_page()
    page.goto("/rectorat")
    for box in page.get_by_role("checkbox", name="Choisir Prénom").all()[:2]:
        box.check(force=True)
    page.get_by_label("Action", exact=True).select_option(label="Renvoyer à l'établissement")
    page.get_by_role("button", name="Préparer l'action").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 demandes")
    page.get_by_text("Confirmation", exact=True).click()
    page.get_by_label("La raison").fill("l'adresse est à revoir")
    page.get_by_text("Je confirme pour ces 2 demandes").click()
    page.get_by_role("button", name="Renvoyer ces demandes").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("c'est fait pour 2 demandes")
    page.get_by_role("link", name="Revenir à la liste").click()
    expect(page.get_by_role("heading", name="1 demande à traiter par le rectorat")).to_be_visible()


def test_worklist__stands_on_the_first_screen_in_short_rows(site: Site) -> None:
    long_names = {"nom": "Lycée professionnel de la Forge-Vieille", "commune": "Villefranche-de-Rouergue"}
    with site.portal.app.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).values(long_names))
    for number in range(1, 13):
        site.portal.checked(number)
    page = site.window(STAFF, size=DESK, script=False).new_page()
    page.goto("/rectorat")
    rows = [row.bounding_box() for row in page.locator("table.oda-worklist tbody tr").all()]
    assert len(rows) == 12
    assert all(row and row["height"] <= 56 for row in rows)
    assert rows[0]
    assert rows[0]["y"] < 500
    bar = page.locator("#lot").bounding_box()
    assert bar
    assert bar["y"] + bar["height"] <= DESK["height"]
    reference = page.locator("table.oda-worklist tbody th .oda-whole").first.bounding_box()
    assert reference
    assert reference["height"] < 24


def test_worklist__a_whole_cell_ticks_its_line(site: Site) -> None:
    site.portal.submitted(1)
    page = site.window(STAFF, size=DESK, script=False).new_page()
    page.goto("/rectorat")
    cell = page.locator("table.oda-worklist tbody .oda-tick").bounding_box()
    assert cell
    page.mouse.click(cell["x"] + 3, cell["y"] + 3)
    expect(page.get_by_role("checkbox", name="Choisir Prénom")).to_be_checked()


def test_print__has_the_tables_and_nothing_to_click_or_type(site: Site) -> None:
    references = [site.portal.checked(1), site.portal.issued(2)]
    site.portal.do(c.Revoke(reference=references[1], reason=RevokeReason.DEPARTURE), STAFF)
    page = site.window(STAFF, size=DESK, script=False).new_page()
    page.emulate_media(media="print")
    for address, text in (
        ("/rectorat", references[0]), ("/rectorat/retraits", references[1]),
        (f"/rectorat/retraits/confirmer?choix={references[1]}", references[1]),
        (f"/rectorat/lot?action=emettre&ref={references[0]}", references[0]),
        (f"/rectorat/demandes/{references[0]}", references[0]),
    ):  # fmt: skip
        page.goto(address)
        expect(page.get_by_text(text).locator("visible=true").first).to_be_visible()
        for clickable in page.locator("main :is(input, select, textarea, button, .fr-btn, a[download])").all():
            expect(clickable).to_be_hidden()
    page.set_viewport_size({"width": 700, "height": 1000})  # of a sheet
    page.goto("/rectorat/retraits")
    expect(page.locator("table.oda-rows thead")).to_be_visible()
