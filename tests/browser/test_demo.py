"""The demonstration in a real browser: its bar, its mailbox, its clock, on a telephone and on a desk."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.demo.runtime import RunningDemo, open_demo
from tests.browser.conftest import DESK, TELEPHONE
from tests.kit import browser as kit
from tests.kit.axe import axe
from tests.kit.demo_season import demo_address, season_cache
from tests.kit.page_widths import fits

pytestmark = pytest.mark.xdist_group("demo")  # one worker lives the story, once


@pytest.fixture(scope="module")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningDemo, str]]:
    """A demonstration that listens, and its address."""
    folder: Path = tmp_path_factory.mktemp("demo")
    making = open_demo(folder, demo_address(), cache=season_cache())
    with ThreadPoolExecutor(1) as elsewhere:  # Playwright's own loop runs in this thread: no other one may
        demo = elsewhere.submit(making.__enter__).result()
        try:
            with kit.listening(demo.asgi, int(demo_address().rpartition(":")[2])) as address:
                yield demo, address
        finally:
            elsewhere.submit(making.__exit__, None, None, None).result()


def look(page: Page) -> None:
    """A page that one would show: nothing for axe to say, nothing beyond the screen's edge."""
    assert axe(page) == [], page.url
    fits(page)


@pytest.mark.parametrize("size", [TELEPHONE, DESK], ids=["telephone", "desk"])
def test_demo__every_page_in_every_role(
    browser: Browser, demo: tuple[RunningDemo, str], size: dict[str, int], tmp_path: Path
) -> None:
    opened_demo, address = demo
    context = browser.new_context(viewport=size, base_url=address, locale="fr-FR")  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(kit.PATIENCE_MS)
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto("/demonstration")
    look(page)
    for who, home in (
        ("operateur", "/rectorat"),
        ("lecteur", "/rectorat/tableau-de-bord"),
        (_chef(opened_demo), "/etablissement"),
    ):
        page.get_by_label("La personne à devenir").select_option(who)
        page.get_by_role("button", name="Devenir cette personne").click()
        expect(page).to_have_url(re.compile(f"{home}$"))
        look(page)
    page.get_by_role("link", name=re.compile("Boîte aux lettres")).click()
    look(page)
    page.get_by_label("Destinataire ou objet").fill("code à remettre")
    page.get_by_role("button", name="Chercher").click()
    page.locator(".demo-letter a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ode à remettre")
    expect(page.frame_locator(".demo-frame").locator("h1")).to_be_visible()
    with page.expect_download() as paper:
        page.get_by_role("link", name=re.compile("bordereau")).first.click()
    assert Path(paper.value.path()).read_bytes().startswith(b"%PDF")
    look(page)
    assert messages == []
    context.close()


def test_demo__to_the_end_of_the_year_without_javascript(browser: Browser, demo: tuple[RunningDemo, str]) -> None:
    context = browser.new_context(base_url=demo[1], java_script_enabled=False, viewport=TELEPHONE)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/demonstration")
    page.get_by_role("button", name="Être un opérateur").click()
    expect(page).to_have_url(re.compile("/rectorat$"))
    for move in ("Avancer d'un jour", "Aller au 31 août 2027", "Aller au 1er septembre 2027"):
        page.goto("/demonstration")
        page.get_by_role("button", name=move).click()
        expect(page.get_by_role("heading", name="Ce qui s'est passé")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Fin de l'année 2026-2027\s: \d+\sdemandes révoquées\."))).to_be_visible()
    page.get_by_role("link", name="la page de l'opérateur").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("année")
    context.close()


def _chef(demo: RunningDemo) -> str:
    return demo.view.suggestions[0][0]
