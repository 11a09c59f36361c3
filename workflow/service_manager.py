"""What systemd is told of this process by ``sd_notify``: that it is ready, then that each of its loops turns.

Nothing is told, and nothing fails, where ``NOTIFY_SOCKET`` is not in the environment.
"""

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

LONGEST_TURN_S: Final = 60
"""Seconds after which a loop that has not turned is stuck: the portal's turns each second, the worker's every ten."""


class ServiceManager:
    """The one that started this process. Its ``WatchdogSec`` restarts a process of which one loop is stuck."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._clock = clock
        self._turned: dict[str, float] = {}

    def ready(self) -> None:
        """Tell that what comes after this service may start."""
        self._send("READY=1")

    def loop(self, name: str) -> Callable[[], None]:
        """Return what this loop calls at each turn; from now on the process is alive while every loop turns."""

        def turn() -> None:
            self._turned[name] = now = self._clock()
            if all(now - last <= LONGEST_TURN_S for last in list(self._turned.values())):
                self._send("WATCHDOG=1")

        self._turned[name] = self._clock()
        return turn

    def _send(self, state: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address)
