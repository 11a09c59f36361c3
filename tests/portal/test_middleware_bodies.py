"""Bodies are bounded as a whole, announced or not, before anything reads them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message

from portal import middleware
from portal.middleware import LARGEST, LARGEST_OF_ANYONE, Body
from tests.kit.databases import fresh_url
from tests.kit.portal import STAFF, Portal, open_portal

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


def pieces(size: int) -> Iterator[bytes]:
    """A body that announces no length."""
    yield b"uai="
    for _ in range(size // 10_000):
        yield b"a" * 10_000


@pytest.mark.rule("R87")
@pytest.mark.parametrize(
    ("path", "largest"),
    [("/connexion", LARGEST_OF_ANYONE), ("/deconnexion", LARGEST), ("/rectorat/lot/emettre", LARGEST)],
)
def test_body__too_large_has_its_page(portal: Portal, path: str, largest: int) -> None:
    client = portal.client(STAFF)
    for content in (b"uai=" + b"a" * largest, pieces(largest + 10_000)):
        answer = client.post(path, content=content, headers=FORM)
        assert answer.status_code == 413
        assert "C'est trop long" in answer.text.replace("&#39;", "'")
    assert client.post(path, content=b"uai=" + b"a" * (largest - 4), headers=FORM).status_code not in (413, 500)


async def _never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def _much() -> Message:
    return {"type": "http.request", "body": b"a" * LARGEST, "more_body": True}


def refused(receive: object, *others: Body) -> int:
    async def status() -> int:
        with pytest.raises(HTTPException) as raised:
            await Body(receive, "", list(others)).receive()  # type: ignore[arg-type]
        return raised.value.status_code

    return asyncio.run(status())


def test_body__that_does_not_come_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "RECEIVED_S", 0)
    assert refused(_never) == 408


def test_body__all_that_come_at_once_are_bounded_together() -> None:
    async def received() -> Body:
        body = Body(_much, "", [])
        await body.receive()
        return body

    others = [asyncio.run(received()) for _ in range(65)]
    assert refused(_much, *others) == 503
