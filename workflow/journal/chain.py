"""The journal: chains of events over canonical text, without personal data (R63, R64)."""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from states.decision import Scalar
from states.model import Actor

INSTALLATION = "installation"


GENESIS = "0" * 64


FORMAT = 1


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of a chain: the hash of its last event and the number of its events."""

    hash: str
    length: int


EMPTY_CHAIN = ChainHead(GENESIS, 0)


class JournalHasher:
    """Makes the events of every chain. ``key`` (bytes) is the journal's key, which is not in the database."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def commitment(self, nonce: str, stream: str, seq: int, field: str, body: str) -> str:
        """Return the keyed digest of a free text: it proves the text, and tells nothing once the text is erased."""
        message = "\x1f".join((nonce, stream, str(seq), field, body)).encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def identity(self, nonce: str, number: int, key: str, label: str) -> str:
        """Return the commitment to who stands behind an actor's number (R109)."""
        return self.commitment(nonce, "actor", number, key, label)

    def key_check(self) -> str:
        """Return a digest of the key itself, which shows at once that another installation's key is in place."""
        return self.commitment("", INSTALLATION, 0, "key", "oda")

    def digest(self, text: str) -> str:
        """Return a keyed digest, to compare two texts without storing them (R10, R74)."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def notes(self, stream: str, seq: int, texts: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the rows of the free texts beside an event."""
        return [
            {"stream": stream, "seq": seq, "field": field, "nonce": secrets.token_hex(8), "body": body}
            for field, body in sorted(texts.items())
        ]

    def event(
        self, chain: tuple[str, ChainHead], kind: str, states: tuple[str | None, str | None], actor: Actor,
        at: datetime, data: Mapping[str, Scalar], notes: list[dict[str, Any]],
    ) -> dict[str, Any]:  # fmt: skip
        """Return the row of the next event of a chain, hash included."""
        stream, head = chain
        seq = head.length + 1
        commitments = {n["field"]: self.commitment(n["nonce"], stream, seq, n["field"], n["body"]) for n in notes}
        canonical = canonical_text(
            {
                "actor": actor.number,
                "at": canonical_instant(at),
                "channel": actor.channel.value,
                "data": dict(sorted(data.items())),
                "from": states[0],
                "kind": kind,
                "notes": dict(sorted(commitments.items())),
                "prev": head.hash,
                "role": actor.role.value,
                "seq": seq,
                "stream": stream,
                "to": states[1],
                "v": FORMAT,
            }
        )
        return {
            "stream": stream, "seq": seq, "kind": kind, "from_state": states[0], "to_state": states[1],
            "actor": actor.number, "role": actor.role.value, "at": at, "canonical": canonical,
            "hash": hash_of(canonical),
        }  # fmt: skip


def canonical_text(value: Mapping[str, Any]) -> str:
    """Return compact JSON, in NFC, of keys that come sorted: the same bytes on every machine."""
    text = to_json(value).decode()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@lru_cache(maxsize=16)
def canonical_instant(at: datetime) -> str:
    """Return an instant in UTC to the microsecond, always of the same length."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hash_of(canonical: str) -> str:
    return hashlib.sha256(canonical.encode()).hexdigest()
