"""The migrations stand alone: what they import never changes under them. Their versions are read by their names."""

import ast
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

import workflow.migrations
from workflow.database import schema

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


def test_revisions__are_those_that_alembic_finds() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert list(schema.revisions()) == [script.revision for script in scripts.walk_revisions()][::-1]
    assert schema.newest() == scripts.get_current_head()
