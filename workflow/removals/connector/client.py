"""One signed call to the ODA server, over :mod:`workflow.http_post` (R84)."""

import hashlib
import hmac
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import SecretStr

from workflow.http_post import HttpPost, NoAnswer, Reply
from workflow.settings.addresses import Resolver, resolve_host
from workflow.settings.removals import ALLOW, ConnectorSettings
from workflow.settings.secrets import CONNECTOR_KEY, SecretRefused, Secrets

SHORTEST: Final = 32
"""Characters of the secret."""


def secret_of(secrets: Secrets) -> SecretStr:
    """The connector's secret. Raises SecretMissing, SecretRefused when it is too short to prove anything."""
    secret = secrets.read(CONNECTOR_KEY)
    if len(secret.get_secret_value()) < SHORTEST:
        raise SecretRefused(
            f"le secret {CONNECTOR_KEY} est trop court : au moins {SHORTEST} caractères, tirés au hasard"
            " (openssl rand -hex 32), les mêmes sur le serveur ODA"
        )
    return secret


def headers(secret: SecretStr, at: datetime, url: str, body: bytes, key: str) -> dict[str, str]:
    """Headers of a call: the signature covers the instant (Unix seconds), so that no old call is replayed."""
    timestamp = str(int(at.timestamp()))
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Accept": "application/json",
        "User-Agent": "oda-connector",
        "Idempotency-Key": key,
        "X-ODA-Timestamp": timestamp,
        "X-ODA-Signature": f"v1={signature(secret, timestamp, url, key, body)}",
    }


def signature(secret: SecretStr, timestamp: str, url: str, key: str, body: bytes) -> str:
    """HMAC-SHA256 in hexadecimal, by the first version of what is signed: five lines, then the body.

    The key is in it, so that a call is not repeated under another one; method and address, so that it is not sent
    elsewhere.
    """
    signed = "\n".join(("v1", timestamp, "POST", url, key, "")).encode() + body
    return hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A body to send, under a key that makes its repetition harmless."""

    body: bytes
    key: str


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Calls the server of the settings. ``tls_context`` None trusts the system's authorities."""

    settings: ConnectorSettings
    secret: SecretStr
    resolver: Resolver = resolve_host
    tls_context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def addresses(self) -> tuple[str, ...]:
        """Resolve the server's name and check every address. Raises AddressRefused, NoAnswer for an unknown name."""
        return self._http().addresses()

    def ask(self, calls: Sequence[Call], at: datetime) -> list[Reply | NoAnswer]:
        """Send these together; one answer, or its lack, each, in order. Raises AddressRefused, NoAnswer for all."""
        url = self.settings.url or ""
        return self._http().send([(call.body, headers(self.secret, at, url, call.body, call.key)) for call in calls])

    def _http(self) -> HttpPost:
        settings = self.settings
        return HttpPost(
            url=settings.url or "", allowed=settings.allowed, setting=ALLOW, timeout_seconds=settings.timeout_seconds,
            resolver=self.resolver, tls_context=self.tls_context,
        )  # fmt: skip
