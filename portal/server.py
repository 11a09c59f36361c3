"""The portal on a port until it is told to stop, for ``oda serve`` and the demonstration; the limits of its clients.

A client that sends or reads nothing costs a descriptor and nothing else, for a bounded time; when no descriptor is
left for a newcomer, whoever has been silent the longest leaves first (R87). An unexpected error is a number for the
person, its place for the log, and its text for neither.
"""

import logging
import math
import os
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType, MappingProxyType
from typing import Any, Final, cast

import h11
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from notifications.ports import cause_of, incident_number
from workflow.journal.chain import write_line

HEAD_S: Final = 15
"""Seconds in which the head of a request must have come, from the opening or from the end of the last answer."""

DRAIN_S: Final = 30
"""Seconds in which the rest of a body that was refused must have come: a browser reads no answer before."""

DRAINED: Final = 50_000_000
"""Bytes of such a rest that are read to be thrown away."""

READ_S: Final = 60
"""Seconds without one byte read by the client, while an answer waits to leave."""

MOST: Final = 4096

OTHER_DESCRIPTORS: Final = 224
"""Descriptors kept for the database, the relay, files, and for the connections that are just being accepted."""

REFUSED_AT_ONCE: Final = 32
"""Connections beyond the ceiling that are still told why; more are closed without a word."""

PEER: Final = "oda.peer"
"""The key of a request's scope that holds the address from which its connection comes, whatever it forwards."""

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


def most_connections() -> int:
    """The most connections open at once in this process, by its limit of descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(16, min(MOST, soft - OTHER_DESCRIPTORS))


def too_many(headers: Mapping[str, str]) -> ASGIApp:
    """The answer to who came when every connection was at work."""
    text = "Le service est occupé : recommencer dans un instant."
    return PlainTextResponse(text, 503, {**headers, "Retry-After": "5", "Connection": "close"})


class ConnectionAddress:
    """Middleware that notes from where the connection comes, before a forwarded address takes its place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = {**scope, PEER: scope["client"][0] if scope.get("client") else ""}
        await self._app(scope, receive, send)


class LongestSilentFirst(set[Any]):
    """A set that is read in the order in which its members were last added."""

    def __init__(self) -> None:
        self._ordered: dict[Any, None] = {}

    def add(self, connection: Any) -> None:
        self._ordered[connection] = None

    def discard(self, connection: Any) -> None:
        self._ordered.pop(connection, None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ordered)

    def __len__(self) -> int:
        return len(self._ordered)


class ClientConnection(H11Protocol):
    """uvicorn's own protocol with deadlines, and a ceiling on how many there are.

    ``headers`` are those of the answers that no application makes.
    """

    def __init__(self, *args: Any, headers: Mapping[str, str], **named: Any) -> None:
        super().__init__(*args, **named)
        self._headers = headers
        self._most, self.limit_concurrency = self.limit_concurrency or MOST, None  # uvicorn's refusal spares nobody
        self._ready_at = self._read_at = self.loop.time()
        self._unread = self._drained = 0

    @property
    def is_silent(self) -> bool:
        """True when nothing is to be done for this client before it reads, or sends: a head, a body, or their rest."""
        cycle = self.cycle
        return bool(self._unread) or cycle is None or cycle.response_complete or (cycle.more_body and not cycle.body)

    def _is_heard(self) -> None:
        """Stand last again among those that are silent."""
        self.connections.discard(self)
        self.connections.add(self)

    def connection_made(self, transport: Any) -> None:
        """Take it in; one too many sends away the longest silent, or is told to come back."""
        super().connection_made(transport)
        beyond = len(self.connections) - self._most
        if beyond <= 0:
            return
        if silent := next(self._silent_others(), None):
            silent.leave()
            return
        _log.warning("too many connections: %d", self._most)
        if beyond > REFUSED_AT_ONCE:
            transport.abort()
        self.app = cast(Any, too_many(self._headers))

    def _silent_others(self) -> "Iterator[ClientConnection]":
        """Those that only their client can go on with, the longest silent first; last, those that served before."""
        others = [c for c in self.connections if isinstance(c, ClientConnection) and c is not self]
        for has_served in (False, True):
            for other in others:
                if (other.cycle is not None) is has_served and other.is_silent:
                    yield other

    def leave(self) -> None:
        """Close at once, whatever was not sent."""
        self.connections.discard(self)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is the endless rest of a body that was refused."""
        self._is_heard()
        if self.cycle is not None and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            self._drained += len(data)
            if self._drained > DRAINED:
                self.leave()
                return
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, or for the rest of this one."""
        self._ready_at = self.loop.time()
        self._is_heard()
        self._drained = 0
        super().on_response_complete()

    def enforce_deadlines(self) -> None:
        """Close what waited too long for its client; called every second."""
        now, unread = self.loop.time(), self.transport.get_write_buffer_size()
        if unread == 0 or unread != self._unread:
            self._read_at = now
        self._unread = unread
        if now - self._read_at > READ_S or now - self._ready_at > self._most_waited:
            self.leave()

    @property
    def _most_waited(self) -> float:
        """Seconds after we were ready in which the next head, or the rest of a body, must have come."""
        if self.cycle is None:
            return HEAD_S
        if not self.cycle.response_complete:
            return math.inf  # ``BodyLimit`` says what a body may take
        return DRAIN_S if self.conn.their_state is h11.SEND_BODY else HEAD_S

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: anybody may ask for a WebSocket, and gets the page instead."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, in French; whatever was making an answer is told that nobody waits for it."""
        del msg
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        text = "Cette requête n'est pas du HTTP.".encode()
        ours = {**self._headers, "content-type": "text/plain; charset=utf-8", "connection": "close"}
        headers = [(name.encode(), value.encode()) for name, value in ours.items()]
        with suppress(h11.LocalProtocolError):  # one has begun, or is to be without a body (HEAD)
            for event in (
                h11.Response(status_code=400, headers=headers, reason=STATUS_PHRASES[400]), h11.Data(data=text),
                h11.EndOfMessage(),
            ):  # fmt: skip
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def enforce_deadlines(connections: Iterable[object]) -> None:
    """Close every connection that has waited too long for its client."""
    for connection in list(connections):
        if isinstance(connection, ClientConnection):
            connection.enforce_deadlines()


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


def log_incident(error: BaseException) -> str:
    """Log the incident and return its number.

    An exception's text can hold a code, an address or a password, so only its class and its place are logged;
    ``ODA_DEBUG=1`` writes the whole traceback on the error output for who debugs with test data.
    """
    cause = cause_of(error)
    number = incident_number(cause)
    if os.environ.get("ODA_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    _log.error("incident %s : %s", number, cause)
    write_line("incident", "failed", incident=number)
    return number
