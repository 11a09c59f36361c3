"""No decision reads a French wording: a label, a refusal's message or a remedy may be put otherwise at any time."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("states", "notifications", "workflow", "portal")
WORDINGS = {"label", "message", "remedy", "sentence"}
TESTING = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "index", "find"}
FROM_LIBRARIES = {"notifications/rendering/papers.py"}
"""Typst warns in English sentences, without a code."""


def is_wording(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in WORDINGS


def decisions(path: Path) -> Iterator[int]:
    """The lines that compare a wording, look into it, or look something up by it."""
    for node in ast.walk(ast.parse(path.read_text())):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Compare(left=left, ops=operators, comparators=others):
                identity = all(isinstance(operator, ast.Is | ast.IsNot) for operator in operators)
                is_decision = not identity and any(map(is_wording, (left, *others)))
            case ast.Call(func=ast.Attribute(value=value, attr=attr)):
                is_decision = attr in TESTING and is_wording(value)
            case ast.Subscript(slice=key):
                is_decision = is_wording(key)
            case _:
                is_decision = False
        if is_decision:
            yield line


def test_no_decision_reads_a_wording() -> None:
    places = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in FROM_LIBRARIES
        for line in decisions(path)
    ]
    assert places == []


def test_no_template_compares_a_wording() -> None:
    compared = re.compile(rf"\b({'|'.join(WORDINGS)})\s*[!=]=|[!=]=\s*\w+\.({'|'.join(WORDINGS)})\b")
    templates = [path for package in PACKAGES for path in (ROOT / package).rglob("*.html")]
    assert templates
    assert [str(path.relative_to(ROOT)) for path in templates if compared.search(path.read_text())] == []


def test_no_template_writes_que_or_de_before_a_name() -> None:
    """« Nous vérifions que Élodie… », « la demande de Anne »: ``de`` is a filter, ``que`` is avoided."""
    names = r"(full|nom|prenom|who|of|in_stead_of|browser|reference|recipient|address|label|(?<!file)name)"
    unelided = re.compile(rf"\b([Qq]ue|[Dd]e|[Ll]orsque|[Pp]uisque) \{{\{{ ?[\w.]*\b{names} ?\}}\}}")
    templates = [
        path for package in PACKAGES for kind in ("html", "j2") for path in (ROOT / package).rglob(f"*.{kind}")
    ]
    assert templates
    assert [
        f"{path.relative_to(ROOT)}: {match[0]}" for path in templates for match in unelided.finditer(path.read_text())
        if match[2] != "label"  # « Qu'est-ce que ProConnect »: a name that the settings choose
    ] == []  # fmt: skip
