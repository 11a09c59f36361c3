"""What another system is told of an event, how it is signed (Standard Webhooks), what its answer means (R118).

Codes of this software, never a wording; no free text, no code; a person only where a setting says so.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from pydantic import SecretStr
from pydantic_core import from_json, to_json

from states.decision import RequestEvent
from states.vocabulary import Trigger
from workflow.http_post import NoAnswer, Reply, retry_after
from workflow.settings.secrets import SecretRefused, Secrets
from workflow.settings.webhooks import WebhookEndpoint

PING: Final = "ping"
"""The type of a message that tells of nothing: it tries the line and the secret."""

PREFIX: Final = "whsec_"

SHORTEST, LONGEST = 24, 64
"""Bytes of a secret, as Standard Webhooks bounds them."""


def kind_of(trigger: Trigger) -> str:
    """Return the type of the message that tells of this event."""
    return f"request.{trigger.value}"


def payload_of(event: RequestEvent) -> str:
    """Write what every endpoint is told of an event, without a person.

    ``sequence`` is the event's number in the request's history: messages may come in another order.
    """
    request, source = event.request, event.decision.source
    return to_json({
        "type": kind_of(event.decision.trigger),
        "timestamp": event.at.astimezone(UTC),
        "data": {
            "reference": request.reference,
            "uai": request.uai,
            "school_year": str(request.school_year),
            "trigger": event.decision.trigger.value,
            "previous_state": source.value if source else None,
            "state": request.state.value,
            "version": request.version,
            "sequence": event.seq,
        },
    }).decode()  # fmt: skip


def ping_payload(now: datetime) -> bytes:
    """Write a message that tells of nothing."""
    return to_json({"type": PING, "timestamp": now.astimezone(UTC), "data": {}})


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldPerson:
    """All that an endpoint may be told of a RUPN."""

    nom: str
    prenom: str
    mail: str


def with_person(payload: str, person: ToldPerson | None) -> bytes:
    """Add the RUPN to a message; null for one whose data were erased meanwhile."""
    message = from_json(payload)
    told = {"nom": person.nom, "prenom": person.prenom, "mail": person.mail} if person else None
    message["data"]["person"] = told
    return to_json(message)


@dataclass(frozen=True)
class SigningSecrets:
    """The secrets of an endpoint, the newest first: each signs, so that it can be changed without losing a message."""

    keys: tuple[bytes, ...]

    @classmethod
    def read(cls, endpoint: WebhookEndpoint, secrets: Secrets) -> "SigningSecrets":
        """Read them, one a line. Raises SecretMissing, SecretRefused."""
        lines = secrets.read(endpoint.secret_name).get_secret_value().split()
        return cls(tuple(_key(SecretStr(line), endpoint.secret_name) for line in lines))

    def headers(self, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """Return the headers of one sending: the instant is signed, so that no old message is replayed."""
        timestamp = str(int(at.timestamp()))
        signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
        return {
            "Content-Type": "application/json",
            "User-Agent": "oda-webhook",
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(_signature(key, signed) for key in self.keys),
        }


def _key(line: SecretStr, name: str) -> bytes:
    text = line.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise SecretRefused(
            f"le secret {name} n'a pas la forme attendue : « {PREFIX} » puis {SHORTEST} octets tirés au hasard,"
            f" ou plus, en base64, un secret par ligne ; « oda webhook secret {name.partition('-')[2]} » en fait un"
        )
    return key


def _signature(key: bytes, signed: bytes) -> str:
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


class Verdict(Enum):
    """What an answer makes of a delivery."""

    RECEIVED = "received"
    LATER = "later"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """The meaning of one answer; ``words`` are ours, ``after`` is the wait that the other system asks for."""

    verdict: Verdict
    words: str = ""
    status: int | None = None
    after: timedelta | None = None


_SAID: Final[Mapping[int, str]] = {
    401: "la signature ou l'accès est refusé (réponse 401)",
    403: "la signature ou l'accès est refusé (réponse 403)",
    404: "rien n'est à cette adresse (réponse 404)",
    410: "l'autre logiciel ne veut plus être prévenu (réponse 410)",
    429: "l'autre logiciel demande d'attendre (réponse 429)",
    503: "l'autre logiciel est indisponible (réponse 503)",
}


def judge(reply: Reply | NoAnswer, now: datetime) -> Judgement:
    """Return what an answer means: 2xx received, 410 gone for good, anything else to be tried again."""
    if isinstance(reply, NoAnswer):
        return Judgement(verdict=Verdict.FAILED, words=str(reply))
    status = reply.status
    if 200 <= status < 300:
        return Judgement(verdict=Verdict.RECEIVED, status=status)
    if 300 <= status < 400:
        words = f"une autre adresse est indiquée, qui n'est pas suivie (réponse {status})"
    else:
        words = _SAID.get(status, f"réponse {status}")
    if status == 410:
        return Judgement(verdict=Verdict.GONE, words=words, status=status)
    after = retry_after(reply, now) if status in (429, 503) else None
    return Judgement(verdict=Verdict.LATER if after else Verdict.FAILED, words=words, status=status, after=after)


def best(judgements: Sequence[Judgement]) -> Judgement:
    """Return the one that says the most of the endpoint: received by any, else the last."""
    return next((each for each in judgements if each.verdict is Verdict.RECEIVED), judgements[-1])
