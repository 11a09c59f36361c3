"""From the button of a provider to the page wanted and out again, in a real browser without JavaScript (R101).

What no other test sees: a browser that holds to our headers follows the page that leads out, and sends the cookie of
the sign-in with the return, to which another site has led it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Site
from tests.kit import browser as kit
from tests.kit.axe import axe
from tests.kit.databases import fresh_url
from tests.kit.installation import OPERATOR
from tests.kit.page_widths import fits
from tests.kit.portal import open_portal
from tests.kit.ports import free_port


@pytest.fixture
def national(browser: Browser, mock_provider: str, tmp_path: Path) -> Iterator[Site]:
    """A portal that listens, and whose provider does."""
    port = free_port()
    secret = tmp_path / "secrets" / "provider-essai"
    secret.parent.mkdir(mode=0o700)
    secret.write_text("secret", encoding="utf-8")
    secret.chmod(0o600)
    provider = f'{{name: essai, label: ProConnect, client_id: oda, issuer: "{mock_provider}"}}'
    settings = f"portal:\n  address: http://127.0.0.1:{port}\nsign_in:\n  providers:\n    - {provider}\n"
    with (
        fresh_url("sqlite", tmp_path) as url,
        open_portal(tmp_path, url, datetime.now(UTC), settings=settings) as portal,
        kit.listening(portal.asgi, port) as address,
    ):
        site = Site(portal, browser, address)
        yield site
        site.close()


@pytest.mark.rule("R101")
def test_provider__in_and_out(national: Site) -> None:
    page = national.window(script=False).new_page()
    page.goto("/rectorat/calendrier")
    fits(page)
    page.get_by_role("button", name="S'identifier avec ProConnect").click()
    page.get_by_role("button", name="Deny").click()  # this provider gives no state then: as any return of another
    page.wait_for_url(f"{national.address}/**")
    fits(page)
    page.get_by_role("button", name="Recommencer avec ProConnect").click()
    page.get_by_role("button", name=OPERATOR).click()
    page.wait_for_url(f"{national.address}/**")
    assert page.url == f"{national.address}/rectorat/calendrier"
    page.goto("/compte")
    page.get_by_role("button", name="Se déconnecter", exact=True).click()
    page.get_by_role("button", name="End session").click()
    page.wait_for_url(f"{national.address}/connexion**")
    assert "vous êtes déconnecté." in page.locator("main").inner_text()
    page.goto("/rectorat")
    assert page.url.startswith(f"{national.address}/connexion/rectorat")
    page = national.window().new_page()
    for path in ("/connexion", "/connexion/retour?state=x&code=y"):
        page.goto(path)
        assert axe(page) == []
