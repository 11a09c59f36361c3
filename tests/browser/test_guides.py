"""The guides' pictures: taken here, and taken anew when the page that they show says something else.

``pictures.json`` keeps, for each picture, a digest of what its page says to a screen reader. To take them anew:
``ODA_PICTURES=1 ./run test tests/browser/test_guides.py``; then look at them.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import FloatRect, Page, ViewportSize

from portal.web.guides import FOLDER, GUIDES, Guide
from tests.browser.conftest import Site
from tests.kit.guide_scene import EMILE, NADEGE, ZOE, Rupn, play
from tests.kit.portal import CHEF, STAFF
from workflow.auth.sessions import SessionUser

IMAGES = FOLDER / "images"
RECORD = IMAGES / "pictures.json"
TELEPHONE: ViewportSize = {"width": 375, "height": 560}
DESK: ViewportSize = {"width": 1000, "height": 640}
CHANGING = re.compile(r"\b(127\.0\.0\.1:\d+|csrf\S*)\b")


@dataclass(frozen=True)
class Picture:
    """A picture: where it is taken, by whom, and how wide."""

    name: str
    address: Callable[[dict[Rupn, str]], str]
    session_user: SessionUser | None
    size: ViewportSize


def _of(rupn: Rupn, template: str) -> Callable[[dict[Rupn, str]], str]:
    return lambda references: template.format(references[rupn])


def _at(address: str) -> Callable[[dict[Rupn, str]], str]:
    return lambda _: address


PICTURES = (
    Picture("connexion", _at("/connexion"), None, TELEPHONE),
    Picture("a-faire", _at("/etablissement"), CHEF, TELEPHONE),
    Picture("demande", _at("/etablissement/demande-complete"), CHEF, TELEPHONE),
    Picture("remise", _of(ZOE, "/etablissement/demandes/{}/remise"), CHEF, TELEPHONE),
    Picture("nouveau-code", _of(ZOE, "/etablissement/demandes/{}/nouveau-code"), CHEF, TELEPHONE),
    Picture("a-verifier", _at("/rectorat/a-verifier"), STAFF, DESK),
    Picture("demandes", _at("/rectorat"), STAFF, DESK),
    Picture("demande-rectorat", _of(NADEGE, "/rectorat/demandes/{}"), STAFF, DESK),
    Picture("emettre", _of(EMILE, "/rectorat/demandes/{}"), STAFF, DESK),
    Picture("retraits", _at("/rectorat/retraits"), STAFF, DESK),
    Picture("fin-d-annee", _at("/rectorat/fin-d-annee"), STAFF, DESK),
)


def test_pictures__show_what_the_pages_say_today(site: Site) -> None:
    references = play(site.portal)
    said = {picture.name: _look(site, picture, references) for picture in PICTURES}
    if os.environ.get("ODA_PICTURES"):
        RECORD.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    kept = json.loads(RECORD.read_text(encoding="utf-8"))
    changed = sorted(name for name in said if said[name] != kept.get(name))
    assert changed == [], "these pages have changed: take their pictures anew (the head of this file says how)"
    assert kept.keys() == said.keys() == {path.stem for path in IMAGES.glob("*.png")}


def _look(site: Site, picture: Picture, references: dict[Rupn, str]) -> str:
    """A digest of what the page says; the picture is taken when it is asked for."""
    page: Page = site.window(picture.session_user, size=picture.size).new_page()
    answer = page.goto(picture.address(references))
    assert answer is not None
    assert answer.status == 200, picture.name
    if os.environ.get("ODA_PICTURES"):
        box = page.locator("main").bounding_box()
        assert box is not None
        height = min(box["height"], picture.size["height"])
        clip: FloatRect = {"x": 0, "y": box["y"], "width": picture.size["width"], "height": height}
        page.screenshot(path=IMAGES / f"{picture.name}.png", clip=clip, full_page=True)
    said = CHANGING.sub("", page.locator("main").aria_snapshot())
    page.close()
    return hashlib.sha256(said.encode()).hexdigest()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_guide__prints_whole(site: Site, guide: Guide) -> None:
    page = site.window(STAFF).new_page()
    page.goto(guide.address)
    page.emulate_media(media="print")
    for picture in page.locator("main img").all():
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert not page.get_by_role("navigation", name="Menu principal").is_visible()
