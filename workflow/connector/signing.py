"""The headers that prove who asks, and that the same question was asked before (R84)."""

import hashlib
import hmac
from datetime import datetime
from typing import Final

from pydantic import SecretStr

from workflow.settings.secrets import CONNECTOR_KEY, SecretRefused, Secrets

SHORTEST: Final = 32
"""Characters of the secret."""


def secret_of(secrets: Secrets) -> SecretStr:
    """The connector's secret. Raises SecretMissing, SecretRefused when it is too short to prove anything."""
    found = secrets.read(CONNECTOR_KEY)
    if len(found.get_secret_value()) < SHORTEST:
        raise SecretRefused(
            f"le secret {CONNECTOR_KEY} est trop court : au moins {SHORTEST} caractères, tirés au hasard"
            " (openssl rand -hex 32), les mêmes sur le serveur ODA"
        )
    return found


def headers(secret: SecretStr, at: datetime, body: bytes, key: str) -> dict[str, str]:
    """What goes with a body: the signature covers the instant (Unix seconds), so that no old call is replayed."""
    timestamp = str(int(at.timestamp()))
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Accept": "application/json",
        "User-Agent": "oda-connector",
        "Idempotency-Key": key,
        "X-ODA-Timestamp": timestamp,
        "X-ODA-Signature": f"sha256={signature(secret, timestamp, body)}",
    }


def signature(secret: SecretStr, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of ``timestamp.body``, in hexadecimal."""
    key = secret.get_secret_value().encode()
    return hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
