"""A real HTTPS server in the place of the ODA server: it does each key's removal once, and misbehaves when told."""

import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from pydantic import SecretStr

from tests.kit.certificates import Certificate, certificate
from workflow.removals.connector.client import Caller, signature
from workflow.settings.services import ConnectorSettings

NAME = "oda.example"
SECRET = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class ReceivedCall:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]


Behaviour = Callable[["_Handler", ReceivedCall], None]


@dataclass
class OdaServer:
    """``next`` are the ways in which it treats the coming requests, in turn; then it does what is asked."""

    certificate: Certificate
    port: int = 0
    received: list[ReceivedCall] = field(default_factory=list)
    next: deque[Behaviour] = field(default_factory=deque)
    effects: dict[str, dict[str, Any]] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def do(self, received: ReceivedCall) -> dict[str, Any]:
        """What is asked, once for each key: a repetition is answered as the first time."""
        with self.lock:
            outcome = "removed" if received.content["action"] == "remove_key" else "kept"
            return self.effects.setdefault(received.key, {"outcome": outcome, "message": "fait"})

    def will(self, *behaviours: Behaviour) -> None:
        self.next.extend(behaviours)

    def settings(self, **changes: Any) -> ConnectorSettings:
        values = {"url": f"https://{NAME}:{self.port}/retraits", "allow": [NAME], "timeout_seconds": 5}
        return ConnectorSettings.model_validate(values | changes)

    def installed_in(self, folder: Path, **changes: str) -> str:
        """Put the secret in an installation's folder; returns what its ``config.yaml`` says of this server."""
        secret = folder / "secrets" / "connector-key"
        secret.parent.mkdir(mode=0o700, exist_ok=True)
        secret.write_text(SECRET)
        secret.chmod(0o600)
        values = {"url": f"https://127.0.0.1:{self.port}/retraits", "allow": "[127.0.0.1]", "timeout_seconds": "5"}
        lines = "".join(f"    {name}: {value}\n" for name, value in (values | changes).items())
        return f"removals:\n  connector:\n{lines}"

    def caller(self, **changes: Any) -> Caller:
        """A caller for which its name leads here."""
        return Caller(
            settings=self.settings(**changes), secret=SecretStr(SECRET), resolver=lambda _host, _port: ["127.0.0.1"],
            tls_context=self.certificate.client(),
        )  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    oda: OdaServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received = ReceivedCall(self.path, dict(self.headers), body)
        with self.oda.lock:
            self.oda.received.append(received)
            behaviour = self.oda.next.popleft() if self.oda.next else obey()
            if not self._is_signed(received):
                behaviour = says(401, {"message": "signature refusée"})
        with suppress(OSError):  # the caller may have left
            behaviour(self, received)

    def _is_signed(self, received: ReceivedCall) -> bool:
        """Whether who holds the secret sent this body here, under this key."""
        headers, scheme = received.headers, "https" if isinstance(self.connection, ssl.SSLSocket) else "http"
        url = f"{scheme}://{headers['Host']}{received.path}"
        wanted = signature(SecretStr(SECRET), headers["X-ODA-Timestamp"], url, received.key, received.body)
        return headers["X-ODA-Signature"] == f"v1={wanted}"

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def obey() -> Behaviour:
    """Do what is asked and say so."""
    return lambda handler, received: handler.answer(200, json.dumps(handler.oda.do(received)).encode())


def says(status: int, content: Any = None, **headers: str) -> Behaviour:
    """Answer that, doing nothing; bytes as they are, anything else as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content if content is not None else {}).encode()
    return lambda handler, _: handler.answer(status, body, **headers)


def does_then_drops() -> Behaviour:
    """Do what is asked, then cut the line before saying so."""

    def behave(handler: _Handler, received: ReceivedCall) -> None:
        handler.oda.do(received)
        with suppress(OSError):
            handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return behave


def drips() -> Behaviour:
    """A byte of a header now and then, for ever: each comes before any time-out of one reading."""

    def behave(handler: _Handler, _: ReceivedCall) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Lent: ")
        while not handler.oda.closing.is_set():
            handler.wfile.write(b"z")
            time.sleep(0.05)

    return behave


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A refused certificate, a caller who left: expected here."""


@contextmanager
def oda_server(folder: Path, *, host: str = NAME, expired: bool = False, is_secure: bool = True) -> Iterator[OdaServer]:
    """The server, on a port of its own until the block ends."""
    own = Path(mkdtemp(dir=folder))
    oda = OdaServer(certificate(own, host=host, expired=expired))
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"oda": oda}))
    if is_secure:
        server.socket = oda.certificate.server().wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    oda.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield oda
    finally:
        oda.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
