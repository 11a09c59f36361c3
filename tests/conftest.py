"""Fixtures for all rooms: every test that takes ``database`` runs on SQLite and on PostgreSQL."""

import gc
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.kit.bytecode import keep_bytecode, rewrite_share
from tests.kit.compiled_once import share_compilation
from tests.kit.databases import BACKENDS, fresh_database, fresh_url
from tests.kit.folders import work_in_memory
from tests.kit.mock_provider import running_provider
from tests.kit.process_guard import start_guard
from workflow.database.connection import Database


def pytest_configure(config: pytest.Config) -> None:
    """Have what this process starts ended with it, however it ends; have what it compiles kept."""
    keep_bytecode()
    rewrite_share(config)
    work_in_memory()
    start_guard()
    share_compilation()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without a search for garbage: nearly all that is made meanwhile stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Leave the modules and the collected tests, which stay to the end, out of every later search for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Leave what outlived pytest's last search for garbage out of its second one, and of the interpreter's own."""
    gc.freeze()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The engine under test."""
    return str(request.param)


@pytest.fixture
def database_url(backend: str, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database at the newest version."""
    with fresh_url(backend, tmp_path) as url:
        yield url


@pytest.fixture
def database(backend: str, tmp_path: Path) -> Iterator[Database]:
    """An empty database at the newest version."""
    with fresh_database(backend, tmp_path) as database:
        yield database


@pytest.fixture(scope="session")
def mock_provider() -> Iterator[str]:
    """The address of an identity provider that nobody of us wrote, started once."""
    with running_provider() as issuer:
        yield issuer
