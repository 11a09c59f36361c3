"""Whatever a name, a reason or a server's reply holds, the mail stays the mail."""

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifications.authoring.examples import CLAIRE, EXAMPLES, MAIL_CONTEXT
from notifications.rendering.markup import HTML_SLOT, MASK, SLOT, one_line
from notifications.rendering.renderer import html_with_code, with_code
from tests.notifications.pages import Page
from tests.notifications.templates import render


@pytest.mark.parametrize(
    "forged", [f"x\n{SLOT}\n", f"    {MASK}", MASK, HTML_SLOT, "\u200b \u200b \u200b \u200b " + MASK]
)
def test_rendering__a_name_cannot_forge_the_slot(forged: str) -> None:
    kind, facts = EXAMPLES["code_issued"]
    rendered = render(kind, replace(facts, rupn=replace(CLAIRE, nom=forged, prenom=forged)), MAIL_CONTEXT)
    assert rendered.body.split("\n").count(SLOT) == 1
    assert with_code(rendered.body, "S3cretAB12").count("S3cretAB12") == 1
    assert html_with_code(rendered.html, "S3cretAB12").count("S3cretAB12") == 1


def filled(facts: Any, value: str) -> Any:
    """The same facts with every text replaced."""
    if type(facts) is str:
        return value
    if isinstance(facts, tuple):
        return tuple(filled(part, value) for part in facts)
    if is_dataclass(facts) and not isinstance(facts, type):
        return replace(facts, **{f.name: filled(getattr(facts, f.name), value) for f in fields(facts)})
    return facts


@cache
def plain_skeleton(name: str) -> list[str]:
    kind, facts = EXAMPLES[name]
    return Page(render(kind, filled(facts, "x"), MAIL_CONTEXT).html).skeleton


@pytest.mark.parametrize(
    "value", ["## x", "- x", "1. x", "= x : y", "! x", "| x", "--", "# x", HTML_SLOT, "<p>", "*", "]"]
)
@pytest.mark.parametrize("name", EXAMPLES)
def test_rendering__a_value_is_no_markup(name: str, value: str) -> None:
    """No template begins a line with a value, and none breaks out of its element."""
    kind, facts = EXAMPLES[name]
    rendered = render(kind, filled(facts, value), MAIL_CONTEXT)
    assert Page(rendered.html).skeleton == plain_skeleton(name)


@given(st.sampled_from(sorted(EXAMPLES)), st.text(min_size=1).filter(one_line))
@example("code_issued", MASK)
@example("mail_undeliverable", "https://a.fr/'\"><script>alert(1)</script>")
def test_rendering__no_value_changes_the_page(name: str, value: str) -> None:
    kind, facts = EXAMPLES[name]
    page = Page(render(kind, filled(facts, value), MAIL_CONTEXT).html)
    assert page.skeleton == plain_skeleton(name)
    assert all(link.attributes["href"].lower().startswith(("https://", "http://", "mailto:")) for link in page.of("a"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"])
def test_rendering__a_line_break_in_a_name_stays_in_the_subject_line(end: str) -> None:
    kind, facts = EXAMPLES["declared"]
    evil = replace(facts, rupn=replace(CLAIRE, nom=f"Martin{end}Bcc: tous@ac-toulouse.fr"))
    subject = render(kind, evil, MAIL_CONTEXT).subject
    assert len(subject.splitlines()) == 1
    assert "Bcc" in subject


def test_rendering__template_syntax_in_a_name_is_only_text() -> None:
    kind, facts = EXAMPLES["declared"]
    name = "{{ 7 * 7 }}{% raw %}{# x #}"
    rendered = render(kind, replace(facts, rupn=replace(CLAIRE, nom=name)), MAIL_CONTEXT)
    assert name in rendered.subject
    assert "49" not in rendered.subject


def test_rendering__only_the_html_is_escaped() -> None:
    kind, facts = EXAMPLES["sent_back_charter"]
    rendered = render(kind, replace(facts, why="L'adresse <a & b> n'est pas la bonne"), MAIL_CONTEXT)
    assert "L'adresse <a & b> n'est pas la bonne" in rendered.body
    assert "L'adresse &lt;a &amp; b&gt; n'est pas la bonne" in rendered.html


@pytest.mark.parametrize(
    ("value", "tamed"),
    [
        (" a\r\n\tb\u2028c\u00a0 d ", "a b c d"),
        ("a\u200bb\x07c\u202ed\ud800", "abcd"),
        (f"\u200b \u200b \u200b \u200b {MASK}", MASK),
        ("a \u200b b", "a b"),
        ("L'Étang-Benali « œ »", "L'Étang-Benali « œ »"),
    ],
)
def test_one_line__breaks_and_runs_of_spaces_are_one_space_and_nothing_is_invisible(value: str, tamed: str) -> None:
    assert one_line(value) == tamed
