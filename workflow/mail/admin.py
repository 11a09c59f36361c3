"""Actions on mails, each kept in the installation's journal: dead, retried, discarded (R58)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from notifications.mailer import Mailer
from notifications.messages.mail import Mail
from notifications.outbox.admin import MailRefusal, discard, find, retry, stuck_for
from notifications.outbox.circuit_breaker import Pause
from notifications.vocabulary import CODE_KINDS, Audience
from states.decision import Scalar
from states.model import Actor
from states.refusals import Reason, bad_field, unknown_establishment
from states.rules.authorization import code_problems
from states.validation import clean_text, has_uai_form, normalise_uai, text_problem, uai_problem
from workflow.auth.actors import require_operator
from workflow.database.mapping import mailbox_of
from workflow.database.tables import ESTABLISHMENT
from workflow.engine.engine import Engine
from workflow.engine.loader import load_establishment
from workflow.journal import installation


class MailActionRefused(Exception):
    """An action on a mail that is refused, with its reasons (R2, R58); nothing has changed."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__(" ".join(map(str, reasons)))
        self.reasons = reasons


class CodeWithheld(MailRefusal):
    """The mail carries a code that this operator may not send there now (R6, R14)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"{reason.message}. {reason.remedy}")
        self.rule = reason.rule


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryResult:
    """A mail sent again, under the number ``leaves_as``."""

    mail: int
    leaves_as: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryRefusal:
    """A mail that stays as it is, and why."""

    mail: int
    refusal: MailRefusal


class MailJournal:
    """Records in the installation's chain the events of mails, by number and kind, never by content (R64)."""

    def __init__(self, engine: Engine, mailer: Mailer) -> None:
        self._engine = engine
        self._mailer = mailer

    def dead(self, connection: Connection, mail: Mail) -> None:
        """Record a death in the mail's transaction, for the dispatcher, or for the mailer when it is born dead."""
        self._record(connection, "mail_dead", installation.schedule_actor_in(connection), mail)

    def refused(self, connection: Connection, pause: Pause) -> None:
        """Record that all mails stop because the relay refuses us: once a trouble, in its transaction (R70)."""
        data: dict[str, Scalar] = {"fault": pause.fault.value}
        actor, now = installation.schedule_actor_in(connection), self._engine.clock.now()
        installation.record(connection, self._engine.hasher, "relay_refused", actor, now, data)

    def retry(self, mail_id: int, actor: Actor) -> int:
        """Send a mail again, to the mailbox of today. Returns the number of the mail that leaves (R58).

        Raises NotAllowed unless an operator acts, UnknownMail, NotRetryable, CodeGone (R62), NoMailboxYet (R15),
        CodeWithheld.
        """
        require_operator(actor, "renvoyer un courriel")
        with self._engine.database.write() as connection:
            mail = find(connection, mail_id)
            to_operators = mail.audience is Audience.OPERATORS
            leaves_as = retry(
                connection, mail_id, now=self._engine.clock.now(), context=self._mailer.mail_context,
                mailbox=self._mailer.settings.operators_mailbox if to_operators
                else mailbox_now(connection, mail.uai or ""),
            )  # fmt: skip
            if mail.kind in CODE_KINDS:  # after what no waiting would mend; it undoes the rest
                self._require_separation(connection, mail, actor)
            self._record(connection, "mail_retried", actor, mail, {"leaves_as": leaves_as})
        return leaves_as

    def retry_all(self, uai: str, actor: Actor) -> list[RetryResult | RetryRefusal]:
        """Send again to an establishment the mails that died for want of a mailbox, the oldest first (R15, R58).

        As ``retry_many``. Raises NotAllowed unless an operator acts, MailActionRefused for an unknown establishment, or
        one without a mailbox.
        """
        require_operator(actor, "renvoyer des courriels")
        uai = normalise_uai(uai)
        with self._engine.database.read() as connection:
            stuck = stuck_for(connection, uai, _known_mailbox(connection, uai))
        return self.retry_many(stuck, actor)

    def retry_many(self, mails: Iterable[int], actor: Actor) -> list[RetryResult | RetryRefusal]:
        """Send these mails again, with a result for each: one that is refused stops no other (R58).

        Each has its own transaction and its own event. Raises NotAllowed unless an operator acts.
        """
        require_operator(actor, "renvoyer des courriels")
        results: list[RetryResult | RetryRefusal] = []
        for mail_id in mails:
            try:
                results.append(RetryResult(mail=mail_id, leaves_as=self.retry(mail_id, actor)))
            except MailRefusal as refusal:
                results.append(RetryRefusal(mail=mail_id, refusal=refusal))
        return results

    def _require_separation(self, connection: Connection, mail: Mail, actor: Actor) -> None:
        """Raise CodeWithheld for a code that would leave for a mailbox that one operator alone chose (R6, R14)."""
        now, policy = self._engine.clock.now(), self._engine.policy
        establishment = load_establishment(connection, mail.uai or "")
        if reasons := list(code_problems(establishment, actor, now, policy)):
            raise CodeWithheld(reasons[0])

    def discard(self, mail_id: int, actor: Actor, why: str) -> Mail:
        """Give up a mail, saying why; returns it as it was (R58).

        Raises NotAllowed unless an operator acts, MailActionRefused without a readable reason, UnknownMail,
        NotDiscardable.
        """
        require_operator(actor, "écarter un courriel")
        if problem := text_problem(why):
            raise MailActionRefused(bad_field("why", "La raison", problem, "R58"))
        with self._engine.database.write() as connection:
            mail = discard(connection, mail_id)
            self._record(connection, "mail_discarded", actor, mail, notes={"why": clean_text(why)})
        return mail

    def _record(
        self, connection: Connection, kind: str, actor: Actor, mail: Mail, extra: Mapping[str, Scalar] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        data: dict[str, Scalar] = {
            "mail": mail.id, "mail_kind": mail.kind.value, "reference": mail.reference, "uai": mail.uai,
            "fault": mail.fault.value if mail.fault else None, **(extra or {}),
        }  # fmt: skip
        installation.record(connection, self._engine.hasher, kind, actor, self._engine.clock.now(), data, notes)


def mailbox_now(connection: Connection, uai: str) -> str:
    """The mailbox of an establishment today; empty when it has none."""
    query = select(ESTABLISHMENT.c.mailbox, ESTABLISHMENT.c.set_mailbox).where(ESTABLISHMENT.c.uai == uai)
    row = connection.execute(query).one_or_none()
    return (mailbox_of(row) or "") if row else ""


def _known_mailbox(connection: Connection, uai: str) -> str:
    """The mailbox of today. Raises MailActionRefused when there is none, or no such establishment."""
    known = select(ESTABLISHMENT.c.uai).where(ESTABLISHMENT.c.uai == uai)
    if not has_uai_form(uai) or connection.execute(known).first() is None:
        raise MailActionRefused(unknown_establishment(uai, uai_problem(uai)))
    if mailbox := mailbox_now(connection, uai):
        return mailbox
    raise MailActionRefused(
        Reason(
            "no_mailbox", "R15", f"L'établissement {uai} n'a pas de boîte : ses courriels n'ont nulle part où aller",
            f"La fixer : « oda establishment set-mailbox {uai} ADRESSE ».", "uai",
        )
    )  # fmt: skip
