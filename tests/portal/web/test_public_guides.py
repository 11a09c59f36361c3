"""« Aide »: each guide for who may read it, with a picture wherever it names one and an anchor for each part."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.web.public import FOLDER, GUIDES, Guide, pictures, read_guide
from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF, DRANE, STAFF, Portal, open_portal

IMAGE = re.compile(r"!\[([^\]]+)\]\(images/([a-z-]+)\.png\)")


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


def test_guides__name_every_picture_once_with_its_words() -> None:
    texts = [(FOLDER / f"{guide.name}.md").read_text(encoding="utf-8") for guide in GUIDES]
    named = [name for text in texts for _, name in IMAGE.findall(text)]
    assert len(named) == len(set(named))
    assert set(named) == pictures()
    assert sum(text.count("![") for text in texts) == len(named)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_guide__begins_with_its_title_and_lists_its_parts(guide: Guide) -> None:
    text = (FOLDER / f"{guide.name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {guide.title}\n")
    rendered = read_guide(guide.name)
    anchors = re.findall(r'<h2 id="([^"]+)">', rendered.html)
    assert anchors == [anchor for anchor, _ in rendered.contents]
    assert len(anchors) == text.count("\n## ")


def test_guides__the_list_names_to_each_the_guides_that_open(portal: Portal) -> None:
    for session_user, named in ((None, False), (CHEF, False), (STAFF, True), (DRANE, True)):
        page = portal.client(session_user).get("/aide").text.partition("<main")[2]
        assert "/aide/chef" in page
        assert ("/rectorat/aide" in page) is named


def test_picture__is_kept_by_the_browser_and_nothing_else_is_served(portal: Portal) -> None:
    client = portal.client()
    page = client.get("/aide/chef").text
    sources = re.findall(r'<img src="([^"]+)"', page)
    assert sources
    for source in sources:
        answer = client.get(source)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert "immutable" in answer.headers["cache-control"]
    assert client.get(sources[0].replace(".png", "x.png")).status_code == 404
    assert client.get("/aide/images/x/..%2F..%2Fapp.png").status_code == 404
