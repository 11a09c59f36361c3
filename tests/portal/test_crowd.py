"""A crowd before the door: whoever sends nothing, reads nothing or sends too much keeps nobody out."""

import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import fresh_url
from tests.kit.debian import without
from tests.kit.html_forms import forms_of
from tests.kit.installation import OPERATOR
from tests.kit.portal import START
from tests.kit.sign_in import secrets_of
from workflow.app import App, bootstrap
from workflow.settings.loader import load_settings

IDLE, READERS, BODIES = 1200, 16, 10
BODY = 50_000_000
LONGEST_S = 2.0
PERSON = "127.0.0.2"
PREVIEW = "/rectorat/fin-d-annee/apercu/export?jour=31/08/2027"


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Enough of them for the crowd's side, which is this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        without("il faut 4096 descripteurs (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def crowded(folder: Path, url: str) -> Iterator[tuple[int, str, Path]]:
    """The portal's port, a reader's cookie, and where its log is."""
    log, command = folder / "log", [sys.executable, "-m", "tests.kit.crowded_portal", str(folder), url]
    with log.open("w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as server:
        try:
            assert server.stdout is not None
            port, _, cookie = server.stdout.readline().strip().partition(" ")
            assert port, log.read_text()
            yield int(port), cookie, log
        finally:
            server.kill()


def connected(port: int, sent: str, received: int | None = None) -> socket.socket:
    """A connection that sent this; ``received`` is how few bytes it takes before the server has to wait."""
    client = socket.socket()
    if received:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, received)
    client.settimeout(10)
    client.connect(("127.0.0.1", port))
    client.sendall(sent.encode())
    return client


def pour(port: int, announced: bool, stop: threading.Event) -> None:
    """A form of 50 MB, announced or in pieces, to the page that anybody may send to."""
    length = f"Content-Length: {BODY}" if announced else "Transfer-Encoding: chunked"
    kind = "Content-Type: application/x-www-form-urlencoded"
    head = f"POST /connexion HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n{length}\r\n\r\n"
    with suppress(OSError), connected(port, head) as to:
        piece = b"a" * 1_000_000
        for _ in range(0 if stop.is_set() else BODY // len(piece)):
            to.sendall(piece if announced else b"%x\r\n%s\r\n" % (len(piece), piece))
            if stop.is_set():
                break


def cut(client: socket.socket) -> bool:
    """Whether the server has closed it by itself, once it has."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def browser(port: int) -> httpx2.Client:
    """Somebody at another address, who opens a connection for each page: what is measured is the way in."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    transport = httpx2.HTTPTransport(local_address=PERSON, limits=limits)
    return httpx2.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, follow_redirects=True, timeout=10)


def seconds_of(client: httpx2.Client, path: str) -> float:
    """How long a page takes to come."""
    begun = time.monotonic()
    assert client.get(path).status_code == 200
    return time.monotonic() - begun


def sign_in(client: httpx2.Client, app: App) -> None:
    """A person asks for a link, opens it and presses its button."""
    assert client.post("/connexion/rectorat", data={"adresse": OPERATOR}).status_code == 200
    page = client.get(f"/connexion/lien/{secrets_of(app)[-1]}")
    form = next(form for form in forms_of(page) if form.method == "post")
    answer = client.post(form.action or page.url, data=form.fields)
    assert answer.url.path.startswith("/rectorat"), answer.url


@pytest.mark.rule("R87")
def test_crowd__keeps_nobody_out_and_fills_no_log(tmp_path: Path, descriptors: None) -> None:
    with ExitStack() as closing:
        url = closing.enter_context(fresh_url("sqlite", tmp_path))
        port, cookie, log = closing.enter_context(crowded(tmp_path, url))
        app = bootstrap(load_settings(tmp_path / "config.yaml"), {}, clock=FakeClock(START), lazy=True)
        closing.callback(app.close)
        person = closing.enter_context(browser(port))
        pages = ("/", "/connexion", "/sante")
        for path in pages:  # once, so that what is measured is no template's compilation
            assert person.get(path).status_code == 200
        alone = max(seconds_of(person, path) for path in pages)
        longest = max(LONGEST_S, 20 * alone)  # a machine that others load is no fault of the portal's

        reading = f"GET {PREVIEW} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n"
        for _ in range(READERS):
            closing.callback(connected(port, reading, received=4096).close)
        idle = [connected(port, "GET / HTTP/1.1\r\nHost: l" if number % 2 else "") for number in range(IDLE)]
        for client in idle:
            closing.callback(client.close)
        assert cut(idle[0])  # the ceiling is reached: the crowd is there
        stop = threading.Event()
        pouring = [threading.Thread(target=pour, args=(port, n % 2 == 0, stop)) for n in range(BODIES)]
        for thread in pouring:
            thread.start()
        for thread in pouring:
            closing.callback(thread.join)
        closing.callback(stop.set)
        for _ in range(20):
            closing.callback(connected(port, _asking()).close)

        for path in pages:
            assert seconds_of(person, path) < longest, path
        sign_in(person, app)
        assert seconds_of(person, "/rectorat") < longest
        lines = log.read_text().splitlines()
        assert len(lines) < 100, lines[:20]
        assert not [line for line in lines if "incident" in line], lines


def _asking() -> str:
    """A request for a link, from the crowd's own address, for a school that has no mailbox: the one link is ours."""
    kind = "Content-Type: application/x-www-form-urlencoded"
    return f"POST /connexion HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: 12\r\n\r\nuai=0310003K"
