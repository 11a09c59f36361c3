"""The line markup: each block as text and as HTML, and nothing that a value can do to either."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifications.rendering.markup import (
    HTML_SLOT,
    MASK,
    SLOT,
    Foot,
    Heading,
    Items,
    Lines,
    MarkupFacts,
    Notice,
    Paragraph,
    Slot,
    as_html,
    as_text,
    inline,
    one_line,
    parse,
)
from tests.notifications.pages import Page

LONG = "mot " * 40
MARKS = ("", "## ", "- ", "1. ", "= x : ", "= xx : ", "! ", "| ", "    $ ")


def unstyled(html: str) -> str:
    return re.sub(r' (style|class|width|cellspacing|cellpadding)="[^"]*"', "", html)


@pytest.mark.parametrize(
    ("source", "blocks", "text", "html"),
    [
        ("Un\ndeux", (Paragraph("Un deux"),), "Un deux\n", "<p>Un deux</p>"),
        ("Un\n\n\ndeux", (Paragraph("Un"), Paragraph("deux")), "Un\n\ndeux\n", "<p>Un</p>\n<p>deux</p>"),
        ("## Été", (Heading("Été"),), "Été\n---\n", "<h2>Été</h2>"),
        ("## A\nb", (Heading("A"), Paragraph("b")), "A\n-\n\nb\n", "<h2>A</h2>\n<p>b</p>"),
        ("- a\n- b\nc", (Items(("a", "b c"), numbered=False),), "- a\n- b c\n", "<ul><li>a</li><li>b c</li></ul>"),
        ("1. a\n1. b", (Items(("a", "b"), numbered=True),), "1. a\n2. b\n", "<ol><li>a</li><li>b</li></ol>"),
        ("a\n- b", (Paragraph("a"), Items(("b",), numbered=False)), "a\n\n- b\n", "<p>a</p>\n<ul><li>b</li></ul>"),
        (
            "= Nom : Martin\n= Vu : le : 3",
            (MarkupFacts((("Nom", "Martin"), ("Vu", "le\u00a0: 3"))),),
            "Nom : Martin\nVu  : le\u00a0: 3\n",
            '<table><tr><th scope="row">Nom</th><td>Martin</td></tr>'
            '<tr><th scope="row">Vu</th><td>le\u00a0: 3</td></tr></table>',
        ),
        ("= Nom :", (MarkupFacts((("Nom", ""),)),), "Nom :\n",
         '<table><tr><th scope="row">Nom</th><td></td></tr></table>'),
        (
            "! a\n! b",
            (Notice(("a", "b")),),
            "! a\n! b\n",
            '<table role="presentation"><tr><td><p>a</p><p>b</p></td></tr></table>',
        ),
        ("| a\n| b", (Lines(("a", "b"), verbatim=False),), "a\nb\n", "<p>a<br>b</p>"),
        (
            "    oda x --removal-open --y=--a-b z--a-b",
            (Lines(("oda x --removal-open --y=--a-b z--a-b",), verbatim=True),),
            "    oda x --removal-open --y=--a-b z--a-b\n",
            "<pre>oda x <span>--removal-open</span> --y=--a-b z--a-b</pre>",
        ),
        ("    a  :b \n    c", (Lines(("a  :b", "c"), verbatim=True),), "    a  :b\n    c\n", "<pre>a  :b\nc</pre>"),
        (SLOT, (Slot(),), f"{SLOT}\n", f'<table role="presentation"><tr><td>{HTML_SLOT}</td></tr></table>'),
        (f"a\n{SLOT}\nb", (Paragraph("a"), Slot(), Paragraph("b")), f"a\n\n{SLOT}\n\nb\n", None),
        ("a\n\n--\nb", (Paragraph("a"), Foot(), Paragraph("b")), "a\n\n--\nb\n", "<p>a</p>\n<hr>\n<p>b</p>"),
        ("", (), "\n", ""),
    ],
)  # fmt: skip
def test_parse__each_block_as_text_and_as_html(source: str, blocks: object, text: str, html: str | None) -> None:
    assert parse(source) == blocks
    assert as_text(parse(source)) == text
    assert html is None or unstyled(as_html(parse(source))) == html


@pytest.mark.parametrize("mark", ["", "- ", "1. ", "= Nom : ", "! ", "| ", "## "])
def test_as_text__is_refilled_to_72_columns(mark: str) -> None:
    lines = as_text(parse(mark + LONG)).rstrip("\n").split("\n")
    assert len(lines) >= 3
    assert max(map(len, lines)) in range(66, 73)
    assert re.sub(r"\W", "", "".join(lines)) in {x * 1 + "mot" * 40 for x in ("", "1", "Nom")}


def test_as_text__a_longer_word_is_not_cut() -> None:
    address = f"https://ac-toulouse.fr/{'x' * 80}"
    assert as_text(parse(f"- Voir {address} ici")) == f"- Voir\n  {address}\n  ici\n"


def test_as_text__a_line_below_another_is_aligned_with_it() -> None:
    assert {re.match(" *", line)[0] for line in as_text(parse("= Nom : " + LONG)).split("\n")[1:-1]} == {" " * 6}  # type: ignore[index]
    assert as_text(parse("1. " + LONG)).split("\n")[1].startswith("   mot")


def test_as_text__no_line_below_another_can_be_the_slot() -> None:
    for mark in (*MARKS, *(f"{'1. x' + chr(10)}" * 12 + "1. ",)):
        for width in range(40, 80):
            assert SLOT not in as_text(parse(f"{mark}{'x' * width} {MASK} {'y' * 70}")).split("\n"), mark


def test_inline__escapes() -> None:
    assert inline("<script>alert('&amp;')</script> \"") == ("&lt;script&gt;alert('&amp;amp;')&lt;/script&gt; \"")


@pytest.mark.parametrize("mark", MARKS)
def test_as_html__escapes_in_every_block(mark: str) -> None:
    html = as_html(parse(f"{mark}<b>&</b> {HTML_SLOT}"))
    assert "&lt;b&gt;&amp;&lt;/b&gt; &lt;strong" in html
    assert HTML_SLOT not in html
    assert Page(html).of("b", "strong") == []


@pytest.mark.parametrize(
    ("text", "address", "target"),
    [
        ("voir https://a.fr/x.", "https://a.fr/x", "https://a.fr/x"),
        ("(https://a.fr/x) : là", "https://a.fr/x", "https://a.fr/x"),
        ("https://a.fr/x_(y)", "https://a.fr/x_(y)", "https://a.fr/x_(y)"),
        ("(voir https://a.fr/x_(y)).", "https://a.fr/x_(y)", "https://a.fr/x_(y)"),
        ("« https://a.fr »", "https://a.fr", "https://a.fr"),
        ("«https://a.fr»", "https://a.fr", "https://a.fr"),
        ("http://a.fr/?x=1&y='2'!", "http://a.fr/?x=1&amp;y='2", "http://a.fr/?x=1&amp;y=&#x27;2"),
        ('https://a.fr/"onclick="x', "https://a.fr/", "https://a.fr/"),
        ("https://a.fr/<b>", "https://a.fr/", "https://a.fr/"),
        ("https://a.fr/2026-2027", "https://a.fr/2026-2027", "https://a.fr/2026-2027"),
        ("écrire à ce.0310001h@ac-toulouse.fr.", "ce.0310001h@ac-toulouse.fr", "mailto:ce.0310001h@ac-toulouse.fr"),
        ("<a@b.fr>,", "a@b.fr", "mailto:a@b.fr"),
        ("https://u@a.fr/x@y.fr", "https://u@a.fr/x@y.fr", "https://u@a.fr/x@y.fr"),
    ],
)
def test_inline__an_address_is_a_link_that_shows_it(text: str, address: str, target: str) -> None:
    [link] = re.findall(r"<a .*?</a>", inline(text))
    assert re.sub("<[^>]*>", "", link) == address
    assert f'href="{target}"' in link
    assert re.sub("<[^>]*>", "", inline(text)).count(address) == 1


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)", "javascript://x", "data:text/html,x", "ftp://a.fr", "xhttps://a.fr", "https://", "http://.",
        "://a.fr", "a@b", "@a.fr", "a@.fr", "é@b.fr", "o'brien@b.fr", "a?cc=c@b.fr", "étienne@b.fr", "a@b.fr@c.fr",
    ],
)  # fmt: skip
def test_inline__what_is_no_address_is_no_link(text: str) -> None:
    assert "<a" not in inline(text)


def test_inline__a_school_year_and_a_reference_stay_whole() -> None:
    assert inline("de 2026-2027 et ODA-2027-00042 à vous-même") == (
        'de <span style="white-space:nowrap">2026-2027</span> et <span style="white-space:nowrap">ODA-2027-00042</span>'
        " à vous-même"
    )


@given(st.text(), st.sampled_from(MARKS))
@example("&lt;&#60;script>", "")
@example(HTML_SLOT, "- ")
@example("https://a.fr/'\"><script>", "= x : ")
@example("a@b.fr\u00a0https://[é] mailto:x@y.fr?cc=z", "! ")
@example("\u200b \u200b \u200b \u200b [code masqué]", "")
def test_as_html__no_value_gets_out_of_its_place(value: str, mark: str) -> None:
    tamed = one_line(value)
    blocks = parse(f"{mark}a {tamed}")
    html = as_html(blocks)
    page = Page(html)
    assert page.skeleton == Page(as_html(parse(f"{mark}a b"))).skeleton
    assert HTML_SLOT not in html
    assert all(set(element.attributes) <= {"href", "style"} for element in page.of("a", "span"))
    assert all(link.attributes["href"].lower().startswith(("http://", "https://", "mailto:")) for link in page.of("a"))
    words = "".join(text for _, text in page.texts)
    assert re.sub(r"\s", "", f"a{tamed}") in re.sub(r"\s", "", words)
    assert SLOT not in as_text(blocks).split("\n")
