"""Every mail's HTML can be read by all, on a telephone, in the dark, with a screen reader, with images off."""

import re

import pytest

from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT
from notifications.rendering.markup import SLOT, is_slot
from notifications.rendering.renderer import Rendered
from tests.notifications.pages import Element, Page, contrast, style_of
from tests.notifications.templates import render

SIZE = re.compile(r"(\d+)px")


def rendered_page(name: str) -> tuple[Rendered, Page]:
    rendered = render(*EXAMPLES[name], MAIL_CONTEXT)
    return rendered, Page(rendered.html)


@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__say_their_language_title_and_width(name: str) -> None:
    rendered, page = rendered_page(name)
    assert rendered.html.startswith("<!doctype html>\n<html lang=")
    [html] = page.of("html")
    [title] = page.of("title")
    assert html.attributes == {"lang": "fr"}
    assert page.text_of(title) == rendered.subject
    metas = [meta.attributes for meta in page.of("meta")]
    assert {"charset": "utf-8"} in metas
    assert {"name": "viewport", "content": "width=device-width,initial-scale=1"} in metas


@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__one_h1_then_h2_in_order(name: str) -> None:
    rendered, page = rendered_page(name)
    headings = page.of("h1", "h2", "h3", "h4", "h5", "h6")
    assert [heading.tag for heading in headings] == ["h1", *["h2"] * (len(headings) - 1)]
    assert page.text_of(headings[0]) == re.sub(r"^\[(Clé )?ODA\] ", "", rendered.subject)
    assert all(page.text_of(heading).strip() for heading in headings)


@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__every_table_is_layout_or_has_headed_rows(name: str) -> None:
    _, page = rendered_page(name)
    for table in page.of("table"):
        cells = [cell for cell in page.of("th", "td") if _table_of(cell) is table]
        if table.attributes.get("role") == "presentation":
            assert {cell.tag for cell in cells} == {"td"}
        else:
            assert [cell.tag for cell in cells] == ["th", "td"] * (len(cells) // 2)
            assert all(cell.attributes.get("scope") == "row" for cell in cells if cell.tag == "th")
            assert all(page.text_of(cell).strip() for cell in cells)


def _table_of(cell: Element) -> Element:
    return next(node for node in cell.lineage if node.tag == "table")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__every_text_has_a_contrast_of_4_5(name: str, dark: bool) -> None:
    _, page = rendered_page(name)
    rules = page.rules() if dark else []
    visible = [element for element, _ in page.texts if not element.is_hidden]
    assert len(visible) > 4
    for element in visible:
        colours = style_of(element, "color", rules), style_of(element, "background", rules)
        assert contrast(*colours) >= 4.5, (element.tag, *colours)


@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__every_text_is_16_pixels_or_more(name: str) -> None:
    _, page = rendered_page(name)
    for element, text in page.texts:
        if not element.is_hidden:
            nearest = next(
                s for node in element.lineage if (s := node.style.get("font-size") or node.style.get("font"))
            )
            size = SIZE.search(nearest)
            assert size, nearest
            assert int(size[1]) >= 16, text


@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__fetch_nothing(name: str) -> None:
    rendered, page = rendered_page(name)
    assert {"img", "script", "link", "iframe", "object", "form", "input", "base"}.isdisjoint(page.skeleton)
    assert all(
        name not in element.attributes
        for element in page.elements
        for name in ("src", "srcset", "background", "poster")
    )
    assert "url(" not in rendered.html
    assert "@import" not in rendered.html
    assert {element.tag for element in page.elements if "href" in element.attributes} <= {"a"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__are_light(name: str) -> None:
    assert len(rendered_page(name)[0].html.encode()) < 12 * 1024


@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__the_list_of_mails_shows_the_first_sentence(name: str) -> None:
    rendered, page = rendered_page(name)
    [hidden] = [element for element in page.of("div") if element.is_hidden]
    preview = page.text_of(hidden).strip()
    assert 20 < len(preview) <= 140
    assert preview.rstrip("…") in " ".join(rendered.body.replace("\n", " ").split(" "))


@pytest.mark.parametrize("name", EXAMPLES)
def test_mails__text_and_html_say_the_same(name: str) -> None:
    rendered, page = rendered_page(name)
    cells = [cell for cell in page.of("td") if cell.attributes.get("class") in ("c", "f")]
    [title] = page.of("h1")
    html_text = " ".join(
        text for element, text in page.texts if cells[0] in element.lineage or cells[-1] in element.lineage
    )
    html_words = re.findall(r"\w+", html_text)[len(re.findall(r"\w+", page.text_of(title))) :]
    lines = [
        line for line in rendered.body.split("\n") if not line.startswith(f"{MAIL_CONTEXT.portal}/")
    ]  # the button's
    body = "\n".join("Me connecter" if is_slot(line) and line != SLOT else line for line in lines)
    assert html_words == re.findall(r"\w+", re.sub(r"(?m)^\d{1,2}\. ", "", body))


def test_mails__steps_are_a_numbered_list_and_the_others_are_not() -> None:
    _, page = rendered_page("code_issued")
    [steps] = page.of("ol")
    [links] = page.of("ul")
    assert [page.text_of(item)[:8] for item in page.of("li") if item.parent is steps] == [
        "Imprimez", "Remettez", "Conserve", "Supprime",
    ]  # fmt: skip
    assert sum(item.parent is links for item in page.of("li")) == len(MAIL_CONTEXT.links)
