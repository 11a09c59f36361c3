"""The transmissions to the DRANE and the accounts activated, in a browser (R96, R100)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import TELEPHONE, Site
from tests.kit import browser as kit
from tests.kit.axe import axe
from tests.kit.databases import fresh_url
from tests.kit.educonnect import report_csv
from tests.kit.page_widths import fits
from tests.kit.portal import STAFF, open_portal
from tests.kit.ports import free_port

pytestmark = [pytest.mark.rule("R96"), pytest.mark.rule("R100")]


@pytest.fixture
def transmitting(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    """A portal that listens, where the rectorat transmits the RUPN."""
    port = free_port()
    settings = f"portal:\n  address: http://127.0.0.1:{port}\ndrane:\n  declaration: sent_by_us\n"
    with (
        fresh_url("sqlite", tmp_path) as url,
        open_portal(tmp_path, url, settings=settings) as portal,
        kit.listening(portal.asgi, port) as address,
    ):
        site = Site(portal, browser, address)
        yield site
        site.close()


def test_desk__three_clicks_to_what_is_sent_and_two_to_the_rates(transmitting: Site, tmp_path: Path) -> None:
    transmitting.portal.declared(1)
    page = transmitting.window(STAFF, size=TELEPHONE).new_page()
    page.goto("/rectorat/drane")
    fits(page)
    assert axe(page) == []
    page.get_by_role("button", name="Préparer toute la transmission").click()
    fits(page)
    assert axe(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="XLSX").click()
    assert download.value.suggested_filename == "transmission-drane-1.xlsx"
    page.get_by_role("button", name="Noter que ces lignes sont transmises").click()
    expect(page.get_by_text("1 ligne est notée transmise")).to_be_visible()
    file = tmp_path / "comptes.csv"
    file.write_text(report_csv(), encoding="utf-8")
    page.goto("/rectorat/activation/importer")
    page.set_input_files("input[name=fichier]", file)
    page.get_by_role("button", name="Lire sans rien changer").click()
    page.get_by_role("button", name="Importer", exact=True).click()
    expect(page.get_by_role("heading", name="Comptes EduConnect activés")).to_be_visible()
    for address in ("/rectorat/activation", "/rectorat/activation/etablissements"):
        page.goto(address)
        fits(page)
        assert axe(page) == []
