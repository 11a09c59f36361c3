"""What time did to mails: who is due, whose sender died, which must not leave any more."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, case, func, literal, select, update

from notifications.claims import FREE
from notifications.columns import UtcDateTime
from notifications.outcomes import RetryRules
from notifications.tables import MAILS
from notifications.vocabulary import Fault, Stage

GRACE = timedelta(seconds=5)
"""How long past its end a lease is left alone, so that whoever holds it may still complete."""


def due_count(connection: Connection, now: datetime, limit: int) -> int:
    """How many mails are to be sent or to be taken back, counted up to ``limit``: a read, so that polling is cheap."""
    due = select(MAILS.c.id).where(MAILS.c.next_attempt_at <= now).limit(limit).subquery()
    lost = select(MAILS.c.id).where(MAILS.c.lease_until <= now - GRACE).limit(limit).subquery()
    counted = [connection.execute(select(func.count()).select_from(some)).scalar_one() for some in (due, lost)]
    return min(limit, sum(counted))


def take_back(connection: Connection, now: datetime, rules: RetryRules) -> int:
    """Mails whose lease ran out become uncertain: whoever had begun them died, and may have sent them.

    The first time such a mail is retried by itself if the settings allow (see ``RetryRules``); returns how many.
    """
    first = MAILS.c.doubted_at.is_(None)
    left = MAILS.c.attempts + 1 < rules.max_attempts
    again = case((and_(first, left), literal(now, UtcDateTime())), else_=None)
    return connection.execute(
        update(MAILS)
        .where(MAILS.c.lease_until <= now - GRACE)
        .values(
            stage=Stage.UNCERTAIN.value,
            fault=Fault.LEASE_LOST.value,
            attempts=MAILS.c.attempts + 1,
            next_attempt_at=again if rules.retry_uncertain else None,
            doubted_at=case((first, literal(now, UtcDateTime())), else_=MAILS.c.doubted_at),
            **FREE,
        )
    ).rowcount


def cancel_late(connection: Connection, now: datetime) -> int:
    """Cancel the mails whose last hour has come (R57); returns how many.

    One that may have left already stays uncertain, and is not sent again.
    """
    late = (MAILS.c.next_attempt_at.is_not(None), MAILS.c.not_after <= now)
    doubtful = MAILS.c.stage == Stage.UNCERTAIN.value
    connection.execute(update(MAILS).where(*late, doubtful).values(next_attempt_at=None, **FREE))
    values = {"stage": Stage.CANCELLED.value, "fault": Fault.TOO_LATE.value, "next_attempt_at": None, **FREE}
    return connection.execute(update(MAILS).where(*late).values(values)).rowcount
