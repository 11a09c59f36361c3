"""A template that an académie writes: what is wrong with it is told with its file and its line (R68, R69)."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typst

from notifications.rendering.environment import TemplateLoader
from notifications.rendering.papers import PaperUnmakeable, charter_version, check_charter, compile_paper
from tests.notifications.papers import AT, WITH_PAPER, paper, rewritten, text_of

CHARTER = "papers/charter.typ"
HEAD = "// version : 2026-1\n#show: paper.with(title: [Essai])\n"


def fault(source: str, name: str = CHARTER, example: str = "delegated") -> PaperUnmakeable:
    with pytest.raises(PaperUnmakeable) as caught:
        compile_paper(paper(example, rewritten(name, source)), AT)
    return caught.value


@pytest.mark.rule("R68")
@pytest.mark.parametrize(
    ("source", "line", "why"),
    [
        (f"{HEAD}Bonjour\n#data.inconnu", 4, "inconnu"),
        (f"{HEAD}\n\n#let f(x) = x.foo\n#f(1)", 5, "integer"),
        (f"{HEAD}#(", 3, "unclosed"),
        (f'{HEAD}#panic("non")', 3, "non"),
        (f"{HEAD}#while true {{}}", 3, "true"),
        (f"{HEAD}#let f(n) = f(n + 1)\n#f(0)", 3, "depth"),
        (f'{HEAD}#import "@preview/cetz:0.3.4"', 3, "paquet"),
        (f"{HEAD}#set text(font: (\n  \"Garamond\",\n))\nA", 3, "police"),
        (f"{HEAD}#image(bytes((1, 2)))", 3, "image"),
        ("// version : 2026-1\nSans titre", None, "title"),
    ],
)  # fmt: skip
def test_template__a_fault_is_told_with_its_file_and_line(source: str, line: int | None, why: str) -> None:
    error = fault(source)
    assert (error.file, error.line) == (CHARTER, line)
    assert why in error.why
    assert str(error).startswith(f"{CHARTER}, ligne {line} : " if line else f"{CHARTER} : ")


@pytest.mark.rule("R68")
def test_template__a_fault_of_the_shared_part_is_told_as_its_own() -> None:
    shared = TemplateLoader().source("papers/common.typ").splitlines()
    error = fault("\n".join([*shared[:20], "#inconnu", *shared[20:]]), "papers/common.typ")
    assert (error.file, error.line) == ("papers/common.typ", 21)


@pytest.mark.rule("R69")
@pytest.mark.parametrize("path", ["/etc/hostname", "charter.typ", "../../etc/hostname", __file__])
def test_template__reads_no_file(path: str) -> None:
    error = fault(f'{HEAD}#read("{path}")')
    assert error.line == 3
    assert "oda-paper-" not in str(error), "nothing of the machine is told"


def test_template__a_comment_may_name_a_package() -> None:
    document = paper("delegated", rewritten(CHARTER, f'{HEAD}// comme "@preview/cetz"\nBonjour'))
    assert "Bonjour" in text_of(document)


def test_template__windows_line_ends_and_a_byte_order_mark() -> None:
    document = paper("delegated", rewritten(CHARTER, "\ufeff" + f"{HEAD}Bonjour".replace("\n", "\r\n")))
    assert "Bonjour" in text_of(document)
    assert document.data["version"] == "2026-1"


@pytest.mark.rule("R68")
def test_template__one_file_is_one_paper() -> None:
    mine = rewritten(CHARTER, f"{HEAD}La nôtre, pour #data.rupn.full")
    assert "La nôtre, pour Claire Martin" in text_of(paper("delegated", mine))
    for example in WITH_PAPER:
        if "report" in example or "code" in example:
            assert paper(example, mine) == paper(example)


def test_template__a_panic_of_typst_is_no_more_than_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def broken(*_: Any, **__: Any) -> None:
        raise PanicException

    document = paper("delegated")
    monkeypatch.setattr(typst, "Compiler", broken)
    with pytest.raises(PaperUnmakeable) as caught:
        compile_paper(document, AT)
    assert caught.value.file == CHARTER


@pytest.mark.rule("R69")
def test_version__is_on_the_first_line_of_our_charter() -> None:
    assert charter_version(TemplateLoader().source(CHARTER)) == "2026-1"


@pytest.mark.parametrize("first", ["// version : 2027-b", "//version:2027-b", "//  version  :  2027-b  \r"])
def test_version__spaces_are_indifferent(first: str) -> None:
    assert charter_version(f"{first}\nreste") == "2027-b"


@pytest.mark.rule("R69")
@pytest.mark.parametrize("source", ["", "= Charte", "\n// version : 2026-1", "// version :", "// version : a b", "# x"])
def test_version__absent_is_told_at_line_1(source: str) -> None:
    with pytest.raises(PaperUnmakeable) as caught:
        charter_version(source)
    assert (caught.value.file, caught.value.line) == (CHARTER, 1)
    assert "« // version : 2026-1 »" in str(caught.value)


@pytest.mark.rule("R69")
def test_check_charter__names_the_file_and_both_versions(tmp_path: Path) -> None:
    assert check_charter(TemplateLoader(), "2026-1") is None
    problem = check_charter(TemplateLoader(), "2027-1") or ""
    for words in ("charter.typ", "ligne 1", "livré avec le logiciel", "2026-1", "2027-1", "charter.version"):
        assert words in problem, words
    (tmp_path / "papers").mkdir()
    own = tmp_path / CHARTER
    own.write_text("// version : 2027-1\nLa nôtre", encoding="utf-8")
    assert check_charter(TemplateLoader(tmp_path), "2027-1") is None
    assert str(own) in (check_charter(TemplateLoader(tmp_path), "2026-1") or "")
    own.write_text("La nôtre", encoding="utf-8")
    assert "ligne 1" in (check_charter(TemplateLoader(tmp_path), "2026-1") or "")


def test_typst__is_loaded_only_to_make_a_paper() -> None:
    script = "import sys, notifications.rendering.papers, workflow.app; assert 'typst' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
