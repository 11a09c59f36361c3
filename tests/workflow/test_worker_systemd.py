"""What systemd is told: ready once, alive while every loop turns; and where nobody listens, nothing."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflow.worker import LONGEST_TURN_S, ServiceManager


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def read_states(listening: socket.socket) -> list[str]:
    states = []
    while True:
        try:
            states.append(listening.recv(100).decode())
        except BlockingIOError:
            return states


def test_ready__told_at_the_address_given(systemd: socket.socket) -> None:
    ServiceManager({"NOTIFY_SOCKET": systemd.getsockname()}).ready()
    assert read_states(systemd) == ["READY=1"]


def test_ready__told_at_an_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel gives it an abstract name
        listening.setblocking(False)
        ServiceManager({"NOTIFY_SOCKET": "@" + listening.getsockname()[1:].decode()}).ready()
        assert read_states(listening) == ["READY=1"]


def test_loop__alive_while_each_turns(systemd: socket.socket) -> None:
    now = [0.0]
    manager = ServiceManager({"NOTIFY_SOCKET": systemd.getsockname()}, lambda: now[0])
    portal, worker = manager.loop("portal"), manager.loop("worker")
    now[0] = LONGEST_TURN_S
    portal()
    assert read_states(systemd) == ["WATCHDOG=1"]
    now[0] += 1
    portal()
    assert read_states(systemd) == []  # the worker's has not turned
    worker()
    assert read_states(systemd) == ["WATCHDOG=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/absent/notify"}])
def test_nobody_listens__nothing_fails(environ: dict[str, str]) -> None:
    manager = ServiceManager(environ)
    manager.ready()
    manager.loop("portal")()
