"""The server: what it finishes, whom it believes, and what it never writes."""

import asyncio
import io
import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx2
import pytest
from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from portal.cli.service import log_to_stderr
from portal.middleware import HSTS, headers_without_page
from portal.server import Server, listen
from tests.kit.databases import fresh_url
from tests.kit.portal import Portal, open_portal

CODE = "Ab12Cd34Ef"


@contextmanager
def served(app: FastAPI, proxies: Iterable[str] = ()) -> Iterator[tuple[Server, str]]:
    with listen("127.0.0.1", 0) as listening:
        server = Server(app, listening, proxies)
        thread = threading.Thread(target=server.work)
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.stop()
            thread.join(20)
            assert not thread.is_alive()


def test_server__finishes_the_request_in_hand_once_told_to_stop() -> None:
    app, begun, free = FastAPI(), threading.Event(), threading.Event()

    @app.get("/")
    def slow() -> str:
        begun.set()
        free.wait(20)
        return "fini"

    answers: list[str] = []
    with served(app) as (server, address):
        asking = threading.Thread(target=lambda: answers.append(httpx2.get(address, timeout=20).text))
        asking.start()
        assert begun.wait(20)
        server.stop()
        free.set()
        asking.join(20)
    assert answers == ['"fini"']


def test_server__says_when_it_is_ready_and_that_it_turns() -> None:
    ready, turned = threading.Event(), threading.Event()
    with listen("127.0.0.1", 0) as listening:
        server = Server(FastAPI(), listening, (), on_ready=ready.set, on_turn=turned.set)
        thread = threading.Thread(target=server.work)
        thread.start()
        try:
            assert ready.wait(20)
            assert httpx2.get(f"http://127.0.0.1:{listening.getsockname()[1]}/absent").status_code == 404
            assert turned.wait(20)
        finally:
            server.stop()
            thread.join(20)


@pytest.mark.parametrize(
    ("proxies", "caller"),
    [((), "127.0.0.1"), (("10.0.0.0/8",), "127.0.0.1"), (("127.0.0.1",), "203.0.113.9")],
)
def test_server__believes_who_calls_from_its_own_proxies_alone(proxies: tuple[str, ...], caller: str) -> None:
    app = FastAPI()

    @app.get("/")
    def who(request: Request) -> str:
        return request.client.host if request.client else ""

    with served(app, proxies) as (_, address):
        headers = {"X-Forwarded-For": "192.0.2.66, 203.0.113.9"}
        assert httpx2.get(address, headers=headers).json() == caller


def test_fallback__has_the_headers_of_every_answer() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError(CODE)

    with listen("127.0.0.1", 0) as listening:
        app = Server(broken, listening, (), headers=headers_without_page("https://oda")).config.app

    async def call() -> httpx2.Response:
        transport = httpx2.ASGITransport(cast(Any, app))
        async with httpx2.AsyncClient(transport=transport, base_url="https://oda") as client:
            return await client.get("/")

    answer = asyncio.run(call())
    assert answer.status_code == 500
    assert answer.headers["strict-transport-security"] == HSTS
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log as the service writes it; the tests' own handlers are put back."""
    stream, root = io.StringIO(), logging.getLogger()
    before, level = list(root.handlers), root.level
    monkeypatch.setattr("sys.stderr", stream)
    log_to_stderr()
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.rule("R60")
def test_errors__what_an_exception_says_reaches_neither_the_log_nor_the_page(
    log: io.StringIO, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("portal")
    with fresh_url("sqlite", folder) as url, open_portal(folder, url) as portal:
        _broken(portal)
        with served(portal.asgi) as (_, address):
            page = httpx2.get(f"{address}/casse/{CODE}")
    assert page.status_code == 500
    assert "Numéro d&#39;incident" in page.text or "Numéro d'incident" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    written = log.getvalue()
    assert written.count("incident") == 1
    assert "ValueError" in written
    assert CODE not in written + page.text
    assert "Traceback" not in written


def _broken(portal: Portal) -> None:
    @portal.asgi.get("/casse/{code}")
    def broken(code: str) -> str:
        raise ValueError(f"le code {code} ne convient pas")


@pytest.mark.rule("R60")
def test_errors__even_the_page_of_the_error_may_fail(log: io.StringIO) -> None:
    async def app(*_: object) -> None:
        raise RuntimeError(f"code {CODE}")

    with served(app) as (_, address):  # type: ignore[arg-type]
        page = httpx2.get(address)
    assert (page.status_code, page.text) == (500, "Une erreur nous empêche de répondre.")
    assert log.getvalue().strip().endswith("erreur : une page n'a pas pu être faite : RuntimeError")
