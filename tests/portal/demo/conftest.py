"""One demonstration for the tests that only look at it: it takes seconds to live its September."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from portal.demo.runtime import RunningDemo, open_demo
from tests.kit.demo_season import demo_address, season_cache
from tests.kit.plain_client import PlainClient


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demonstration that is ready, on the 28 September of its story."""
    with open_demo(tmp_path_factory.mktemp("demo"), demo_address(), cache=season_cache()) as demo:
        yield demo


@pytest.fixture
def browser(demo: RunningDemo) -> TestClient:
    """A browser without JavaScript, signed in as nobody."""
    return PlainClient(demo.asgi, base_url=demo_address())


@pytest.fixture
def own(tmp_path: Path, demo: RunningDemo) -> Iterator[RunningDemo]:
    """A demonstration of the test's own, whose clock it may move; its season is the one kept."""
    with open_demo(tmp_path, demo_address(), cache=season_cache()) as demo:
        yield demo
