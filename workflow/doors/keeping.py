"""The doors' housekeeping, at each tick: what has expired leaves no trace but the journal's (R72 to R74)."""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from notifications import outbox
from notifications.mailer import Mailer
from notifications.vocabulary import Erasure
from workflow.doors import knocks, sessions
from workflow.doors.links import sealed_for
from workflow.doors.tables import LINKS


def keep_house(connection: Connection, mailer: Mailer, now: datetime) -> None:
    """Erase the secrets of expired links with what of them has not left, and forget old sessions and tries."""
    over = LINKS.c.expires_at <= now
    expired = connection.execute(select(LINKS.c.digest).where(over)).scalars().all()
    if expired:
        mailer.erase_links(connection, map(sealed_for, expired), Erasure.OVERDUE, now)
        connection.execute(delete(LINKS).where(over))
    outbox.discard_stale_links(connection, now)
    sessions.forget_old(connection, now)
    knocks.forget_old(connection, now)
