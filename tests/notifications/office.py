"""The mail room assembled for a test: what it sends, what it stores, who dies."""

import asyncio
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import Connection

from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT
from notifications.delivery.dispatcher import Dispatcher
from notifications.encryption import Sealer
from notifications.mailer import Mailer
from notifications.messages.catalogue import CATALOGUE
from notifications.outbox import admin as outbox
from notifications.settings import MailSettings
from notifications.vocabulary import Audience, Draft, Kind, Mail
from states.decision import RequestEvent
from states.vocabulary import Trigger
from tests.kit.clock import FakeClock
from tests.kit.factories import MAILBOX, REFERENCE, UAI
from tests.kit.smtp import ScriptedRelay
from tests.notifications.events import request_event
from workflow.database.connection import Database

OPERATORS = "oda@ac-toulouse.fr"
CENTRE = "centre-de-service@ac-toulouse.fr"
SETTINGS: dict[str, Any] = {
    "sender": "Clés ODA <cles@ac-toulouse.fr>",
    "operators_mailbox": OPERATORS,
    "reply_to": CENTRE,
    "signature": "Académie de Toulouse, clés ODA",
    "contact": CENTRE,
}


def mail_settings(port: int, **changes: Any) -> MailSettings:
    """Settings that aim at a relay on this machine; ``relay`` adds to its own section."""
    relay = {"host": "127.0.0.1", "port": port, "security": "none", "timeout_seconds": 2, **changes.pop("relay", {})}
    return MailSettings.model_validate({**SETTINGS, "connections": 2, "relay": relay, **changes})


def draft(sample: str = "declared", *, recipient: str = MAILBOX, **changes: Any) -> Draft:
    """A sample mail, to the establishment or to the operators."""
    kind, facts = EXAMPLES[sample]
    audience = CATALOGUE[kind].audience
    to = recipient if audience is Audience.ESTABLISHMENT else OPERATORS
    values: dict[str, Any] = {"uai": UAI, "reference": REFERENCE, **changes}
    return Draft(kind=kind, audience=audience, recipient=to, context=facts, **values)


class Office:
    """One installation's mail room."""

    def __init__(self, database: Database, clock: FakeClock, relay: ScriptedRelay) -> None:
        self.database = database
        self.clock = clock
        self.relay = relay
        self.died: list[Mail] = []
        self.settings = mail_settings(relay.port)
        self.sealer = Sealer([Fernet.generate_key().decode()])
        self.mailer = Mailer(self.settings, MAIL_CONTEXT, self.sealer)
        self.dispatcher = self.another()

    def another(self, **changes: Any) -> Dispatcher:
        """A dispatcher of its own, as on another machine, or under other settings."""
        extra = {name: changes.pop(name) for name in ("password", "tls_context") if name in changes}
        settings = mail_settings(changes.pop("port", self.relay.port), **changes)
        return Dispatcher(self.database, self.mailer, settings, self.clock, on_dead=self._on_dead, **extra)

    def _on_dead(self, _: Connection, mail: Mail) -> None:
        self.died.append(mail)

    def handle(self, *events: RequestEvent) -> None:
        with self.database.write() as connection:
            self.mailer.handle(connection, events, self.clock.now())

    def issue(self, code: str = "S3cretAB12") -> Mail:
        """Issue a code; returns its mail."""
        from states.commands import Code

        self.handle(request_event(Trigger.ISSUE_CODE, command={"code": Code(clear=code)}))
        return self.only(Kind.CODE_ISSUED)

    def enqueue(self, *drafts: Draft) -> int:
        with self.database.write() as connection:
            return self.mailer.enqueue(connection, drafts, self.clock.now())

    def send(self, dispatcher: Dispatcher | None = None) -> int:
        """Send all that is due."""
        return asyncio.run((dispatcher or self.dispatcher).run_once())

    def mails(self, **wanted: Any) -> list[Mail]:
        """The stored mails, the oldest first."""
        with self.database.read() as connection:
            return list(reversed(outbox.list_outbox(connection, whole=True, **wanted).mails))

    def only(self, kind: Kind | None = None) -> Mail:
        """The one mail there is, of that kind if told."""
        mails = self.mails(kind=kind)
        assert len(mails) == 1, mails
        return mails[0]

    def find(self, mail_id: int) -> Mail:
        with self.database.read() as connection:
            return outbox.find(connection, mail_id)

    def retry(self, mail_id: int, mailbox: str | None = MAILBOX) -> int:
        with self.database.write() as connection:
            return outbox.retry(connection, mail_id, mailbox=mailbox, now=self.clock.now(), context=MAIL_CONTEXT)
