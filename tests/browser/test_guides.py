"""The pictures of the guides and of the README: taken here, and anew when the page that they show says something else.

Beside them, ``pictures.json`` keeps for each a digest of what its page says to a screen reader. To take them anew:
``ODA_PICTURES=1 ./run test tests/browser/test_guides.py``; then look at them.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import FloatRect, Page, ViewportSize

from portal.web.public import FOLDER, GUIDES, Guide
from tests.browser.conftest import Site
from tests.kit.guide_scene import EMILE, NADEGE, ZOE, Rupn, play
from tests.kit.portal import CHEF, STAFF
from workflow.auth.sessions import SessionUser

OF_GUIDES = FOLDER / "images"
OF_README = Path(__file__).parents[2] / "docs" / "images"
TELEPHONE: ViewportSize = {"width": 375, "height": 560}
WHOLE_TELEPHONE: ViewportSize = {"width": 375, "height": 690}
DESK: ViewportSize = {"width": 1000, "height": 640}
TALL_DESK: ViewportSize = {"width": 1000, "height": 960}
"""High enough for the bar at the foot of the worklist to cover no row."""

WHOLE_DESK: ViewportSize = {"width": 1280, "height": 720}
CHANGING = re.compile(r"\b(127\.0\.0\.1:\d+|csrf\S*)\b")


@dataclass(frozen=True)
class Picture:
    """A picture: where it is taken, by whom, how wide; of the page's content, or with the head of the portal too."""

    name: str
    address: Callable[[dict[Rupn, str]], str]
    session_user: SessionUser | None
    size: ViewportSize
    folder: Path = OF_GUIDES
    with_head: bool = False

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}.png"


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
    Picture("demandes", _at("/rectorat"), STAFF, TALL_DESK),
    Picture("demande-rectorat", _of(NADEGE, "/rectorat/demandes/{}"), STAFF, DESK),
    Picture("emettre", _of(EMILE, "/rectorat/demandes/{}"), STAFF, DESK),
    Picture("retraits", _at("/rectorat/retraits"), STAFF, DESK),
    Picture("fin-d-annee", _at("/rectorat/fin-d-annee"), STAFF, DESK),
    Picture("chef", _at("/etablissement"), CHEF, WHOLE_TELEPHONE, OF_README, with_head=True),
    Picture("operateur", _at("/rectorat"), STAFF, WHOLE_DESK, OF_README, with_head=True),
)


def test_pictures__show_what_the_pages_say_today(site: Site) -> None:
    references = play(site.portal)
    all_digests = {picture.path: _look(site, picture, references) for picture in PICTURES}
    for folder in (OF_GUIDES, OF_README):
        digests = {path.stem: digest for path, digest in all_digests.items() if path.parent == folder}
        record = folder / "pictures.json"
        if os.environ.get("ODA_PICTURES"):
            record.write_text(json.dumps(digests, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        recorded_digests = json.loads(record.read_text(encoding="utf-8"))
        changed = sorted(name for name in digests if digests[name] != recorded_digests.get(name))
        assert changed == [], "these pages have changed: take their pictures anew (the head of this file says how)"
        assert recorded_digests.keys() == digests.keys() == {path.stem for path in folder.glob("*.png")}


def _look(site: Site, picture: Picture, references: dict[Rupn, str]) -> str:
    """A digest of what the page says; the picture is taken when it is asked for."""
    page: Page = site.window(picture.session_user, size=picture.size).new_page()
    answer = page.goto(picture.address(references))
    assert answer is not None
    assert answer.status == 200, picture.name
    if os.environ.get("ODA_PICTURES"):
        _take(page, picture)
    text = CHANGING.sub("", page.locator("body" if picture.with_head else "main").aria_snapshot())
    page.close()
    return hashlib.sha256(text.encode()).hexdigest()


def _take(page: Page, picture: Picture) -> None:
    if picture.with_head:
        page.screenshot(path=picture.path)
        return
    box = page.locator("main").bounding_box()
    assert box is not None
    height = min(box["height"], picture.size["height"])
    clip: FloatRect = {"x": 0, "y": box["y"], "width": picture.size["width"], "height": height}
    page.screenshot(path=picture.path, clip=clip, full_page=True)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_guide__prints_whole(site: Site, guide: Guide) -> None:
    page = site.window(STAFF).new_page()
    page.goto(guide.address)
    page.emulate_media(media="print")
    for picture in page.locator("main img").all():
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert not page.get_by_role("navigation", name="Menu principal").is_visible()
