"""The sending: each endpoint by itself, claimed in one transaction, sent in none, recorded in another (R118)."""

import ssl
from collections.abc import Callable, Collection, Mapping
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
from workflow.journal import installation
from workflow.settings.addresses import AddressRefused, Resolver, resolve_host
from workflow.settings.secrets import Secrets
from workflow.settings.webhooks import ALLOW, WebhookEndpoint, WebhooksSettings
from workflow.webhooks import queue
from workflow.webhooks.messages import Judgement, SigningSecrets, Verdict, judge, ping_payload, with_person
from workflow.webhooks.queue import ClaimedDelivery

WIDTH: Final = 8
"""Deliveries sent at once to an endpoint that answers; to one that failed, one at a time."""

ROUND: Final = 50
"""Deliveries of a bounded round: ``oda tick`` must come to its end."""


class UnknownEndpoint(Exception):
    """No endpoint of the settings has this name."""


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
        self._give_up_old(endpoint)
        while sent < most and not must_stop():
            claimed = self.engine.in_transaction(
                lambda connection, now: self._claim(connection, endpoint, now, most - sent)  # noqa: B023  called at once
            )
            if not claimed:
                break
            judged = list(zip(claimed, self._send(endpoint, claimed), strict=True))
            crash_point("webhooks.after_send")
            self.engine.in_transaction(
                lambda connection, now: self._record(connection, endpoint, judged, now)  # noqa: B023  called at once
            )
            sent += len(claimed)
            received += sum(judgement.verdict is Verdict.RECEIVED for _, judgement in judged)
        return received

    def _give_up_old(self, endpoint: WebhookEndpoint) -> None:
        def work(connection: Connection, now: datetime) -> None:
            if not is_held(connection) and queue.give_up_old(connection, endpoint.name, now):
                self._alert(connection, endpoint, now)

        self.engine.in_transaction(work)

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
        now = self.engine.clock.now()
        signing = self.secrets_of[endpoint.name]
        signed = [(body, signing.headers(webhook_id, now, body)) for webhook_id, body in messages]
        try:
            replies = self._http(endpoint).send(signed)
        except (AddressRefused, NoAnswer) as refused:
            replies = [NoAnswer(str(refused))] * len(messages)
        return [judge(reply, now) for reply in replies]

    def _http(self, endpoint: WebhookEndpoint) -> HttpPost:
        return HttpPost(
            url=endpoint.url, allowed=self.settings.allowed, setting=ALLOW, timeout_seconds=endpoint.timeout_seconds,
            max_bytes=0, resolver=self.resolver, tls_context=self.tls_context or ssl.create_default_context(),
        )  # fmt: skip

    def _record(
        self, connection: Connection, endpoint: WebhookEndpoint, judged: list[tuple[ClaimedDelivery, Judgement]],
        now: datetime,
    ) -> None:  # fmt: skip
        if queue.record(connection, endpoint, judged, now):
            self._alert(connection, endpoint, now)
        crash_point("webhooks.before_commit")

    def _alert(self, connection: Connection, endpoint: WebhookEndpoint, now: datetime) -> None:
        """Tell the operators that something was given up: once a day for each endpoint and cause."""
        state = queue.load_states(connection, [endpoint])[endpoint.name]
        alert = self.mailer.reports.webhook_alert(
            endpoint.name, is_gone=state.is_gone, why=state.answer, since=state.failing_since, now=now
        )
        self.mailer.enqueue(connection, [alert], now)

    def endpoint(self, name: str) -> WebhookEndpoint:
        """Return the endpoint of this name. Raises UnknownEndpoint."""
        endpoint = self.settings.endpoint(name)
        if endpoint is None:
            raise UnknownEndpoint(name)
        return endpoint

    def addresses(self, endpoint: WebhookEndpoint) -> tuple[str, ...]:
        """Resolve the name of an endpoint and check its addresses. Raises AddressRefused, NoAnswer."""
        return self._http(endpoint).addresses()

    def ping(self, endpoint: WebhookEndpoint) -> Judgement:
        """Send a message that tells of nothing. Received, it ends whatever kept the endpoint waiting."""
        body = ping_payload(self.engine.clock.now())
        [judgement] = self._post(endpoint, [(f"msg_{uuid4().hex}", body)])
        self.engine.in_transaction(lambda connection, now: queue.learn_of_trial(connection, endpoint, judgement, now))
        return judgement


def send_again(engine: Engine, actor: Actor, numbers: Collection[int]) -> list[int]:
    """Have these deliveries sent again; return those that will be. Raises NotAllowed unless an operator acts."""
    require_operator(actor, "renvoyer un message à un autre logiciel")

    def work(connection: Connection, now: datetime) -> list[int]:
        found = queue.send_again(connection, numbers, now)
        if found:
            data: dict[str, Scalar] = {"deliveries": len(found), "numbers": " ".join(map(str, found[:100]))}
            installation.record(connection, engine.hasher, "webhooks_sent_again", actor, now, data)
        return found

    return engine.in_transaction(work)
