"""One demonstration for the tests that only look at it: it takes seconds to live its September."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from portal.demo.runtime import Opened, opened
from tests.kit.portal import PlainClient

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A demonstration that is ready, on the 28 September of its story."""
    with opened(tmp_path_factory.mktemp("demo"), ADDRESS) as demo:
        yield demo


@pytest.fixture
def browser(demo: Opened) -> TestClient:
    """A browser without JavaScript, signed in as nobody."""
    return PlainClient(demo.asgi, base_url=ADDRESS)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Opened]:
    """A demonstration of the test's own, whose clock it may move."""
    with opened(tmp_path, ADDRESS) as demo:
        yield demo
