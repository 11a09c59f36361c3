"""An establishment beside the directory: its mailbox's story, its stuck mails (R14, R15)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, select

from notifications import outbox
from workflow.directory.mailbox import KIND
from workflow.installation import ACTOR
from workflow.journal import INSTALLATION
from workflow.mail_events import mailbox_now
from workflow.writing import EVENT, NOTE


@dataclass(frozen=True, slots=True)
class MailboxSet:
    """An operator's last decision on a mailbox; ``why`` None once it was erased."""

    at: datetime
    who: str
    cleared: bool
    why: str | None


def last_mailbox_set(connection: Connection, uai: str) -> MailboxSet | None:
    """Who last set or gave back an establishment's mailbox, when and why; None when nobody ever did (R14)."""
    noted = and_(NOTE.c.stream == EVENT.c.stream, NOTE.c.seq == EVENT.c.seq, NOTE.c.field == "why")
    named = select(EVENT.c.at, EVENT.c.canonical, ACTOR.c.label, NOTE.c.body).outerjoin(
        ACTOR, ACTOR.c.number == EVENT.c.actor
    )
    row = connection.execute(
        named.outerjoin(NOTE, noted)
        .where(
            EVENT.c.stream == INSTALLATION, EVENT.c.kind == KIND,
            EVENT.c.canonical.contains(f'"uai":"{uai}"', autoescape=True),
        )
        .order_by(EVENT.c.seq.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    return MailboxSet(row.at, row.label or "", '"cleared":true' in row.canonical, row.body)


def stuck_mails(connection: Connection, uai: str) -> int:
    """How many mails died of their address and can be sent again to the mailbox of today (R15)."""
    mailbox = mailbox_now(connection, uai)
    return len(outbox.stuck_for(connection, uai, mailbox)) if mailbox else 0
