"""A browser without JavaScript, on an application of the same process."""

import asyncio
import atexit
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, nullcontext, suppress
from contextvars import Context, copy_context
from functools import cache, partial
from typing import Any
from urllib.parse import unquote

from anyio import Event, to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi.testclient import TestClient
from httpx2 import BaseTransport, Request, Response

from notifications.rendering.markup import NBSP


class _LoopOfTheTest:
    """A loop that the test's own thread runs, with what the requests leave to threads: nobody waits for another thread,
    which costs as much as a small page. What must be given up in time is left to a thread even so."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        atexit.register(self._loop.close)
        self._calls: deque[tuple[asyncio.Future[Any], Context, Callable[[], Any]]] = deque()
        self._call_in_thread: Any = to_thread.run_sync
        to_thread.run_sync = self._call  # type: ignore[assignment]

    def run(self, coroutine: Coroutine[Any, Any, Response]) -> Response:
        """Its result; what it calls meanwhile is called between two runs of the loop."""
        task = self._loop.create_task(coroutine)
        task.add_done_callback(lambda _: self._loop.stop())
        while not task.done():
            self._loop.run_forever()
            while self._calls:
                future, context, function = self._calls.popleft()
                try:
                    future.set_result(context.run(function))
                except BaseException as error:
                    future.set_exception(error)
        return task.result()

    async def _call(self, function: Callable[..., Any], *args: Any, limiter: Any = None, **named: Any) -> Any:
        if asyncio.get_running_loop() is not self._loop or named:
            return await self._call_in_thread(function, *args, limiter=limiter, **named)
        async with limiter or nullcontext():
            future = self._loop.create_future()
            self._calls.append((future, copy_context(), partial(function, *args)))
            self._loop.stop()
            return await future


_loop_of_the_test = cache(_LoopOfTheTest)


@cache
def _loop_of_threads() -> BlockingPortal:
    """The loop for requests of several threads at once, as a server has one."""
    running = ExitStack()
    atexit.register(running.close)
    return running.enter_context(start_blocking_portal())


class _OneCall(BaseTransport):
    """Carries a request to the loop and its whole answer back at once, where Starlette's changes threads some ten
    times."""

    def __init__(self, app: Any, client: tuple[str, int], *, raises: bool) -> None:
        self.app, self.client, self.raises = app, client, raises

    def handle_request(self, request: Request) -> Response:
        body = request.read()
        if threading.current_thread() is threading.main_thread():
            return _loop_of_the_test().run(self._answer(request, body))
        return _loop_of_threads().call(self._answer, request, body)

    async def _answer(self, request: Request, body: bytes) -> Response:
        url = request.url
        scope = {
            "type": "http", "http_version": "1.1", "method": request.method, "path": unquote(url.path),
            "raw_path": url.raw_path.split(b"?", 1)[0], "root_path": "", "scheme": url.scheme,
            "query_string": url.query, "client": self.client,
            "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.multi_items()],
            "server": [url.raw_host.decode("ascii"), url.port or {"http": 80, "https": 443}[url.scheme]],
            "state": {},
        }  # fmt: skip
        pieces: list[bytes] = []
        head: dict[str, Any] = {"status_code": 500}
        waiting, answered = [body], Event()

        async def receive() -> dict[str, Any]:
            if waiting:
                return {"type": "http.request", "body": waiting.pop(), "more_body": False}
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            assert not answered.is_set(), message
            if message["type"] == "http.response.start":
                assert "headers" not in head, message
                head["status_code"] = message["status"]
                head["headers"] = [(name.decode(), value.decode()) for name, value in message.get("headers", ())]
                return
            assert "headers" in head, message
            pieces.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                answered.set()

        with nullcontext() if self.raises else suppress(Exception):
            await self.app(scope, receive, send)
        return Response(**head, content=b"" if request.method == "HEAD" else b"".join(pieces), request=request)


class _Plain(Response):
    """An answer whose ``text`` has ordinary spaces; ``content`` is what was sent."""

    @property
    def text(self) -> str:
        return super().text.replace(NBSP, " ")


class PlainClient(TestClient):
    """A browser without JavaScript. Its pages are read with ordinary spaces: where a line may break is told by the
    tests of the typography, and would only make every other sentence hard to compare."""

    def __init__(
        self, app: Any, base_url: str, *, raise_server_exceptions: bool = True, follow_redirects: bool = True,
        client: tuple[str, int] = ("testclient", 50000),
    ) -> None:  # fmt: skip
        super().__init__(app, base_url=base_url, follow_redirects=follow_redirects)
        self._transport = _OneCall(app, client, raises=raise_server_exceptions)

    def send(self, *args: Any, **named: Any) -> Response:
        answer = super().send(*args, **named)
        answer.__class__ = _Plain
        return answer
