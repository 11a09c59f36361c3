"""From the UAI to the first page on a telephone without JavaScript, the mail going through a real relay (R72)."""

import asyncio
import quopri
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Site
from tests.kit import browser as kit
from tests.kit.databases import fresh_url
from tests.kit.page_widths import fits
from tests.kit.portal import open_portal
from tests.kit.ports import free_port
from tests.kit.smtp import ScriptedRelay


@pytest.fixture
def posted(browser: Browser, tmp_path: Path) -> Iterator[tuple[Site, ScriptedRelay]]:
    """A portal that listens, and the relay through which its mails go."""
    port = free_port()
    with ScriptedRelay() as relay, fresh_url("sqlite", tmp_path) as url:
        settings = f"    port: {relay.port}\n    security: none\nportal:\n  address: http://127.0.0.1:{port}\n"
        with open_portal(tmp_path, url, settings=settings) as portal, kit.listening(portal.asgi, port) as address:
            site = Site(portal, browser, address)
            yield site, relay
            site.close()


@pytest.mark.rule("R72", "R73", "R104")
def test_sign_in__from_a_telephone(posted: tuple[Site, ScriptedRelay]) -> None:
    site, relay = posted
    page = site.window(script=False).new_page()
    page.goto("/connexion")
    page.get_by_label("UAI de votre établissement").fill("0310001h")
    page.get_by_role("button", name="Recevoir un lien de connexion").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Ouvrez votre messagerie"

    with ThreadPoolExecutor(1) as aside:  # this thread has a loop already, the browser's
        assert aside.submit(lambda: asyncio.run(site.portal.app.dispatcher.run_once())).result() == 1
    text = quopri.decodestring(relay.received[0].content).decode()
    (link,) = set(re.findall(r"http://127\.0\.0\.1:\d+/connexion/lien/[\w-]+", text))
    elsewhere = site.window(script=False).new_page()
    elsewhere.goto(link)
    fits(elsewhere)
    digits = elsewhere.locator("main code").inner_text()
    assert re.fullmatch(r"\d{3} \d{3}", digits)
    fits(page)
    page.get_by_label("Les six chiffres").fill("000000" if digits != "000 000" else "000001")
    page.get_by_role("button", name="Continuer").click()
    assert "Ces chiffres ne sont pas ceux du dernier lien" in page.locator("main").inner_text()
    assert page.get_by_label("Les six chiffres").input_value() == ""
    page.goto(link)
    fits(page)
    page.get_by_role("button", name="Me connecter").click()

    page.get_by_label("Vos prénom et nom").fill("Claire Martin")
    assert page.get_by_label("Chef d'établissement").is_checked()
    page.get_by_role("button", name="Continuer").click()
    assert page.url.endswith("/etablissement")
    page.goto("/compte")
    assert "Claire Martin" in page.locator("main").inner_text()
    page.get_by_role("button", name="Se déconnecter", exact=True).click()
    assert "vous êtes déconnecté." in page.locator("main").inner_text()
