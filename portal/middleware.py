"""The middlewares around the whole application, pages and interface alike, before either sees a request.

They set the headers of answers, answer under the portal's own name alone, say where a request comes from, and take the
headers of the académie's gate from everybody, to read them from the gate alone (R102). A body is bounded as a whole, in
size and in time, whatever it announces, before it is read; who waits for a turn holds nothing meanwhile (R87).
"""

import asyncio
import hmac
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.server import PEER
from workflow.auth.sign_in_links import UNKNOWN_BROWSER
from workflow.journal.chain import Origin, coming_from, network_of
from workflow.settings.secrets import GATE_SECRET, Secrets, gate_secrets_of
from workflow.settings.services import is_this_machine
from workflow.settings.sign_in import ClaimNamesSettings, TrustedHeadersSettings, canonical_header

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

HSTS: Final = "max-age=31536000; includeSubDomains"

LARGEST: Final = 1_000_000
"""Bytes of a body. What Starlette puts on a disk is larger, so that nothing is ever written there."""

LARGEST_OF_ANYONE: Final = 64_000
"""Bytes of a form that anybody may send; all of this size together cost little."""

LARGEST_FILE: Final = 20_000_000
"""Bytes of the form of an import, which an operator alone sends and which is read in memory."""

LARGEST_TOGETHER: Final = 64_000_000
"""Bytes of all the larger bodies that are being received."""

RECEIVED_S: Final = 30
"""Seconds in which a body must have come whole."""

WITHOUT_BODY: Final = "oda_without_body"
"""In the scope of a request whose answer is sent without its body (HEAD): no file leaves."""

LONGEST_HEADER: Final = 8000
"""Bytes of one header that are read; a chef of many establishments has some hundreds."""

PROBES: Final = ("/vivant", "/pret", "/sante", "/metrics")
"""The addresses that a probe asks of a machine by whatever name it has: they name nobody and link to nothing."""

_BROWSER_NAMES: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Vivaldi/", "Vivaldi"), ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"), ("Firefox/", "Firefox"), ("Chromium/", "Chromium"), ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"), ("Trident/", "Internet Explorer"), ("Safari/", "Safari"),
)  # fmt: skip
"""What a browser calls itself; most add the names of others, so that the order counts."""

_BROWSER_SYSTEMS: Final = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip

_BODY: Final = "oda.body"

_IDENTITY: Final = "oda.gate_identity"


def fixed_headers(*, https: bool) -> dict[str, str]:
    """The headers of every answer."""
    return HEADERS | ({"Strict-Transport-Security": HSTS} if https else {})


def headers_without_page(address: str) -> dict[str, str]:
    """The headers of an answer that no page has made, of the portal at this address."""
    return fixed_headers(https=address.startswith("https:")) | {"Cache-Control": "no-store"}


class AnswerHeaders:
    """Middleware that sets the headers of every answer; no cache keeps a page, for it holds names."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._fixed = fixed_headers(https=https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._fixed.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class KnownHosts:
    """Middleware that answers under the name of ``portal.address`` alone.

    A page served under a name that somebody else chose could be kept by a cache in between, or lend our pages to a
    host that rebinds its name. The port is not compared: a proxy may not pass it on.
    """

    def __init__(self, app: ASGIApp, *, address: str) -> None:
        self._app, self._address = app, address
        self._name = urlsplit(address).hostname or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_ours(scope):
            await self._app(scope, receive, send)
            return
        text = (
            f"Le portail ne répond pas sous ce nom. Son adresse est {self._address}\n"
            "Si c'est bien celle qui a été demandée : le serveur web placé devant lui doit transmettre l'en-tête Host"
            " (réglage portal.address).\n"
        )
        await PlainTextResponse(text, 421)(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        if any(scope["path"] == probe or scope["path"].startswith(f"{probe}/") for probe in PROBES):
            return True
        host = Headers(scope=scope).get("host", "")
        try:
            name = "" if "@" in host else urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name.rstrip(".") == self._name or (is_this_machine(name) and is_this_machine(self._name))


class BodyLimit:
    """Middleware around the whole application. What it refuses, the application words: a page, or a problem.

    The connection stays open for the rest of a body that was refused (see ``portal.server``).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._bodies: list[Body] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = Body(receive, Headers(scope=scope).get("content-length", ""), self._bodies)
        scope[_BODY] = body
        self._bodies.append(body)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._bodies.remove(body)


class Body:
    """The body of one request while it comes. Raises HTTPException: 413, 408, 503 when too much comes at once."""

    def __init__(self, receive: Receive, announced: str, others: list["Body"]) -> None:
        self.largest = LARGEST
        self.received = 0
        self._receive, self._others, self._is_whole = receive, others, False
        self._announced = int(announced) if announced.isdecimal() else 0
        self._due_at = asyncio.get_running_loop().time() + RECEIVED_S

    async def receive(self) -> Message:
        """The next piece; once the body is whole, whatever else the server says."""
        if self._is_whole:
            return await self._receive()
        self._refuse(self._announced)
        try:
            async with asyncio.timeout_at(self._due_at):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408) from None
        self.received += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        self._refuse(self.received)
        return message

    def _refuse(self, size: int) -> None:
        if size > self.largest:
            raise HTTPException(413)
        if size > LARGEST_OF_ANYONE and sum(body.received for body in self._others) > LARGEST_TOGETHER:
            raise HTTPException(503)


class Turns:
    """Lets a few through at once; of those who wait, each network has one in turn, however many another sends (R87).

    Nobody who waits holds a thread, nor a connection of the database.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, network: str) -> AsyncIterator[None]:
        """Hold one of the places while the body runs."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(network)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, network: str) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(network, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the place to the next network's first, which then stands last; to nobody when nobody waits."""
        while self._waiting:
            network = next(iter(self._waiting))
            queue = self._waiting.pop(network)
            place = queue.popleft()
            if queue:
                self._waiting[network] = queue
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


def bound_to_anyone(scope: Scope) -> None:
    """Bound the body of this request to what anybody may send."""
    if body := scope.get(_BODY):
        body.largest = LARGEST_OF_ANYONE


def widen_for_file(scope: Scope) -> None:
    """Let the body of this request be as large as an import's file: to be called once an operator is known."""
    if body := scope.get(_BODY):
        body.largest = LARGEST_FILE


class OriginOfRequest:
    """Middleware that says where a request comes from, to what is recorded while it is answered (R108)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope.get("client"):
            await self._app(scope, receive, send)
            return
        origin = Origin(network_of(scope["client"][0]), browser_name(Headers(scope=scope)))
        with coming_from(origin):
            await self._app(scope, receive, send)


def browser_name(headers: Headers) -> str:
    """A browser in words, by its ``User-Agent`` header: « Firefox sur Windows ».

    Only our own words come out, never a part of the header, which anybody may write as they like.
    """
    text = headers.get("user-agent", "")
    name, system = (
        next((ours for theirs, ours in words if theirs in text), "") for words in (_BROWSER_NAMES, _BROWSER_SYSTEMS)
    )
    return f"{name or UNKNOWN_BROWSER} sur {system}" if system else name or UNKNOWN_BROWSER


class HeadAsGet:
    """Middleware that answers HEAD as GET, without the body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET", WITHOUT_BODY: True}, receive, send_without_body)


@dataclass(frozen=True, slots=True)
class GateIdentity:
    """The person whom the gate has identified: the identifier that it gives, its claims by the keys of the settings."""

    person: str
    claims: dict[str, str] = field(repr=False)


class TrustedHeaders:
    """Middleware that reads the gate's headers and takes them away; the API's programs never have an identity.

    They are read from a listed address, with the secret, each at most once and under its own name: a header that stands
    twice, or whose name is another sign for sign (``ct_remote_user``), was sent by whoever calls past the gate, which
    takes away its own names alone; nothing is read at all then.
    """

    def __init__(self, app: ASGIApp, *, settings: TrustedHeadersSettings, secrets: Sequence[bytes]) -> None:
        """``secrets``: those in force, two while it is being changed; none, nothing is ever read."""
        self._app, self._secrets = app, secrets
        self._networks = [ip_network(proxy) for proxy in settings.proxies]
        names = (canonical_header(name).replace("-", "[^a-z0-9]") for name in settings.names)
        self._confusable = re.compile("|".join(names))
        self._names = frozenset(map(str.lower, settings.names))
        self._secret_name = settings.secret.lower()
        self._read = {name.lower(): meaning for meaning, name in settings.claim_headers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = []
        gate_headers: list[tuple[str, bytes]] = []
        for name, value in scope["headers"]:
            text = name.decode("latin-1").lower()
            if self._confusable.fullmatch(text):
                gate_headers.append((text, value))
            else:
                headers.append((name, value))
        identity = self._identity(scope, gate_headers) if gate_headers else None
        await self._app({**scope, "headers": headers, _IDENTITY: identity}, receive, send)

    def _identity(self, scope: Scope, gate_headers: Sequence[tuple[str, bytes]]) -> GateIdentity | None:
        values = dict(gate_headers)
        is_plain = len(values) == len(gate_headers) and values.keys() <= self._names
        if not is_plain or scope["path"].startswith("/api/") or not self._is_gate(scope):
            return None
        sent = values.get(self._secret_name, b"")
        # All of them are compared, each whole: the time that it takes tells nothing of them.
        if not sum(hmac.compare_digest(sent, secret) for secret in self._secrets):
            return None
        claims = {meaning: _text(values[name]) for name, meaning in self._read.items() if name in values}
        person = claims.pop("person", "").strip()
        return GateIdentity(person, claims) if person else None

    def _is_gate(self, scope: Scope) -> bool:
        peer = scope.get(PEER) or (scope["client"][0] if scope.get("client") else "")
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def gate_secrets(settings: TrustedHeadersSettings, secrets: Secrets) -> tuple[bytes, ...]:
    """The secrets in force; none where no gate is listed. Raises SecretMissing, SecretRefused."""
    return gate_secrets_of(secrets.read(GATE_SECRET)) if settings.proxies else ()


def gate_identity(request: Request) -> GateIdentity | None:
    """The identity that the gate gives with this request; None without it, and from anybody else."""
    identity: GateIdentity | None = request.scope.get(_IDENTITY)
    return identity


def claims_of(gate: GateIdentity, names: ClaimNamesSettings) -> dict[str, object]:
    """The claims of the gate, under the names by which the settings have claims read."""
    return {
        getattr(names, meaning)[0]: gate.claims[meaning]
        for meaning in ClaimNamesSettings.model_fields
        if meaning in gate.claims
    }


def _text(value: bytes) -> str:
    """The text of a header: UTF-8 as gates write it, else Latin-1; nothing of an immense one."""
    if len(value) > LONGEST_HEADER:
        return ""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
