"""One demonstration for the tests that only look at it: it takes seconds to live its September."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from portal.demo.runtime import RunningDemo, open_demo
from portal.demo.season_cache import SeasonCache
from tests.kit.portal import PlainClient

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="package")
def cache(tmp_path_factory: pytest.TempPathFactory) -> SeasonCache:
    """The season kept for the demonstrations of these tests."""
    return SeasonCache(tmp_path_factory.mktemp("cache") / "demo", ADDRESS)


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory, cache: SeasonCache) -> Iterator[RunningDemo]:
    """A demonstration that is ready, on the 28 September of its story, which it played itself."""
    with open_demo(tmp_path_factory.mktemp("demo"), ADDRESS, cache=cache) as demo:
        yield demo


@pytest.fixture
def browser(demo: RunningDemo) -> TestClient:
    """A browser without JavaScript, signed in as nobody."""
    return PlainClient(demo.asgi, base_url=ADDRESS)


@pytest.fixture
def own(tmp_path: Path, cache: SeasonCache, demo: RunningDemo) -> Iterator[RunningDemo]:
    """A demonstration of the test's own, whose clock it may move; its season is the one kept."""
    with open_demo(tmp_path, ADDRESS, cache=cache) as demo:
        yield demo
