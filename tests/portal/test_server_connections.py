"""A connection waits for its client for a bounded time, and the longest silent makes room for who comes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from portal.middleware import Turns
from portal.server import (
    DRAIN_S,
    DRAINED,
    HEAD_S,
    READ_S,
    ClientConnection,
    LongestSilentFirst,
    enforce_deadlines,
)

HEADERS = {"X-Content-Type-Options": "nosniff"}

HALF, WHOLE = b"GET / HTTP/1.1\r\nHost: o", b"GET / HTTP/1.1\r\nHost: oda\r\n\r\n"


class Wire:
    """A transport whose client reads as much as it is told to."""

    def __init__(self) -> None:
        self.unread, self.sent, self.is_cut = 0, b"", False

    def abort(self) -> None:
        self.is_cut = True

    def write(self, data: bytes) -> None:
        self.sent += data

    def get_write_buffer_size(self) -> int:
        return self.unread

    def get_extra_info(self, name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self.is_cut

    def close(self) -> None:
        self.is_cut = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Loop(asyncio.SelectorEventLoop):
    """A loop whose time the test moves."""

    now = 0.0

    def time(self) -> float:
        return self.now


Opened = Callable[..., tuple[ClientConnection, Wire]]


@pytest.fixture
def loop() -> Any:
    loop = Loop()
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.fixture
def opened(loop: Loop) -> Opened:
    """A new connection of one server that has room for three."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/lent":
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 413 if scope["method"] == "POST" else 200})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(
        app, http=ClientConnection, lifespan="off", ws="none", limit_concurrency=3, log_config=None, access_log=False
    )
    state = ServerState()
    state.connections = LongestSilentFirst()

    def opened(*sent: bytes) -> tuple[ClientConnection, Wire]:
        connection, wire = ClientConnection(config, state, {}, loop, headers=HEADERS), Wire()
        connection.connection_made(wire)
        for data in sent:
            connection.data_received(data)
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(asyncio.sleep(0))
        return connection, wire

    return opened


POST = b"POST / HTTP/1.1\r\nHost: oda\r\nContent-Length: 900000000\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "seconds"), [((), HEAD_S), ((HALF,), HEAD_S), ((WHOLE, HALF), HEAD_S), ((POST, b"a"), DRAIN_S)]
)
def test_connection__waits_so_long_for_its_client(
    opened: Opened, loop: Loop, sent: tuple[bytes, ...], seconds: float
) -> None:
    connection, wire = opened(*sent)
    loop.now = seconds
    enforce_deadlines([connection])
    assert not wire.is_cut
    loop.now += 0.1
    enforce_deadlines([connection])
    assert wire.is_cut


def test_connection__is_cut_once_nothing_is_read_for_long(opened: Opened, loop: Loop) -> None:
    connection, wire = opened(b"GET /lent HTTP/1.1\r\nHost: oda\r\n\r\n")
    for unread, passed, is_cut in ((9, READ_S, False), (9, READ_S, False), (8, 5, False), (8, READ_S + 1, True)):
        wire.unread = unread
        loop.now += passed
        connection.enforce_deadlines()
        assert wire.is_cut is is_cut


def test_connection__the_rest_of_a_refused_body_has_an_end(opened: Opened) -> None:
    connection, wire = opened(POST)
    assert b"413" in wire.sent
    piece = b"a" * 1_000_000
    for _ in range(DRAINED // len(piece)):
        connection.data_received(piece)
    assert not wire.is_cut
    connection.data_received(b"a")
    assert wire.is_cut


def test_crowd__the_longest_silent_makes_room_and_who_was_served_is_last(opened: Opened) -> None:
    served, silent, writing = opened(WHOLE), opened(), opened(HALF)
    newcomer = opened(WHOLE)
    assert [wire.is_cut for _, wire in (served, silent, writing, newcomer)] == [False, True, False, False]
    opened()
    assert (served[1].is_cut, writing[1].is_cut) == (False, True)


def test_crowd__who_comes_when_all_are_at_work_is_told_to_come_back(opened: Opened) -> None:
    working = [opened(b"GET /lent HTTP/1.1\r\nHost: oda\r\n\r\n")[1] for _ in range(3)]
    _, wire = opened(WHOLE)
    assert b" 503 " in wire.sent
    assert b"retry-after: 5" in wire.sent.lower()
    assert "Le service est occupé".encode() in wire.sent
    assert b"x-content-type-options: nosniff" in wire.sent.lower()
    assert not any(other.is_cut for other in working)


def test_connection__what_strangers_send_makes_no_english(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    _, wire = opened(b"GET / HTTP/1.1\r\nHost: oda\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert b" 200 " in wire.sent
    assert not caplog.text
    _, wire = opened(b"\x16\x03\x01\x02\r\n\r\n")
    assert "Cette requête n'est pas du HTTP.".encode() in wire.sent
    assert b"x-content-type-options: nosniff" in wire.sent.lower()


CHUNKED = b"PUT / HTTP/1.1\r\nHost: oda\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.rule("R87")
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ((CHUNKED + b"zz\r\n",), b" 400 "),
        ((CHUNKED, b"zz\r\n"), b" 200 "),
        ((CHUNKED.replace(b"PUT", b"HEAD") + b"zz\r\n",), b" 400 "),
    ],
    ids=["before", "after", "without-body"],
)
def test_connection__a_body_that_is_no_http_has_one_answer_and_is_no_incident(
    opened: Opened, caplog: pytest.LogCaptureFixture, sent: tuple[bytes, ...], status: bytes
) -> None:
    """It comes with the head, which the application is about to answer, or after the whole answer."""
    _, wire = opened(*sent)
    assert (wire.sent.count(b"HTTP/1.1 "), status in wire.sent[:20], wire.is_cut) == (1, True, True)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.rule("R87")
def test_turns__each_network_has_one_in_turn(loop: Loop) -> None:
    order: list[str] = []

    async def crowd() -> None:
        turns, may_end = Turns(2), asyncio.Event()

        async def ask(network: str) -> None:
            async with turns.turn(network):
                order.append(network)
                await may_end.wait()

        async with asyncio.TaskGroup() as group:
            crowd = [group.create_task(ask("crowd")) for _ in range(6)]
            await asyncio.sleep(0)
            group.create_task(ask("person"))
            await asyncio.sleep(0)
            assert order == ["crowd", "crowd"], "two at once"
            crowd[3].cancel()  # it has left
            may_end.set()
        async with turns.turn("later"), turns.turn("later"):
            order.append("later")  # every place was given back

    loop.run_until_complete(crowd())
    assert order == ["crowd", "crowd", "crowd", "person", "crowd", "crowd", "later"]
