"""The portal on a port, until it is told to stop: what ``oda serve`` and the demonstration share."""

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType, MappingProxyType
from typing import Any, Final, cast

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from portal.connections import (
    ClientConnection,
    ConnectionAddress,
    LongestSilentFirst,
    enforce_deadlines,
    most_connections,
)

LONGEST_ANSWER_S: Final = 25
"""Seconds that a request in progress may take after a signal to stop."""


WAITING: Final = 2048
"""Connections that the kernel keeps until they are accepted."""


ACCEPTED: Final = 32
"""Connections accepted before those already there are looked at: a crowd takes no more descriptors than are kept."""


TICKS_A_SECOND: Final = 10


SWITCH_S: Final = 0.0005
"""Seconds after which a thread that computes lets another one pass: each system call of ours would wait ten times as
long (5 ms by default) while a large file is being made, and a crowd's connections are thousands of calls."""


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_log = logging.getLogger("oda")


def listen(host: str, port: int) -> socket.socket:
    """A socket that already listens, so that a port in use is refused now. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(WAITING)
    except BaseException:
        listening.close()
        raise
    return listening


class Server(uvicorn.Server):
    """Answers on ``listening`` until SIGINT, SIGTERM or SIGHUP; no request is logged, for addresses hold secrets.

    ``on_stop`` is called when a signal comes, before anything is waited for; ``on_ready`` when pages are answered,
    ``on_turn`` each second. ``proxies``: whose X-Forwarded headers are believed. Anybody else's are ignored.
    ``headers``: those of an answer that no page has made.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        proxies: Iterable[str],
        on_stop: Callable[[], None] = lambda: None,
        *,
        on_ready: Callable[[], None] = lambda: None,
        on_turn: Callable[[], None] = lambda: None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        connection = partial(ClientConnection, headers=headers)
        super().__init__(
            uvicorn.Config(
                behind_proxies(Contained(app, headers), proxies), http=cast(Any, connection),
                log_config=None, access_log=False, server_header=False, lifespan="off", ws="none", proxy_headers=False,
                timeout_graceful_shutdown=LONGEST_ANSWER_S, limit_concurrency=most_connections(), backlog=ACCEPTED,
            )
        )  # fmt: skip
        self.server_state.connections = LongestSilentFirst()
        self._listening, self._on_stop = listening, on_stop
        self._on_ready, self._on_turn = on_ready, on_turn

    def work(self) -> None:
        """Serve until a signal to stop; the requests in progress are finished."""
        sys.setswitchinterval(SWITCH_S)
        with self._signals_handled():
            self.run(sockets=[self._listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve; the kernel still keeps ``WAITING`` who come at once, however few are accepted at a time."""
        await super().startup(sockets)
        self._listening.listen(WAITING)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Every second, also look for who made us wait too long, and say that the loop turns."""
        if counter % TICKS_A_SECOND == 0:
            self._on_turn()
            enforce_deadlines(self.server_state.connections)
        return await super().on_tick(counter)

    def stop(self) -> None:
        """Tell it to stop, from any thread."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal to stop."""
        self._on_stop()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is left to uvicorn, which listens too late and then lets the signal kill us before we tidy up."""
        yield

    @contextmanager
    def _signals_handled(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():  # Python delivers signals to the main one
            yield
            return
        numbers = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # not under nohup
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def behind_proxies(app: ASGIApp, proxies: Iterable[str]) -> ASGIApp:
    """The application given the address that these proxies forward, and the one that the connection comes from."""
    proxied: Any = ProxyHeadersMiddleware(cast(Any, app), list(proxies))
    return ConnectionAddress(proxied)


class Contained:
    """Middleware that logs an uncaught exception by its class alone, for its text may hold a code (R60).

    ``headers`` are those of its own answer.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            if begun:  # the page of the error has left, and was logged
                return
            _log.error("page failed: %s", type(error).__name__)
            answer = PlainTextResponse("Une erreur nous empêche de répondre.", 500, self._headers)
            await answer(scope, receive, send)
