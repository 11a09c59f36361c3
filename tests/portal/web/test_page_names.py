"""The names that every page has: given another meaning, they would take its style or its menu away."""

import ast
from collections.abc import Iterator
from pathlib import Path

from portal.web import environment
from tests.kit.portal import Portal

ROOT = Path(environment.__file__).parents[1]


def given_names() -> Iterator[tuple[str, str]]:
    """What each page is given by name, with its place."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "page":
                for keyword in node.keywords:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", keyword.arg or ""


def test_pages__give_no_other_meaning_to_the_names_of_all(portal: Portal) -> None:
    of_all = {"path", "today", "now", "theme", "demo", "done"}
    of_all |= set(environment.environment_of(portal.app.settings, {}).globals)
    names = list(given_names())
    assert len(names) > 100
    assert [(place, name) for place, name in names if name in of_all] == []
