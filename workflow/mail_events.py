"""What becomes of mails, for the journal: dead, retried, discarded (R58)."""

from sqlalchemy import Connection, select

from notifications.mail import Mail
from notifications.mailer import Mailer
from states.actors import Actor
from states.case import Scalar
from workflow import installation
from workflow.engine import Engine
from workflow.rows import ESTABLISHMENT, mailbox_of


class MailJournal:
    """Writes to the installation's chain what happens to mails, by number and kind, never by content (R64)."""

    def __init__(self, engine: Engine, mailer: Mailer) -> None:
        self._engine = engine
        self._mailer = mailer

    def dead(self, connection: Connection, mail: Mail) -> None:
        """Called by the dispatcher in the transaction in which a mail dies."""
        self._record(connection, "mail_dead", installation.schedule_actor_in(connection), mail)

    def retry(self, mail_id: int, actor: Actor) -> int:
        """Send a dead mail again, to the establishment's mailbox of today. Returns the number of the mail that leaves.

        Raises what ``notifications.outbox.retry`` raises: no such mail, not dead, its code erased (R62), no mailbox.
        """
        raise NotImplementedError

    def _record(self, connection: Connection, kind: str, actor: Actor, mail: Mail) -> None:
        data: dict[str, Scalar] = {
            "mail": mail.id, "mail_kind": mail.kind.value, "reference": mail.reference, "uai": mail.uai,
            "fault": mail.fault.value if mail.fault else None,
        }  # fmt: skip
        installation.record(connection, self._engine.notary, kind, actor, self._engine.clock.now(), data)


def mailbox_now(connection: Connection, uai: str) -> str:
    """The mailbox of an establishment today; empty when it has none."""
    query = select(ESTABLISHMENT.c.mailbox, ESTABLISHMENT.c.set_mailbox).where(ESTABLISHMENT.c.uai == uai)
    row = connection.execute(query).one_or_none()
    return (mailbox_of(row) or "") if row else ""
