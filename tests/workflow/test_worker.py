"""The worker beside something else: it begins, ends when asked, and never dies unseen."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.databases import fresh_url
from tests.kit.portal import Portal, open_portal
from workflow.database.tables import NODE
from workflow.worker import Worker


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


def test_beside__ticks_at_once_and_ends_with_the_body(portal: Portal) -> None:
    ticked = threading.Event()
    with Worker(portal.app, lambda _: ticked.set()).beside():
        assert ticked.wait(20)
    assert "oda-worker" not in {thread.name for thread in threading.enumerate()}
    with portal.app.database.read() as connection:
        assert connection.execute(NODE.select()).first()


def test_beside__a_worker_that_dies_is_told_and_raised(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(*_: object) -> None:
        raise MemoryError

    told = threading.Event()
    monkeypatch.setattr("notifications.delivery.dispatcher.Dispatcher.run", die)
    with pytest.raises(MemoryError), Worker(portal.app).beside(told.set):
        assert told.wait(20)


def test_beside__the_body_s_own_error_is_not_hidden(portal: Portal) -> None:
    with pytest.raises(KeyError), Worker(portal.app).beside():
        raise KeyError("corps")
