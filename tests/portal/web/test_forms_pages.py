"""A list walked page after page: each page knows the one before, whatever its cursors are."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import insert
from starlette.datastructures import URL

from portal.web.forms import MOST_PASSED, PagesAround
from tests.kit.databases import fresh_url
from tests.kit.portal import STAFF, Portal, open_portal
from workflow.database.tables import ESTABLISHMENT

PLACE = "/rectorat/etablissements"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """On one database: what a page answers here is of no database."""
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


def link(page: str, text: str) -> str:
    """The address of the pager's link of this text; empty when there is none."""
    before, separator, _ = page.partition(f">{text}</a>")
    return before.rpartition('href="')[2].partition('"')[0].replace("&amp;", "&") if separator else ""


def test_pages__lead_on_and_back_and_say_their_number(portal: Portal) -> None:
    with portal.app.database.write() as connection:
        rows = [{"uai": f"032{number:04}A", "nom": "Collège", "departement": "32"} for number in range(120)]
        connection.execute(insert(ESTABLISHMENT), [row | {"is_open": True, "is_listed": True} for row in rows])
    client, address = portal.client(STAFF), f"{PLACE}?departement=32"
    pages: list[tuple[str, str]] = []
    while address:
        page = client.get(address).text
        pages.append((address, page))
        address = link(page, "Page suivante")
    assert len(pages) == 3
    for number, (_, page) in enumerate(pages, start=1):
        assert f'aria-current="page" title="Page {number}"' in page
        assert page.count('scope="row"') == (20 if number == 3 else 50)
    for (former, _), (_, later) in pairwise(pages):
        assert link(later, "Page précédente") == former
    assert [link(page, "Première page") for _, page in pages] == ["", "", pages[0][0]]


def test_pages__of_a_very_long_list_keep_a_short_address() -> None:
    address = f"{PLACE}?mots=a&suite=first"
    for number in range(2, 3 * MOST_PASSED):
        around = PagesAround.of(URL(address), f"{PLACE}?mots=a&suite=page{number}")
        assert around.after
        assert around.after.endswith(f"&suite=page{number}")
        assert around.before == address.rpartition("&suite=")[0]
        assert around.first in (f"{PLACE}?mots=a", None)
        address = around.after
    assert address.count("suite=") == MOST_PASSED
    assert PagesAround.of(URL(address), None).number is None
