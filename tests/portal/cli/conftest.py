from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.kit.installation import make_installation
from tests.portal.cli.installation import Installation
from tests.portal.cli.sample import tree

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs ``oda sample …`` as a shell would, through the root's own handling of errors."""
    root = tree()

    def invoke(*args: str, **extra: str | bytes) -> Result:
        return CliRunner().invoke(root, list(args), **extra)  # type: ignore[arg-type]

    return invoke


@pytest.fixture
def installed(database_url: str, tmp_path: Path) -> Installation:
    """A whole installation, on SQLite and on PostgreSQL."""
    return Installation(make_installation(tmp_path, database_url))
