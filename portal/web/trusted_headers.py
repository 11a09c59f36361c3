"""The headers of the académie's gate: read from it alone, taken from everybody before anything sees them (R102)."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from portal.connections import PEER
from workflow.settings.secrets import GATE_SECRET, Secrets, gate_secrets_of
from workflow.settings.sign_in import ClaimNamesSettings, TrustedHeadersSettings, canonical_header

_IDENTITY: Final = "oda.gate_identity"

LONGEST_HEADER: Final = 8000
"""Bytes of one header that are read; a chef of many establishments has some hundreds."""


def gate_secrets(settings: TrustedHeadersSettings, secrets: Secrets) -> tuple[bytes, ...]:
    """The secrets in force; none where no gate is listed. Raises SecretMissing, SecretRefused."""
    return gate_secrets_of(secrets.read(GATE_SECRET)) if settings.proxies else ()


@dataclass(frozen=True, slots=True)
class GateIdentity:
    """Whom the gate has identified: the identifier that it gives, and its claims, by the keys of the settings."""

    person: str
    claims: dict[str, str] = field(repr=False)


def gate_identity(request: Request) -> GateIdentity | None:
    """The identity that the gate gives with this request; None without it, and from anybody else."""
    identity: GateIdentity | None = request.scope.get(_IDENTITY)
    return identity


def claims_of(gate: GateIdentity, names: ClaimNamesSettings) -> dict[str, object]:
    """What the gate says, under the names by which the settings have claims read."""
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
        self._confusable = frozenset(map(canonical_header, settings.names))
        self._names = frozenset(map(str.lower, settings.names))
        self._secret_name = settings.secret.lower()
        self._read = {name.lower(): meaning for meaning, name in settings.claim_headers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        kept: list[tuple[bytes, bytes]] = []
        taken: list[tuple[str, bytes]] = []
        for name, value in scope["headers"]:
            text = name.decode("latin-1").lower()
            if canonical_header(text) in self._confusable:
                taken.append((text, value))
            else:
                kept.append((name, value))
        identity = self._identity(scope, taken) if taken else None
        await self._app({**scope, "headers": kept, _IDENTITY: identity}, receive, send)

    def _identity(self, scope: Scope, taken: Sequence[tuple[str, bytes]]) -> GateIdentity | None:
        values = dict(taken)
        is_plain = len(values) == len(taken) and values.keys() <= self._names
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

    def _is_secret(self, given: bytes) -> bool:
        """True for one of the secrets; each is compared whole, so that the time taken tells nothing of them."""
        return sum(hmac.compare_digest(given, secret) for secret in self._secrets) > 0


def _text(value: bytes) -> str:
    """The text of a header: UTF-8 as gates write it, else Latin-1; nothing of an immense one."""
    if len(value) > LONGEST_HEADER:
        return ""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
