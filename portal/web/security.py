"""Security of every page: the visitor, CSRF tokens, the same-site check of forms, and the middlewares before any page.

The middlewares set the headers of answers, answer under the portal's own name alone, and take the headers of the
académie's gate from everybody, before anything sees them, and read them from the gate alone (R102).
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.server import PEER, WITHOUT_BODY
from states.model import Actor
from states.validation import is_storable
from states.vocabulary import Role
from workflow.auth.rate_limit import derived, network_of
from workflow.auth.sessions import SessionUser
from workflow.auth.sign_in_links import UNKNOWN_BROWSER
from workflow.journal.chain import Origin, coming_from
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

NO_TELEMETRY: Final[TelemetryConfig] = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False,
}  # fmt: skip
"""FastAPI would tell a process's OpenTelemetry provider every address, and some of them are secrets (R72)."""

CSRF_FIELD: Final = "csrf"

_TOKEN_BYTES: Final = 32

LONGEST_ADDRESS: Final = 500
"""Characters of an address to return to."""

_OURS: Final = re.compile(r"/(?![/\\])[!-~]*")
"""One slash, then plain characters: a browser cannot take it for another host."""

_NOT_AGAIN: Final = ("/connexion", "/deconnexion")

_DOORS: Final = {"/rectorat": "/connexion/rectorat", "/rupn": "/connexion/rupn"}
"""The pages of signing in, by the beginning of what they lead to; an establishment's is the first."""

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

_IDENTITY: Final = "oda.gate_identity"

LONGEST_HEADER: Final = 8000
"""Bytes of one header that are read; a chef of many establishments has some hundreds."""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Somebody signed in. ``uai``: the establishment in view among those of a mailbox; empty for the rectorat.

    ``in_stead_of``: who is substituted on this page, as people read it; empty for one's own role (R114).
    """

    actor: Actor
    session_user: SessionUser
    secret: str
    uai: str = ""
    in_stead_of: str = ""

    @property
    def csrf(self) -> str:
        """A token for the forms of a page, another at each reading."""
        return csrf_of(self.secret)

    @property
    def is_chef(self) -> bool:
        return self.actor.is_establishment

    @property
    def is_rupn(self) -> bool:
        return self.actor.role is Role.RUPN

    @property
    def is_operator(self) -> bool:
        return self.actor.role is Role.OPERATOR

    @property
    def is_rectorat(self) -> bool:
        return self.actor.role in (Role.OPERATOR, Role.READER)

    @property
    def home(self) -> str:
        """The first page of this role."""
        return "/etablissement" if self.is_chef else "/rupn" if self.is_rupn else "/rectorat"


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


async def plain_address(request: Request) -> None:
    """Refuse an address with a character that no database can compare.

    Raises HTTPException: 404 for its path, 422 for its parameters.
    """
    if not all(is_storable(str(value)) for value in request.path_params.values()):
        raise HTTPException(404)
    if not all(is_storable(value) for _, value in request.query_params.multi_items()):
        raise HTTPException(422)


def csrf_of(session_secret: str) -> str:
    """A token of this session's forms, under a mask of its own.

    The pages are compressed: a token that never changes could be guessed from their length by who chooses a text that
    stands beside it.
    """
    mask = secrets.token_bytes(_TOKEN_BYTES)
    return (mask + _masked(bytes.fromhex(derived(session_secret, "csrf")), mask)).hex()


def has_csrf(form: FormData, session_secret: str) -> bool:
    """Return True when the form carries a token of this session; compared in constant time."""
    token = form.get(CSRF_FIELD)
    try:
        content = bytes.fromhex(token) if isinstance(token, str) else b""
    except ValueError:
        return False
    mask, masked = content[:_TOKEN_BYTES], content[_TOKEN_BYTES:]
    if len(masked) != _TOKEN_BYTES:
        return False
    return hmac.compare_digest(_masked(masked, mask), bytes.fromhex(derived(session_secret, "csrf")))


def _masked(token: bytes, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(token, mask, strict=True))


def comes_from_here(request: Request, address: str) -> bool:
    """Return True when the browser tells that one of our own pages sent this form, or tells nothing.

    ``address``: the portal's, from the settings; on this machine alone, any of its names is the same.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or is_own_origin(origin, address)


def is_told_from_here(request: Request, address: str) -> bool:
    """Return True when the browser tells that one of our own pages sent this form."""
    is_told = "sec-fetch-site" in request.headers or "origin" in request.headers
    return is_told and request.headers.get("sec-fetch-site") != "none" and comes_from_here(request, address)


def is_own_origin(origin: str, address: str) -> bool:
    """Return True when this origin is that of the portal's address."""
    return _origin(origin) == _origin(address)


def _origin(address: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of an address, which are compared; None for one that cannot be read."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    host = parts.hostname or ""
    return parts.scheme, "localhost" if is_this_machine(host) else host, port


def safe_back(path: object) -> str:
    """The path if it leads to one of our pages; empty for anything else, and for the pages of signing in themselves."""
    if not isinstance(path, str) or len(path) > LONGEST_ADDRESS or "\\" in path or not _OURS.fullmatch(path):
        return ""
    return "" if path.startswith(_NOT_AGAIN) else path


def door_of(path: str) -> str:
    """The page of signing in of whoever wants this page of ours."""
    return next((door for start, door in _DOORS.items() if path.startswith(start)), "/connexion")


def is_of_rupn(path: str) -> bool:
    """Return True for the RUPN's own page, and those below it (R113)."""
    return re.match(r"/rupn(?![^/?])", path) is not None


def page_before(request: Request, address: str) -> str:
    """The page that led here, to which its reader goes back; empty for none of ours, and for this very address."""
    before = request.headers.get("referer", "")
    if not is_own_origin(before, address):
        return ""
    parts = urlsplit(before)
    path = safe_back(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    is_here = request.method in ("GET", "HEAD", "OPTIONS") and parts.path == request.url.path
    return "" if is_here else path


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


def browser_name(headers: Headers) -> str:
    """A browser in words, by its ``User-Agent`` header: « Firefox sur Windows ».

    Only our own words come out, never a part of the header, which anybody may write as they like.
    """
    text = headers.get("user-agent", "")
    name, system = (
        next((ours for theirs, ours in words if theirs in text), "") for words in (_BROWSER_NAMES, _BROWSER_SYSTEMS)
    )
    return f"{name or UNKNOWN_BROWSER} sur {system}" if system else name or UNKNOWN_BROWSER


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


def gate_secrets(settings: TrustedHeadersSettings, secrets: Secrets) -> tuple[bytes, ...]:
    """The secrets in force; none where no gate is listed. Raises SecretMissing, SecretRefused."""
    return gate_secrets_of(secrets.read(GATE_SECRET)) if settings.proxies else ()


@dataclass(frozen=True, slots=True)
class GateIdentity:
    """The person whom the gate has identified: the identifier that it gives, its claims by the keys of the settings."""

    person: str
    claims: dict[str, str] = field(repr=False)


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
        if not self._is_secret(values.get(self._secret_name, b"")):
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

    def _is_secret(self, value: bytes) -> bool:
        """True for one of the secrets; each is compared whole, so that the time taken tells nothing of them."""
        return sum(hmac.compare_digest(value, secret) for secret in self._secrets) > 0


def _text(value: bytes) -> str:
    """The text of a header: UTF-8 as gates write it, else Latin-1; nothing of an immense one."""
    if len(value) > LONGEST_HEADER:
        return ""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
