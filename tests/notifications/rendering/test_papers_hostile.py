"""Names that would break a template if they were ever a part of it: they are only text (R69)."""

from dataclasses import replace
from typing import Any

import pytest

from notifications.authoring.examples import CLAIRE, EXAMPLES, MAIL_CONTEXT, PLACE
from notifications.rendering.environment import TemplateLoader
from notifications.rendering.papers import charter, compile_paper
from tests.notifications.papers import AT, WITH_PAPER, of_person, paper, reader, text_of

HOSTILE = (
    "#panic()", '#read("/etc/passwd")', '"); panic(); ("', "\\", "$x$", "*gras* _it_ = titre", "</script>", "{{ 7*7 }}",
    "@preview/x", "#set page(width: 1pt)", "`a`", "<label>", "// rien", "/* rien", "- liste", "\\u{48}", "%s %d {0}",
    "D'Étienne-Noël", "Łukasz Ørsted", "Nguyễn Thị", "Αθηνά Иванова", "ﬁn", "e\u0301te\u0301",
)  # fmt: skip


@pytest.mark.rule("R69")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile__a_name_is_only_text(name: str) -> None:
    document = of_person(nom=name, prenom="Zoé")
    assert document.data["rupn"]["full"] == f"Zoé {name}"
    read = text_of(document).replace("ﬁ", "fi")
    assert f"Zoé {name}".replace("ﬁ", "fi").replace("e\u0301", "é") in read.replace("e\u0301", "é")


@pytest.mark.parametrize("name", ["\x00\x1b[31m", "a\nb", "a\u2028b", "\u202eabc", "\ud800", "\ufeff", "", " "])
def test_hostile__what_is_invisible_is_gone(name: str) -> None:
    document = of_person(nom=f"Avant{name}Après")
    assert document.data["rupn"]["nom"].isprintable()
    assert compile_paper(document, AT).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("name", "read"),
    [("字Dupont", "?Dupont"), ("Dupont \U0001f600", "Dupont ?"), ("ꙮ Nguyễn", "? Nguyễn"), ("𝕏 ẞ ꜳ ﬀ", "?")],
)
def test_hostile__a_character_that_no_font_draws_stops_no_paper(name: str, read: str) -> None:
    assert read in text_of(of_person(nom=name))


@pytest.mark.parametrize("example", [name for name in WITH_PAPER if "report" not in name])
def test_hostile__very_long_names_stay_on_the_page(example: str) -> None:
    long = replace(PLACE, nom="W" * 300, commune="Saint-" * 40)
    who = {"nom": "W" * 100, "prenom": "M" * 100, "mail": "m" * 60 + "@" + "d" * 60 + ".fr"}
    document = paper(example, rupn=replace(CLAIRE, **who), establishment=long)
    for page in reader(document).pages:
        right = float(page.mediabox.right)
        ends: list[float] = []

        def note_end(text: str, _user: Any, at: Any, _font: Any, _size: Any, ends: list[float] = ends) -> None:
            if text.strip():
                ends.append(at[4])

        page.extract_text(visitor_text=note_end)
        assert ends
        assert max(ends) < right
    assert "W" * 100 in text_of(document).replace(" ", "")


def test_hostile__the_settings_too() -> None:
    context = replace(MAIL_CONTEXT, academie='"#panic()', contact="#panic()" * 30, delegce_module="\\" * 90)
    document = charter(EXAMPLES["delegated"][1], context, TemplateLoader())
    assert 'ACADÉMIE DE "#PANIC()' in text_of(document)
