"""Codes drawn for many requests: the clicks from the worklist to their mails, on a screen and on a telephone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from notifications.outbox.store import MAILS
from tests.browser.conftest import DESK, TELEPHONE, Site
from tests.kit import browser as kit
from tests.kit.axe import axe
from tests.kit.databases import fresh_url
from tests.kit.page_widths import fits
from tests.kit.portal import STAFF, open_portal
from tests.kit.ports import free_port
from tests.kit.ready_requests import ready_requests

MANY = 300
CLICKS = 6


@pytest.fixture
def site(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    """A portal whose codes are drawn."""
    port = free_port()
    settings = f"portal:\n  address: http://127.0.0.1:{port}\ncode:\n  source: drawn\n  hold_seconds: 60\n"
    with (
        fresh_url("sqlite", tmp_path) as url,
        open_portal(tmp_path, url, settings=settings) as portal,
        kit.listening(portal.asgi, port) as address,
    ):
        site = Site(portal, browser, address)
        yield site
        site.close()


def code_mails(site: Site) -> int:
    with site.portal.app.database.read() as connection:
        query = select(func.count()).select_from(MAILS).where(MAILS.c.kind == "code_issued")
        return int(connection.execute(query).scalar_one())


@pytest.mark.rule("R97")
def test_codes__three_hundred_in_few_clicks_and_no_key(site: Site) -> None:
    ready_requests(site.portal, MANY)
    page = site.window(STAFF, size=DESK, script=False).new_page()
    page.goto("/rectorat")
    clicks = 0

    def click(role: str, name: str) -> None:
        nonlocal clicks
        clicks += 1
        page.get_by_role(role, name=name).click()  # type: ignore[arg-type]

    click("link", f"Tirer les codes des {MANY} demandes prêtes")
    click("button", f"Tirer les codes ({MANY})")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{MANY} codes tirés")
    with page.expect_download() as download:
        click("button", "Télécharger le fichier")
    assert download.value.suggested_filename == "codes-lot-1.csv"
    click("button", f"C'est fait sur le serveur : envoyer les {MANY} courriels")
    expect(page.locator("#fait")).to_contain_text(f"{MANY} courriels vont partir")
    assert code_mails(site) == MANY
    assert clicks <= CLICKS


def each(page: Page) -> Iterator[str]:
    """Every page of codes in numbers, one after the other."""
    for address in ("/rectorat/codes", "/rectorat/codes/fichier", "/rectorat/codes/1", "/rectorat?a=code-tire"):
        page.goto(address)
        yield address
    page.goto("/rectorat/codes/fichier")
    content = "référence;code\nODA-2027-00001;Zx98Yw71\nODA-2027-09999;Zx98Yw72\n".encode()
    page.set_input_files("#fichier", {"name": "codes.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Lire sans rien émettre").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("lignes refusées")
    yield "read"


def test_codes__pages_fit_a_telephone_and_are_accessible(site: Site) -> None:
    for number in range(1, 4):
        site.portal.checked(number)
    page = site.window(STAFF, size=TELEPHONE, script=False).new_page()
    page.goto("/rectorat/lot?action=tirer&portee=filtre&etat=demandee")
    fits(page)
    page.get_by_role("button", name="Tirer les codes (3)").click()
    for _ in each(page):
        fits(page)
    scripted = site.window(STAFF, size=DESK).new_page()
    for _ in each(scripted):
        assert axe(scripted) == []
