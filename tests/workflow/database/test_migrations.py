"""The migrations stand alone: what they import never changes under them."""

import ast
from pathlib import Path

import pytest

import workflow.migrations

FOLDER = Path(workflow.migrations.__file__).parent


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.stem)
def test_migrations__import_nothing_of_ours_but_one_another(path: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            imported.add(node.module or "")
    ours = {name for name in imported if name.split(".")[0] in ("states", "notifications", "workflow", "portal")}
    assert {name for name in ours if not name.startswith("workflow.migrations.")} == set()
