"""Ports of this machine on which the tests' servers listen."""

import os
import random
import socket

FIRST, LAST = 10_000, 30_000
WORKERS = 8
_random = random.SystemRandom()


def free_port() -> int:
    """A port that nobody listens on, and that stays free while a server is down.

    Not one of the kernel's own choice: it gives those to outgoing connections, so that a server that
    starts again, or a moment later, may find its port taken. Each worker of pytest has its own share.
    """
    while True:
        port = _random.choice(_share())
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _share() -> range:
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    size = (LAST - FIRST) // WORKERS
    return range(FIRST + number * size, FIRST + (number + 1) * size)
