"""A real HTTPS receiver of webhooks that fails as real ones do, in the order that a test says."""

import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.kit.certificates import Certificate, certificate

NAME = "tickets.example"


@dataclass(frozen=True)
class ReceivedWebhook:
    """One message, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]


Behaviour = Callable[["_Handler"], None]


@dataclass
class WebhookReceiver:
    """``next`` are the ways in which it treats the coming messages, in turn; then it takes them."""

    certificate: Certificate
    port: int = 0
    received: list[ReceivedWebhook] = field(default_factory=list)
    next: deque[Behaviour] = field(default_factory=deque)
    closing: threading.Event = field(default_factory=threading.Event)

    def will(self, *behaviours: Behaviour) -> None:
        self.next.extend(behaviours)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: WebhookReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.receiver.received.append(ReceivedWebhook(self.path, dict(self.headers), body))
        behaviour = self.receiver.next.popleft() if self.receiver.next else says(204)
        with suppress(OSError):  # the sender may have left
            behaviour(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def says(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer that."""

    def behave(handler: _Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def cuts() -> Behaviour:
    """Cut the line without an answer."""

    def behave(handler: _Handler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return behave


def is_silent() -> Behaviour:
    """Say nothing until the end of the test."""

    def behave(handler: _Handler) -> None:
        handler.receiver.closing.wait()

    return behave


def babbles() -> Behaviour:
    """Answer something that is not HTTP."""

    def behave(handler: _Handler) -> None:
        handler.wfile.write(b"\x00\xffbonjour\r\n\r\n")
        handler.close_connection = True

    return behave


def never_ends() -> Behaviour:
    """Take it, with a body that never ends: the status has been said."""

    def behave(handler: _Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nz")
        handler.receiver.closing.wait()

    return behave


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A refused certificate, a sender who left: expected here."""


@contextmanager
def webhook_receiver(folder: Path, *, host: str = NAME, expired: bool = False) -> Iterator[WebhookReceiver]:
    """The receiver, on a port of its own until the block ends."""
    receiver = WebhookReceiver(certificate(Path(mkdtemp(dir=folder)), host=host, expired=expired))
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": receiver}))
    server.socket = receiver.certificate.server().wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def trusting(receiver: WebhookReceiver) -> ssl.SSLContext:
    """The context of a sender that trusts this receiver's authority."""
    return receiver.certificate.client()
