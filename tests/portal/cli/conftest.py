from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from tests.portal.cli.sample import tree

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs ``oda sample …`` as a shell would, through the root's own handling of errors."""
    root = tree()

    def invoke(*args: str, **extra: str | bytes) -> Result:
        return CliRunner().invoke(root, list(args), **extra)  # type: ignore[arg-type]

    return invoke
