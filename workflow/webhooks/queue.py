"""The deliveries: made with their event, signed, claimed by a lease; the meaning of their answers (R118).

They tell another system codes of this software, never a wording; no free text, no code; a person only where a setting
says so. They are signed by Standard Webhooks.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, and_, bindparam, delete, exists, func, literal_column, or_, select, update

from notifications.outbox.retry import RetryRules
from notifications.sql import Row, insert_rows, upsert
from states.decision import RequestEvent
from states.vocabulary import Trigger
from workflow.database.schedule_tables import DELIVERY, ENDPOINT_STATE, DeliveryStage
from workflow.database.tables import REQUEST
from workflow.http_post import NoAnswer, Reply, retry_after
from workflow.settings.secrets import SecretRefused, Secrets
from workflow.settings.services import WebhookEndpoint, WebhooksSettings

PING: Final = "ping"
"""The type of a message that tells of nothing: it tries the line and the secret."""

PREFIX: Final = "whsec_"

SHORTEST, LONGEST = 24, 64
"""Bytes of a secret, as Standard Webhooks bounds them."""

_SAID: Final[Mapping[int, str]] = {
    401: "la signature ou l'accès est refusé (réponse 401)",
    403: "la signature ou l'accès est refusé (réponse 403)",
    404: "rien n'est à cette adresse (réponse 404)",
    410: "l'autre logiciel ne veut plus être prévenu (réponse 410)",
    429: "l'autre logiciel demande d'attendre (réponse 429)",
    503: "l'autre logiciel est indisponible (réponse 503)",
}

RETRIES: Final = RetryRules(
    max_attempts=10,
    delays=(
        timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30),
        *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
    ),
    retry_uncertain=True,
)  # fmt: skip
"""The attempts of one delivery, over three days and some hours."""

TOO_OLD: Final = timedelta(days=4)
"""A delivery is given up after this long, however few its attempts: its endpoint was left alone meanwhile."""

RESTS: Final = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5))
"""How long an endpoint that fails is left alone, the last wait repeating itself; then one delivery tries it."""

_WAITS: Final = DELIVERY.c.stage == literal_column(f"'{DeliveryStage.WAITING.value}'")
"""Written out, never bound: a partial index serves only a condition that it can recognise."""

_IS_ABANDONED: Final = and_(
    _WAITS, DELIVERY.c.endpoint.not_in(bindparam("endpoints", expanding=True)),
    DELIVERY.c.started_at < bindparam("waits_since"),
)  # fmt: skip

_ENDED_LONG_AGO: Final = DELIVERY.c.ended_at < bindparam("ended_since")

HAS_OLD: Final = or_(exists().where(_IS_ABANDONED), exists().where(_ENDED_LONG_AGO))
"""The condition under which ``forget_old`` finds anything, the ``endpoints`` being those of the settings."""


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
        return cls(tuple(_key(line, endpoint.secret_name) for line in lines))

    def headers(self, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """Return the headers of one sending: the instant is signed, so that no old message is replayed."""
        timestamp = str(int(at.timestamp()))
        signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
        signatures = (hmac.new(key, signed, hashlib.sha256).digest() for key in self.keys)
        return {
            "Content-Type": "application/json",
            "User-Agent": "oda-webhook",
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures),
        }


def _key(line: str, name: str) -> bytes:
    try:
        key = base64.b64decode(line.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not line.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise SecretRefused(
            f"le secret {name} n'a pas la forme attendue : « {PREFIX} » puis {SHORTEST} octets tirés au hasard,"
            f" ou plus, en base64, un secret par ligne ; « oda webhook secret {name.partition('-')[2]} » en fait un"
        )
    return key


class Verdict(Enum):
    """The outcome that an answer gives to a delivery."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointState:
    """The state of an endpoint; ``is_gone``: it said so, and its settings have not changed since."""

    failures: int = 0
    failing_since: datetime | None = None
    rests_until: datetime | None = None
    delivered_at: datetime | None = None
    is_gone: bool = False
    answer: str = ""

    @property
    def standing(self) -> str:
        """The state in French."""
        if self.is_gone:
            return "ne veut plus être prévenu"
        if self.failing_since:
            return f"ne répond pas : {self.answer}"
        return "prévenu" if self.delivered_at else "pas encore prévenu"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedDelivery:
    """A delivery that this machine has claimed until ``until``, after ``attempts`` so far."""

    number: int
    webhook_id: str
    reference: str
    payload: str
    attempts: int
    started_at: datetime
    until: datetime


def enqueue(
    connection: Connection, endpoints: Sequence[WebhookEndpoint], events: Sequence[RequestEvent], now: datetime
) -> None:
    """Write what each endpoint is to be told of these events, in their transaction."""
    states = load_states(connection, endpoints)
    rows: list[Row] = []
    for event in events:
        trigger = event.decision.trigger
        told = [each for each in endpoints if each.wants(trigger) and not states[each.name].is_gone]
        payload = payload_of(event) if told else ""
        rows += [
            {
                "endpoint": endpoint.name, "webhook_id": f"msg_{uuid4().hex}", "kind": kind_of(trigger),
                "reference": event.request.reference, "payload": payload, "stage": DeliveryStage.WAITING.value,
                "attempts": 0, "answer": "", "created_at": now, "started_at": now, "next_at": now,
            }
            for endpoint in told
        ]  # fmt: skip
    insert_rows(connection, DELIVERY, rows)


def load_states(connection: Connection, endpoints: Sequence[WebhookEndpoint]) -> dict[str, EndpointState]:
    """Return how each of these endpoints fares, by name, in one query."""
    digests = {endpoint.name: endpoint.digest for endpoint in endpoints}
    states = dict.fromkeys(digests, EndpointState())
    for row in connection.execute(select(ENDPOINT_STATE).where(ENDPOINT_STATE.c.name.in_(list(digests)))):
        states[row.name] = EndpointState(
            failures=row.failures, failing_since=row.failing_since, rests_until=row.rests_until,
            delivered_at=row.delivered_at, is_gone=row.gone_at is not None and row.gone_setting == digests[row.name],
            answer=row.answer,
        )  # fmt: skip
    return states


def give_up_old(connection: Connection, endpoint: str, now: datetime) -> int:
    """Give up what has waited too long; let go what a clock that was ahead put off for longer than any wait."""
    of_endpoint = (_WAITS, DELIVERY.c.endpoint == endpoint)
    put_off_too_far = DELIVERY.c.next_at > now + 2 * RETRIES.longest
    connection.execute(update(DELIVERY).where(*of_endpoint, put_off_too_far).values(next_at=now, leased_until=None))
    too_old = (*of_endpoint, DELIVERY.c.started_at < now - TOO_OLD, DELIVERY.c.leased_until.is_(None))
    ended = {"stage": DeliveryStage.GIVEN_UP.value, "next_at": None, "ended_at": now}
    return connection.execute(update(DELIVERY).where(*too_old).values(ended)).rowcount


def claim(connection: Connection, endpoint: str, now: datetime, lease: timedelta, limit: int) -> list[ClaimedDelivery]:
    """Claim what has been due the longest; none is claimed twice, on however many machines."""
    due = (
        select(DELIVERY)
        .where(_WAITS, DELIVERY.c.endpoint == endpoint, DELIVERY.c.next_at <= now)
        .order_by(DELIVERY.c.next_at, DELIVERY.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    until = now + lease
    claimed = [
        ClaimedDelivery(
            number=row.number, webhook_id=row.webhook_id, reference=row.reference, payload=row.payload,
            attempts=row.attempts, started_at=row.started_at, until=until,
        )
        for row in connection.execute(due)
    ]  # fmt: skip
    of_them = DELIVERY.c.number.in_([each.number for each in claimed])
    if claimed:
        connection.execute(update(DELIVERY).where(of_them).values(leased_until=until, next_at=until))
    return claimed


def people_of(connection: Connection, references: Iterable[str]) -> dict[str, ToldPerson]:
    """Return the RUPN of these requests as they are now; those who were erased are left out."""
    columns = (REQUEST.c.reference, REQUEST.c.nom, REQUEST.c.prenom, REQUEST.c.mail)
    query = select(*columns).where(REQUEST.c.reference.in_(sorted(set(references))), REQUEST.c.erased_at.is_(None))
    return {
        row.reference: ToldPerson(nom=row.nom, prenom=row.prenom, mail=row.mail) for row in connection.execute(query)
    }


def record(
    connection: Connection, endpoint: WebhookEndpoint, judged: Sequence[tuple[ClaimedDelivery, Judgement]],
    now: datetime,
) -> int:  # fmt: skip
    """Write what came of deliveries that were sent together, and how the endpoint fares; return how many are given up.

    One whose lease ran out meanwhile is another machine's: what became of it is not written here.
    """
    given_up = 0
    for delivery, judgement in judged:
        is_ours = (_WAITS, DELIVERY.c.number == delivery.number, DELIVERY.c.leased_until == delivery.until)
        values = _after_attempt(delivery, judgement, now)
        written = connection.execute(update(DELIVERY).where(*is_ours).values(values)).rowcount
        given_up += written and values.get("stage") == DeliveryStage.GIVEN_UP.value
    gone = next((each for _, each in judged if each.verdict is Verdict.GONE), None)
    if gone:  # told of nothing more, whatever waits for it, until its settings change
        of_endpoint = (_WAITS, DELIVERY.c.endpoint == endpoint.name)
        ended = {"stage": DeliveryStage.GIVEN_UP.value, "next_at": None, "ended_at": now, "answer": gone.words}
        given_up += connection.execute(update(DELIVERY).where(*of_endpoint).values(ended)).rowcount
        _write_state(connection, endpoint.name, gone_at=now, gone_setting=endpoint.digest, answer=gone.words)
    else:
        _learn(connection, endpoint, best([each for _, each in judged]), now)
    return given_up


def _after_attempt(delivery: ClaimedDelivery, judgement: Judgement, now: datetime) -> Row:
    written: Row = {"leased_until": None, "status": judgement.status, "answer": judgement.words}
    if judgement.verdict is Verdict.LATER and judgement.after:  # as it asks: no failed attempt
        return written | {"next_at": now + judgement.after}
    attempts = delivery.attempts + 1
    written["attempts"] = attempts
    if judgement.verdict is Verdict.RECEIVED:
        return written | {"stage": DeliveryStage.DELIVERED.value, "next_at": None, "ended_at": now}
    is_over = judgement.verdict is Verdict.GONE or RETRIES.has_failed(attempts, now - delivery.started_at)
    if is_over:
        return written | {"stage": DeliveryStage.GIVEN_UP.value, "next_at": None, "ended_at": now}
    return written | {"next_at": now + RETRIES.delay(attempts, delivery.number)}


def _learn(connection: Connection, endpoint: WebhookEndpoint, judgement: Judgement, now: datetime) -> None:
    """Write that the endpoint answers, or that it is left alone for a while."""
    if judgement.verdict is Verdict.RECEIVED:
        is_well = {"failures": 0, "failing_since": None, "rests_until": None, "gone_at": None, "answer": ""}
        _write_state(connection, endpoint.name, delivered_at=now, **is_well)
        return
    before = load_states(connection, [endpoint])[endpoint.name]
    failures = before.failures + 1
    rest = judgement.after or RESTS[min(failures, len(RESTS)) - 1]
    _write_state(
        connection, endpoint.name, failures=failures, failing_since=before.failing_since or now,
        rests_until=now + rest, answer=judgement.words,
    )  # fmt: skip


def learn_of_trial(connection: Connection, endpoint: WebhookEndpoint, judgement: Judgement, now: datetime) -> None:
    """Write that a trial was received: whatever kept the endpoint waiting is over, even that it was gone."""
    if judgement.verdict is Verdict.RECEIVED:
        _learn(connection, endpoint, judgement, now)


def _write_state(connection: Connection, name: str, **values: Any) -> None:
    row = {"name": name, "failures": 0, "gone_setting": "", "answer": "", **values}
    known = connection.execute(update(ENDPOINT_STATE).where(ENDPOINT_STATE.c.name == name).values(values)).rowcount
    if not known:
        connection.execute(upsert(connection, ENDPOINT_STATE, row, ["name"]))


def send_again(connection: Connection, numbers: Collection[int], now: datetime) -> list[int]:
    """Make these deliveries due at once, under their own ``webhook-id``, whatever had come of them; return those found.

    One that a machine is sending is left to it.
    """
    free = DELIVERY.c.leased_until.is_(None) | (DELIVERY.c.leased_until <= now)
    query = select(DELIVERY.c.number, DELIVERY.c.endpoint).where(DELIVERY.c.number.in_(sorted(numbers)), free)
    rows = connection.execute(query.order_by(DELIVERY.c.number).with_for_update()).all()
    if rows:
        values: Row = {
            "stage": DeliveryStage.WAITING.value, "attempts": 0, "next_at": now, "started_at": now, "ended_at": None,
            "leased_until": None,
        }  # fmt: skip
        connection.execute(update(DELIVERY).where(DELIVERY.c.number.in_([row.number for row in rows])).values(values))
        of_them = ENDPOINT_STATE.c.name.in_({row.endpoint for row in rows})
        connection.execute(update(ENDPOINT_STATE).where(of_them).values(rests_until=None))
    return [row.number for row in rows]


def given_up_numbers(connection: Connection, endpoint: str) -> list[int]:
    """Return the numbers of what this endpoint never received."""
    lost = (DELIVERY.c.endpoint == endpoint, DELIVERY.c.stage == DeliveryStage.GIVEN_UP.value)
    return list(connection.execute(select(DELIVERY.c.number).where(*lost).order_by(DELIVERY.c.number)).scalars())


def forget_old(connection: Connection, settings: WebhooksSettings, now: datetime) -> None:
    """Delete what ended long ago, and what waits for an endpoint that the settings name no more."""
    ended = {"stage": DeliveryStage.DISCARDED.value, "next_at": None, "leased_until": None, "ended_at": now}
    names = [endpoint.name for endpoint in settings.endpoints]
    abandoned = {"endpoints": names, "waits_since": now - TOO_OLD}
    connection.execute(update(DELIVERY).where(_IS_ABANDONED).values(ended), abandoned)
    long_ago = {"ended_since": now - timedelta(days=settings.keep_days)}
    connection.execute(delete(DELIVERY).where(_ENDED_LONG_AGO), long_ago)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryView:
    """One delivery for display; ``kind`` is its type, ``is_held``: a machine is at it."""

    number: int
    endpoint: str
    webhook_id: str
    kind: str
    reference: str
    stage: DeliveryStage
    attempts: int
    status: int | None
    answer: str
    created_at: datetime
    next_at: datetime | None
    ended_at: datetime | None
    is_held: bool

    @property
    def label(self) -> str:
        """The event in French."""
        trigger = self.kind.partition(".")[2]
        return next((each.label for each in Trigger if each.value == trigger), self.kind)


def list_deliveries(
    connection: Connection, *, endpoint: str = "", stage: DeliveryStage | None = None, reference: str = "",
    before: int | None = None, limit: int = 50,
) -> list[DeliveryView]:  # fmt: skip
    """Deliveries, the newest first, before the one of this number."""
    query = select(DELIVERY).order_by(DELIVERY.c.number.desc()).limit(limit)
    for column, value in (
        (DELIVERY.c.endpoint, endpoint), (DELIVERY.c.stage, stage.value if stage else ""),
        (DELIVERY.c.reference, reference),
    ):  # fmt: skip
        query = query.where(column == value) if value else query
    if before is not None:
        query = query.where(DELIVERY.c.number < before)
    return [
        DeliveryView(
            number=row.number, endpoint=row.endpoint, webhook_id=row.webhook_id, kind=row.kind,
            reference=row.reference, stage=DeliveryStage(row.stage), attempts=row.attempts, status=row.status,
            answer=row.answer, created_at=row.created_at, next_at=row.next_at, ended_at=row.ended_at,
            is_held=row.leased_until is not None,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def count_deliveries(connection: Connection) -> Mapping[tuple[str, DeliveryStage], int]:
    """Count the deliveries by endpoint and stage; none of a stage is left out."""
    query = select(DELIVERY.c.endpoint, DELIVERY.c.stage, func.count().label("deliveries"))
    rows = connection.execute(query.group_by(DELIVERY.c.endpoint, DELIVERY.c.stage))
    return {(row.endpoint, DeliveryStage(row.stage)): row.deliveries for row in rows}


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointView:
    """One endpoint for display; ``standing`` is in French, ``is_well`` False when somebody should look.

    Of its address the host alone: the rest may hold a key.
    """

    name: str
    host: str
    standing: str
    is_well: bool
    include_people: bool
    waiting: int
    given_up: int
    delivered_at: datetime | None


def view_endpoints(connection: Connection, settings: WebhooksSettings) -> list[EndpointView]:
    """Return the endpoints of the settings, in their order, and how each fares."""
    states, counts = load_states(connection, settings.endpoints), count_deliveries(connection)
    return [
        EndpointView(
            name=endpoint.name, host=urlsplit(endpoint.url).hostname or "", standing=states[endpoint.name].standing,
            is_well=not (states[endpoint.name].is_gone or states[endpoint.name].failing_since),
            include_people=endpoint.include_people,
            waiting=counts.get((endpoint.name, DeliveryStage.WAITING), 0),
            given_up=counts.get((endpoint.name, DeliveryStage.GIVEN_UP), 0),
            delivered_at=states[endpoint.name].delivered_at,
        )
        for endpoint in settings.endpoints
    ]  # fmt: skip


def count_waiting(connection: Connection) -> int:
    """Count what is to be sent, to whatever endpoint."""
    return connection.scalar(select(func.count()).select_from(DELIVERY).where(_WAITS)) or 0
