"""One Chromium for all the browser tests, each with a portal of its own (SQLite)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from tests.kit import browser as kit
from tests.kit.axe import axe
from tests.kit.databases import fresh_url
from tests.kit.debian import without
from tests.kit.page_widths import too_wide
from tests.kit.portal import Portal, open_portal
from tests.kit.ports import free_port
from workflow.auth.sessions import SessionUser

FOLDER = Path(__file__).parent
TELEPHONE: ViewportSize = {"width": 375, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker drives the browser: a Chromium for each would be slower, and holds a running event loop."""
    for item in items:
        if FOLDER in item.path.parents and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; in CI the tests fail without it. Closed before other tests: its event loop would be in their way."""
    if kit.executable() is None:
        without("Chromium n'est pas installé (sur Debian ou Ubuntu, en root : python -m tests.kit.debian)")
    with kit.chromium() as browser:
        yield browser


def flaws(page: Page, *sizes: ViewportSize) -> list[str]:
    """What is wrong with a page at each of these sizes, a telephone's and a desk's if none is given.

    The page is loaded once: loading it and axe takes longer than what axe then does.
    """
    problems = []
    for size in sorted(sizes or (TELEPHONE, DESK), key=lambda size: size != page.viewport_size):
        page.set_viewport_size(size)
        wide = too_wide(page)
        violations = [f"scrolls sideways: {wide}"] * bool(wide) + axe(page)
        problems += [f"{page.url} at {size['width']} px: {violation}" for violation in violations]
    return problems


class Site:
    """A portal that listens, and windows on it."""

    def __init__(self, portal: Portal, browser: Browser, address: str) -> None:
        self.portal, self.address = portal, address
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def window(
        self, session_user: SessionUser | None = None, *, size: ViewportSize = TELEPHONE, script: bool = True,
        forced_colours: bool = False,
    ) -> BrowserContext:  # fmt: skip
        """A new browser window, signed in as somebody; ``script`` False: without JavaScript."""
        context = self._browser.new_context(
            viewport=size, base_url=self.address, java_script_enabled=script, locale="fr-FR",
            forced_colors="active" if forced_colours else "none",
        )  # fmt: skip
        context.set_default_timeout(kit.PATIENCE_MS)
        if session_user:
            secret = self.portal.secret(session_user)
            context.add_cookies([{"name": self.portal.context.cookie, "value": secret, "url": self.address}])
        self._contexts.append(context)
        return context

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def site(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    """A portal that listens."""
    port = free_port()
    settings = f"portal:\n  address: http://127.0.0.1:{port}\n"
    with (
        fresh_url("sqlite", tmp_path) as url,
        open_portal(tmp_path, url, settings=settings) as portal,
        kit.listening(portal.asgi, port) as address,
    ):
        site = Site(portal, browser, address)
        yield site
        site.close()
