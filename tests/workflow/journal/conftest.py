"""An installation with its doors, on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.portal import Portal, open_portal


@pytest.fixture
def portal(database_url: str, tmp_path: Path) -> Iterator[Portal]:
    """A few schools, on 14 September 2026 at ten."""
    with open_portal(tmp_path, database_url) as portal:
        yield portal
