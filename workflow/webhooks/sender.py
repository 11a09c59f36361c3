"""The sending: each endpoint by itself, claimed in one transaction, sent in none, recorded in another (R118)."""

import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection

from notifications.mailer import Mailer
from notifications.ports import crash_point
from states.decision import Scalar
from states.model import Actor
from workflow.auth.actors import require_operator
from workflow.database.schedule_tables import is_held
from workflow.engine.engine import Engine
from workflow.http_post import HttpPost, NoAnswer
from workflow.journal import chain
from workflow.settings.secrets import Secrets
from workflow.settings.services import (
    ALLOW_WEBHOOKS,
    AddressRefused,
    Resolver,
    WebhookEndpoint,
    WebhooksSettings,
    resolve_host,
)
from workflow.webhooks import queue
from workflow.webhooks.queue import (
    ClaimedDelivery,
    Judgement,
    SigningSecrets,
    Verdict,
    judge,
    ping_payload,
    with_person,
)

WIDTH: Final = 8
"""Deliveries sent at once to an endpoint that answers; to one that failed, one at a time."""

ROUND: Final = 50
"""Deliveries of a bounded round: ``oda tick`` must come to its end."""


@dataclass(frozen=True, kw_only=True)
class WebhookSender:
    """Tells the endpoints of the settings. Any number may run, on several machines, on one database.

    ``secrets_of`` are the signing secrets by endpoint. ``tls_context`` None trusts the system's authorities.
    """

    engine: Engine
    mailer: Mailer
    settings: WebhooksSettings
    secrets_of: Mapping[str, SigningSecrets]
    resolver: Resolver = resolve_host
    tls_context: ssl.SSLContext | None = None

    @classmethod
    def of(cls, engine: Engine, mailer: Mailer, settings: WebhooksSettings, secrets: Secrets) -> "WebhookSender":
        """Read the secrets of every endpoint. Raises SecretMissing, SecretRefused."""
        signing = {endpoint.name: SigningSecrets.read(endpoint, secrets) for endpoint in settings.endpoints}
        return cls(engine=engine, mailer=mailer, settings=settings, secrets_of=signing)

    def round(self, most: int = ROUND, must_stop: Callable[[], bool] = lambda: False) -> int:
        """Send what is due to each endpoint, ``most`` deliveries each at most; return how many were received."""
        return sum(self.send_due(endpoint, most, must_stop) for endpoint in self.settings.endpoints)

    def send_due(
        self, endpoint: WebhookEndpoint, most: int = ROUND, must_stop: Callable[[], bool] = lambda: False
    ) -> int:  # fmt: skip
        """Send one endpoint what is due for it; return how many deliveries were received.

        Nothing while a restoration is held (R116). Raises DatabaseBusy, DatabaseUnreachable.
        """
        received = sent = 0

        def give_up_old(connection: Connection, now: datetime) -> None:
            if not is_held(connection) and queue.give_up_old(connection, endpoint.name, now):
                self._alert(connection, endpoint, now)

        def record(connection: Connection, now: datetime) -> None:
            if queue.record(connection, endpoint, judged, now):
                self._alert(connection, endpoint, now)
            crash_point("webhooks.before_commit")

        self.engine.in_transaction(give_up_old)
        while sent < most and not must_stop():
            claimed = self.engine.in_transaction(
                lambda connection, now: self._claim(connection, endpoint, now, most - sent)  # noqa: B023  called at once
            )
            if not claimed:
                break
            judged = list(zip(claimed, self._send(endpoint, claimed), strict=True))
            crash_point("webhooks.after_send")
            self.engine.in_transaction(record)
            sent += len(claimed)
            received += sum(judgement.verdict is Verdict.RECEIVED for _, judgement in judged)
        return received

    def _claim(
        self, connection: Connection, endpoint: WebhookEndpoint, now: datetime, most: int
    ) -> list[ClaimedDelivery]:  # fmt: skip
        """Claim what may leave: nothing for an endpoint that is gone, or left alone for now."""
        state = queue.load_states(connection, [endpoint])[endpoint.name]
        rests = state.rests_until is not None and now < state.rests_until <= now + 2 * queue.RETRIES.longest
        if state.is_gone or rests or is_held(connection):
            return []
        lease = timedelta(seconds=2 * endpoint.timeout_seconds + 60)
        return queue.claim(connection, endpoint.name, now, lease, 1 if state.failures else min(WIDTH, most))

    def _send(self, endpoint: WebhookEndpoint, claimed: list[ClaimedDelivery]) -> list[Judgement]:
        bodies = [delivery.payload.encode() for delivery in claimed]
        if endpoint.include_people:
            with self.engine.database.read() as connection:
                people = queue.people_of(connection, [delivery.reference for delivery in claimed])
            bodies = [with_person(delivery.payload, people.get(delivery.reference)) for delivery in claimed]
        crash_point("webhooks.before_send")
        messages = [(delivery.webhook_id, body) for delivery, body in zip(claimed, bodies, strict=True)]
        return self._post(endpoint, messages)

    def _post(self, endpoint: WebhookEndpoint, messages: list[tuple[str, bytes]]) -> list[Judgement]:
        http = _http(endpoint, self.settings, self.resolver, self.tls_context)
        return _post(http, self.secrets_of[endpoint.name], messages, self.engine.clock.now())

    def _alert(self, connection: Connection, endpoint: WebhookEndpoint, now: datetime) -> None:
        """Tell the operators that something was given up: once a day for each endpoint and cause."""
        state = queue.load_states(connection, [endpoint])[endpoint.name]
        alert = self.mailer.reports.webhook_alert(
            endpoint.name, is_gone=state.is_gone, why=state.answer, since=state.failing_since, now=now
        )
        self.mailer.enqueue(connection, [alert], now)

    def ping(self, endpoint: WebhookEndpoint) -> Judgement:
        """Send a message that tells of nothing. Received, it ends whatever kept the endpoint waiting."""
        [judgement] = self._post(endpoint, [_ping(self.engine.clock.now())])
        self.engine.in_transaction(lambda connection, now: queue.learn_of_trial(connection, endpoint, judgement, now))
        return judgement


def try_endpoint(
    endpoint: WebhookEndpoint, settings: WebhooksSettings, signing: SigningSecrets, now: datetime
) -> Judgement:  # fmt: skip
    """Send an endpoint a message that tells of nothing, without any database."""
    [judgement] = _post(_http(endpoint, settings), signing, [_ping(now)], now)
    return judgement


def _ping(now: datetime) -> tuple[str, bytes]:
    return f"msg_{uuid4().hex}", ping_payload(now)


def _http(
    endpoint: WebhookEndpoint, settings: WebhooksSettings, resolver: Resolver = resolve_host,
    tls_context: ssl.SSLContext | None = None,
) -> HttpPost:  # fmt: skip
    return HttpPost(
        url=endpoint.url, allowed=settings.allowed, setting=ALLOW_WEBHOOKS, timeout_seconds=endpoint.timeout_seconds,
        max_bytes=0, resolver=resolver, tls_context=tls_context or ssl.create_default_context(),
    )  # fmt: skip


def _post(
    http: HttpPost, signing: SigningSecrets, messages: Sequence[tuple[str, bytes]], now: datetime
) -> list[Judgement]:  # fmt: skip
    """Sign these messages, send them together, and judge the answer of each."""
    signed = [(body, signing.headers(webhook_id, now, body)) for webhook_id, body in messages]
    try:
        replies = http.send(signed)
    except (AddressRefused, NoAnswer) as refused:
        replies = [NoAnswer(str(refused))] * len(messages)
    return [judge(reply, now) for reply in replies]


def send_again(engine: Engine, actor: Actor, numbers: Collection[int]) -> list[int]:
    """Have these deliveries sent again; return those that will be. Raises NotAllowed unless an operator acts."""
    require_operator(actor, "renvoyer un message à un autre logiciel")

    def work(connection: Connection, now: datetime) -> list[int]:
        found = queue.send_again(connection, numbers, now)
        if found:
            data: dict[str, Scalar] = {"deliveries": len(found), "numbers": " ".join(map(str, found[:100]))}
            chain.record(connection, engine.hasher, "webhooks_sent_again", actor, now, data)
        return found

    return engine.in_transaction(work)
