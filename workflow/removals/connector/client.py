"""One signed call to the ODA server about one task, and the meaning of its answer (R48, R84).

It goes over :mod:`workflow.http_post`. A question holds as few personal data as name one key, never a code.
"""

import hashlib
import hmac
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from pydantic import SecretStr
from pydantic_core import from_json, to_json

from states.validation import is_invisible
from states.vocabulary import Action, RemovalOutcome
from workflow.http_post import HttpPost, NoAnswer, Reply, retry_after
from workflow.journal.chain import JournalHasher
from workflow.removals.tasks import RemovalLine
from workflow.settings.secrets import CONNECTOR_KEY, SecretRefused, Secrets
from workflow.settings.services import ALLOW_CONNECTOR, ConnectorSettings, Resolver, resolve_host

SHORTEST: Final = 32
"""Characters of the secret."""

ACTIONS: Final = {
    Action.REMOVE_KEY: "remove_key", Action.REMOVE_RIGHTS: "remove_rights", Action.KEEP_KEY: "remove_rights",
    Action.CHANGE_EXPIRY: "set_expiry",
}  # fmt: skip
"""Our actions by the name that the contract gives them."""

_GONE: Final = (RemovalOutcome.ABSENT, RemovalOutcome.EXPIRED)

ANSWERS: Final[dict[Action, frozenset[RemovalOutcome]]] = {
    Action.REMOVE_KEY: frozenset({RemovalOutcome.REMOVED, *_GONE}),
    Action.REMOVE_RIGHTS: frozenset({RemovalOutcome.KEPT, *_GONE}),
    Action.KEEP_KEY: frozenset({RemovalOutcome.KEPT}),
    Action.CHANGE_EXPIRY: frozenset({RemovalOutcome.KEPT}),
}
"""The outcomes that answer each question; another one is left to a person."""

PING: Final = "ping"

_DIGITS: Final = 32

MAX_WORDS: Final = 300

USUAL: Final = timedelta(minutes=5)
"""How long we wait for a server that does not say for how long."""

OF_ALL: Final = (401, 403, 404, 405, 407)
"""Refusals that say more of our settings than of one task."""


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
            url=settings.url or "", allowed=settings.allowed, setting=ALLOW_CONNECTOR,
            timeout_seconds=settings.timeout_seconds, resolver=self.resolver, tls_context=self.tls_context,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question to the server. ``digest`` is the same as long as the question is.

    ``answers``: the outcomes that do not contradict it; ``to_verify``: nobody knows whether a namesake's key is meant,
    so that no program may ask (R48).
    """

    reference: str
    body: bytes
    digest: str
    answers: frozenset[RemovalOutcome]
    to_verify: bool


class CallOutcome(Enum):
    """The outcome of a call."""

    ANSWERED = "answered"
    LATER = "later"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The outcome of one call.

    ``after``: the wait that the server asks for; ``of_all``: the next calls would end in the same way, for the server
    is in trouble or we are misconfigured; ``words`` are the server's, or ours about it.
    """

    verdict: CallOutcome
    words: str = ""
    status: int | None = None
    outcome: RemovalOutcome | None = None
    after: timedelta | None = None
    of_all: bool = False


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


def question_of(line: RemovalLine, hasher: JournalHasher) -> Question | None:
    """Return the question of an open task today; None once it is confirmed.

    The same question has the same bytes, whenever and by whichever machine it is asked: its instant is in a header.
    """
    if line.todo is None:
        return None
    request, todo = line.request, line.todo
    body = to_json({
        "reference": request.reference,
        "action": ACTIONS[todo.action],
        "kind": line.kind.value,
        "uai": request.uai,
        "person": {"nom": request.nom, "prenom": request.prenom, "mail": request.mail},
        "school_year": str(request.school_year),
        "expires_on": todo.expires_on,
        "kept_for": list(todo.kept_for),
        "opened_at": line.opened_at,
    })  # fmt: skip
    return Question(
        reference=request.reference, body=body, digest=hasher.digest(body.decode())[:_DIGITS],
        answers=ANSWERS[todo.action], to_verify=todo.to_verify,
    )  # fmt: skip


def ping() -> bytes:
    """A question that asks for nothing: whether the server is there and takes our signature."""
    return to_json({"action": PING})


def without(reason: str) -> Answer:
    """No answer came: it is asked again under the same key."""
    return Answer(verdict=CallOutcome.RETRY, words=cleaned(reason), of_all=True)


def meaning(reply: Reply, now: datetime) -> Answer:
    """Return what the server's reply means for the call."""
    status, body = reply.status, body_of(reply)
    words = cleaned(body.get("message") or body.get("detail")) or f"réponse {status}"
    after = retry_after(reply, now)
    if not reply.is_whole:
        return _odd(status, "réponse de plus de 64 Ko")
    if status == 200:
        outcome = body.get("outcome")
        if not isinstance(outcome, str) or outcome not in set(RemovalOutcome):
            return _odd(status, "la réponse ne dit pas ce qui a été fait (outcome)")
        done, said = RemovalOutcome(outcome), cleaned(body.get("message"))
        return Answer(verdict=CallOutcome.ANSWERED, words=said, status=status, outcome=done)
    if status == 202:
        return Answer(verdict=CallOutcome.LATER, words=words, status=status, after=after or USUAL)
    if status in (429, 503) and after:
        return Answer(verdict=CallOutcome.LATER, words=words, status=status, after=after, of_all=True)
    if status == 429 or status >= 500:
        return Answer(verdict=CallOutcome.RETRY, words=words, status=status, of_all=True)
    if 300 <= status < 400:
        return _odd(status, f"le serveur renvoie à une autre adresse (réponse {status}), qui n'est pas suivie")
    if 400 <= status < 500:
        return Answer(verdict=CallOutcome.REFUSED, words=words, status=status, of_all=status in OF_ALL)
    return _odd(status, f"réponse {status} inattendue")


def _odd(status: int, words: str) -> Answer:
    """An answer that no server of the contract gives: something else is there."""
    return Answer(verdict=CallOutcome.REFUSED, words=words, status=status, of_all=True)


def body_of(reply: Reply) -> dict[str, Any]:
    """Decode the body, a JSON object; empty when it is none, or gives a key twice: which one was meant is unknown."""

    def without_double(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The object of these pairs (RFC 8259, 4)."""
        values = dict(pairs)
        if len(values) < len(pairs):
            raise ValueError("key given twice")
        return values

    try:
        from_json(reply.body, allow_inf_nan=False)  # bounds the depth, as json does not
        body = json.loads(reply.body, object_pairs_hook=without_double)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def cleaned(text: object) -> str:
    """A server's words as kept and shown: printable, on one line, 300 characters at most; empty for no words."""
    if not isinstance(text, str):
        return ""
    line = " ".join("".join(" " if is_invisible(c) else c for c in text).split())
    return line if len(line) <= MAX_WORDS else f"{line[: MAX_WORDS - 1]}…"
