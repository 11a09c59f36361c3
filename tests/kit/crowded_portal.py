"""A portal in a process of its own, under the limit of descriptors that systemd gives by default: for floods.

``python -m tests.kit.crowded_portal FOLDER URL`` founds it in FOLDER on that database, with many requests, and writes
its port and the cookie of a reader on one line. Its log goes to the error output, as the service's does.
"""

import resource
import socket
import sys
from pathlib import Path

from bench.population import populate
from portal.cli.service import log_to_stderr
from portal.server import Server, listen
from tests.kit.portal import DRANE, open_portal
from workflow.worker import Worker

DESCRIPTORS = 1024
REQUESTS = 400
UNREAD = 4096
"""Bytes that the system keeps for a reader that is slow: a file of any size then waits in the server."""


def main(folder: Path, url: str) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    log_to_stderr()
    with open_portal(folder, url) as portal, listen("127.0.0.1", 0) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)
        populate(portal.app.database, REQUESTS)
        print(listening.getsockname()[1], f"{portal.context.cookie}={portal.secret(DRANE)}", flush=True)
        server = Server(portal.asgi, listening, ())
        with Worker(portal.app).beside(server.stop):
            server.work()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
