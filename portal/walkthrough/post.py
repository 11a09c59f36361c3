"""The mails of the story: sent by the dispatcher over SMTP, opened as the mailbox has received them."""

import asyncio
from dataclasses import dataclass

from notifications.messages.mail import Mail
from notifications.outbox import admin as outbox
from notifications.vocabulary import Stage
from portal.demo.mail_server import LoopbackRelay, Received
from workflow.app import App

GONE = (Stage.SENT, Stage.CANCELLED, Stage.DISCARDED)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it was received, and the row of the outbox that it comes from."""

    mail: Mail
    received: Received

    @property
    def recipient(self) -> str:
        return ", ".join(self.received.recipients)

    @property
    def subject(self) -> str:
        return str(self.received.message["Subject"])

    def header(self, name: str) -> str:
        """A header in clear; empty when the mail has none of that name."""
        return str(self.received.message[name] or "")

    @property
    def opening(self) -> str:
        """Its first sentences, without the greeting."""
        paragraphs = [block for block in self.received.text.split("\n\n") if block.strip()]
        return " ".join(paragraphs[1].split("\n")) if len(paragraphs) > 1 else ""


class Post:
    """Sends what is due and hands over what has just arrived."""

    def __init__(self, app: App, relay: LoopbackRelay) -> None:
        self._app = app
        self._relay = relay

    @property
    def count(self) -> int:
        """How many mails were received since the beginning."""
        return len(self._relay.received)

    def deliver(self) -> list[Letter]:
        """What arrives now, in the order in which it was written."""
        before = self.count
        asyncio.run(self._app.dispatcher.run_once())
        with self._app.database.read() as connection:
            mails = {mail.message_id: mail for mail in outbox.listing(connection, limit=1000).mails}
        arrived = self._relay.received[before:]
        letters = [Letter(mails[str(one.message["Message-ID"])], one) for one in arrived]
        return sorted(letters, key=lambda letter: letter.mail.id)

    def waiting(self) -> list[str]:
        """What has not left and why, in French: nothing when all is well."""
        with self._app.database.read() as connection:
            counts = outbox.counts(connection)
        pause = self._app.dispatcher.pause
        stuck = [f"courriels « {stage.label} » : {n}" for stage, n in counts.items() if n and stage not in GONE]
        return [*stuck, *([str(pause.fault.label)] if pause else [])]
