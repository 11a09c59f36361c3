"""The themes of the display, without a script."""

import pytest

from portal.web.environment import DARK_STYLE, dsfr_folder
from portal.web.public import dark_rules
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, Portal


def test_display__is_the_machines_until_another_is_chosen(portal: Portal) -> None:
    client = portal.client(CHEF)
    page = client.get("/affichage")
    assert '<html lang="fr" data-fr-theme="system">' in page.text
    assert 'media="(prefers-color-scheme: dark)"' in page.text
    done = send(client, form_to(page, "/affichage"), theme="dark")
    assert "C'est fait : l&#39;affichage est réglé : thème sombre." in done.text
    home = client.get("/etablissement").text
    assert '<html lang="fr" data-fr-theme="dark">' in home
    assert "prefers-color-scheme" not in home
    send(client, form_to(page, "/affichage"), theme="system")
    assert 'data-fr-theme="system"' in client.get("/etablissement").text


@pytest.mark.parametrize("theme", ["", "rose", 'dark" onload="x'])
def test_display__refuses_what_is_no_theme(portal: Portal, theme: str) -> None:
    client = portal.client()
    refused = send(client, form_to(client.get("/affichage"), "/affichage"), theme=theme)
    assert refused.status_code == 422
    assert "Choisir une" in refused.text
    client.cookies.set(portal.context.theme_cookie, theme.replace('"', ""))
    assert 'data-fr-theme="system"' in client.get("/").text


def test_dark_rules__are_all_those_of_the_design_system_and_no_other(portal: Portal) -> None:
    rules = dark_rules()
    own = (dsfr_folder() / "dsfr.main.min.css").read_text(encoding="utf-8")
    assert rules.count("[data-fr-theme=system]") == own.count("[data-fr-theme=dark]") > 0
    assert "[data-fr-theme=dark]" not in rules
    assert rules.count("{") == rules.count("}")
    assert f'href="{DARK_STYLE}" media="(prefers-color-scheme: dark)"' in portal.client().get("/").text
    style = portal.client().get(DARK_STYLE)
    assert style.headers["content-type"].startswith("text/css")
    assert style.text == rules
