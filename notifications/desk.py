"""The dispatcher's hand in the database: each method is one short transaction, called from a thread."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from notifications import claims, seals
from notifications.catalogue import CATALOGUE
from notifications.claims import Claim
from notifications.mail import Mail
from notifications.mailer import Mailer
from notifications.message import new_message_id
from notifications.outcomes import Outcome, RetryRules, Verdict
from notifications.ports import Clock, Transactions, crash_point
from notifications.rendering import Unrenderable, render
from notifications.settings import MailSettings
from notifications.vocabulary import Fault, Stage

OnDead = Callable[[Connection, Mail], None]


def _nothing(_: Connection, __: Mail) -> None:
    """Nobody else is told."""


class Desk:
    """Claims mails and records what came of them. ``on_dead`` is called in the transaction in which a mail dies."""

    def __init__(
        self, database: Transactions, mailer: Mailer, settings: MailSettings, clock: Clock, on_dead: OnDead | None
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._settings = settings
        self._clock = clock
        self._on_dead = on_dead or _nothing
        self._rules = RetryRules.of(settings)
        self._lease = timedelta(seconds=settings.lease_seconds)

    def due_count(self, limit: int) -> int:
        """How many mails ask for something, up to ``limit``."""
        with self._database.read() as connection:
            return claims.due_count(connection, self._clock.now(), limit)

    def keep_house(self) -> None:
        """Take back what was interrupted, cancel what is too late (R57)."""
        now = self._clock.now()
        with self._database.write() as connection:
            claims.take_back(connection, now, self._rules)
            claims.cancel_late(connection, now)

    def take(self) -> Claim | None:
        """The next mail to send, its words frozen; one whose words cannot be made dies here, alone."""
        with self._database.write() as connection:
            while held := claims.claim(connection, self._clock.now(), self._lease):
                try:
                    held = held if held.mail.body else claims.freeze(connection, held, self._words(held.mail))
                except (Unrenderable, ValueError) as error:
                    self._settle(connection, held, Outcome(Verdict.DEAD, Fault.RENDERING, str(error)[:200]))
                    continue
                crash_point("mail.claiming")
                break
        return held

    def _words(self, mail: Mail) -> dict[str, Any]:
        facts = CATALOGUE[mail.kind].decode(mail.context)
        rendered = render(mail.kind, facts, self._mailer.surroundings)
        return {
            "subject": rendered.subject,
            "body": rendered.body,
            "message_id": new_message_id(self._settings),
            "dated_at": self._clock.now(),
        }

    def code_of(self, mail: Mail) -> str | Outcome:
        """The code in clear as its seal stands now, or why there is nothing to send (R62)."""
        with self._database.read() as connection:
            ciphertext = seals.ciphertext_of(connection, mail.seal_id or "")
        if ciphertext is None:
            return Outcome(Verdict.CANCELLED, Fault.CODE_ERASED)
        try:
            return self._mailer.sealer.open(ciphertext, mail.reference or "")
        except seals.CodeUnreadable as error:
            return Outcome(Verdict.DEAD, Fault.CODE_UNREADABLE, str(error))

    def record(self, held: Claim, outcome: Outcome) -> Stage | None:
        """Record what came of it; None when the lease had been lost and somebody else decides."""
        with self._database.write() as connection:
            stage = self._settle(connection, held, outcome)
            crash_point("mail.recording")
        return stage

    def give_back(self, held: Claim) -> None:
        """The relay is in trouble: the mail waits as before."""
        with self._database.write() as connection:
            claims.release(connection, held)

    def _settle(self, connection: Connection, held: Claim, outcome: Outcome) -> Stage | None:
        now = self._clock.now()
        mail = claims.complete(connection, held, outcome, now, self._rules)
        if mail and mail.stage is Stage.DEAD:
            self._on_dead(connection, mail)
            alert = self._mailer.mail_dead_alert(mail)
            self._mailer.enqueue(connection, [alert] if alert else [], now)
        return mail.stage if mail else None
