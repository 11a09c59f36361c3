"""An installation that tells a real receiver of its events, with a clock that the test moves."""

import base64
import ssl
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from states import commands as c
from tests.kit.system import KEY, System, nom_of
from tests.kit.webhook_receiver import NAME, WebhookReceiver, trusting
from workflow.database.schedule_tables import DELIVERY, ENDPOINT_STATE
from workflow.engine.engine import Engine
from workflow.settings.services import WebhookEndpoint, WebhooksSettings
from workflow.webhooks.queue import SigningSecrets, enqueue
from workflow.webhooks.sender import WebhookSender

START = datetime(2026, 10, 12, 9, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SIGNING = SigningSecrets((bytes(range(32)),))


def settings_of(port: int, *, allow: str = NAME, host: str = NAME, **changes: Any) -> WebhooksSettings:
    """Settings with one endpoint, « tickets », at this port."""
    endpoint = {"name": "tickets", "url": f"https://{host}:{port}/oda", "timeout_seconds": 5}
    return WebhooksSettings.model_validate({"allow": [allow], "endpoints": [endpoint | changes]})


class Telling:
    """One installation before one receiver, or more endpoints that the settings name."""

    def __init__(self, system: System, settings: WebhooksSettings, tls_context: ssl.SSLContext) -> None:
        self.system = system
        self.restart(settings, tls_context)

    @classmethod
    def to(cls, system: System, receiver: WebhookReceiver, **changes: Any) -> "Telling":
        return cls(system, settings_of(receiver.port, **changes), trusting(receiver))

    def restart(self, settings: WebhooksSettings, tls_context: ssl.SSLContext) -> None:
        """Start, or start again with other settings."""
        system, endpoints = self.system, settings.endpoints

        def tell(connection: Any, events: Any, now: datetime) -> None:
            enqueue(connection, endpoints, events, now)

        system.engine = Engine(system.database, system.clock, KEY, system.policy, system.mailer, tell)
        self.sender = WebhookSender(
            engine=system.engine, mailer=system.mailer, settings=settings,
            secrets_of={endpoint.name: SIGNING for endpoint in endpoints},
            resolver=lambda _host, _port: ["127.0.0.1"], tls_context=tls_context,
        )  # fmt: skip

    @property
    def endpoint(self) -> WebhookEndpoint:
        return self.sender.settings.endpoints[0]

    def declared(self, number: int = 1) -> str:
        """An event: somebody is declared; returns the reference."""
        declare = c.Declare(
            uai="0310001H", nom=nom_of(number), prenom="Prénom", mail=f"rupn{number}@ac-toulouse.fr"
        )  # fmt: skip
        return self.system.accept(declare, "chef A").reference

    def later(self, **wait: float) -> None:
        self.system.clock.advance(**wait)

    def rows(self) -> list[Any]:
        with self.system.database.read() as connection:
            return list(connection.execute(select(DELIVERY).order_by(DELIVERY.c.number)))

    @property
    def row(self) -> Any:
        [row] = self.rows()
        return row

    def state(self) -> Any:
        with self.system.database.read() as connection:
            return connection.execute(select(ENDPOINT_STATE)).one()
