"""Who sends which mail: claimed under a lease in a short transaction, completed with its token only."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, func, literal, select, update

from notifications.columns import UtcDateTime
from notifications.mail import COLUMNS, Mail, read
from notifications.outcomes import Outcome, RetryRules, Verdict
from notifications.tables import MAILS
from notifications.vocabulary import Fault, Stage

GRACE = timedelta(seconds=5)
"""How long past its end a lease is left alone, so that whoever holds it may still complete."""

_FREE: dict[str, Any] = {"lease_token": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class Claim:
    """A mail held for sending under a lease; ``mail`` is as it stood before."""

    mail: Mail
    token: str


def due_count(connection: Connection, now: datetime, limit: int) -> int:
    """How many mails are to be sent or to be taken back, counted up to ``limit``: a read, so that polling is cheap."""
    due = select(MAILS.c.id).where(MAILS.c.next_attempt_at <= now).limit(limit).subquery()
    lost = select(MAILS.c.id).where(MAILS.c.lease_until <= now - GRACE).limit(limit).subquery()
    counted = [connection.execute(select(func.count()).select_from(some)).scalar_one() for some in (due, lost)]
    return min(limit, sum(counted))


def claim(connection: Connection, now: datetime, lease: timedelta) -> Claim | None:
    """Hold the most urgent mail that is due, for ``lease``; None when there is none.

    Two nodes never hold the same one: PostgreSQL skips what another has locked, SQLite has one writer.
    """
    row = connection.execute(
        select(*COLUMNS)
        .where(MAILS.c.next_attempt_at <= now, MAILS.c.not_after > now)
        .order_by(MAILS.c.priority, MAILS.c.next_attempt_at, MAILS.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    held = Claim(read(row), uuid.uuid4().hex)
    changes = {"stage": Stage.SENDING.value, "next_attempt_at": None, "lease_token": held.token}
    connection.execute(update(MAILS).where(MAILS.c.id == held.mail.id).values(changes | {"lease_until": now + lease}))
    return held


def freeze(connection: Connection, held: Claim, words: dict[str, Any]) -> Claim:
    """Keep the words of a first claim for ever: subject, body, message_id, dated_at (R56)."""
    connection.execute(update(MAILS).where(MAILS.c.id == held.mail.id).values(words))
    return replace(held, mail=replace(held.mail, **words))


def complete(connection: Connection, held: Claim, outcome: Outcome, now: datetime, rules: RetryRules) -> Mail | None:
    """Record what came of a sending; returns the mail as it has become, None when the lease was lost meanwhile."""
    values = _after(held.mail, outcome, now, rules)
    mine = (MAILS.c.id == held.mail.id, MAILS.c.lease_token == held.token)
    if connection.execute(update(MAILS).where(*mine).values({**values, **_FREE})).rowcount != 1:
        return None
    row = connection.execute(select(*COLUMNS).where(MAILS.c.id == held.mail.id)).one()
    return read(row)


def release(connection: Connection, held: Claim) -> None:
    """Give a mail back as it was: the relay's troubles are not its fault, and no attempt is counted."""
    before = {"stage": held.mail.stage.value, "next_attempt_at": held.mail.next_attempt_at}
    mine = (MAILS.c.id == held.mail.id, MAILS.c.lease_token == held.token)
    connection.execute(update(MAILS).where(*mine).values({**before, **_FREE}))


def _after(mail: Mail, outcome: Outcome, now: datetime, rules: RetryRules) -> dict[str, Any]:
    attempts = mail.attempts + 1
    fault, next_at = outcome.fault, None
    stage = {
        Verdict.SENT: Stage.SENT,
        Verdict.RETRY: Stage.RETRY,
        Verdict.UNCERTAIN: Stage.UNCERTAIN,
        Verdict.DEAD: Stage.DEAD,
        Verdict.CANCELLED: Stage.CANCELLED,
    }[outcome.verdict]
    if stage is Stage.RETRY and attempts >= rules.max_attempts:
        stage, fault = Stage.DEAD, Fault.EXHAUSTED
    elif stage is Stage.RETRY or (stage is Stage.UNCERTAIN and rules.retry_uncertain and not mail.doubted_at):
        next_at = now + rules.delay(attempts)
    return {
        "stage": stage.value,
        "fault": fault.value if fault else None,
        "attempts": attempts,
        "next_attempt_at": next_at,
        "last_reply": outcome.reply or mail.last_reply,
        "sent_at": now if stage is Stage.SENT else None,
        "doubted_at": mail.doubted_at or (now if stage is Stage.UNCERTAIN else None),
    }


def take_back(connection: Connection, now: datetime, rules: RetryRules) -> int:
    """Mails whose lease ran out become uncertain: whoever held them died, and may have sent them.

    The first time such a mail is retried by itself if the setting allows; returns how many.
    """
    again = case((MAILS.c.doubted_at.is_(None), literal(now, UtcDateTime())), else_=None)
    return connection.execute(
        update(MAILS)
        .where(MAILS.c.lease_until <= now - GRACE)
        .values(
            stage=Stage.UNCERTAIN.value,
            fault=Fault.LEASE_LOST.value,
            attempts=MAILS.c.attempts + 1,
            next_attempt_at=again if rules.retry_uncertain else None,
            doubted_at=case((MAILS.c.doubted_at.is_(None), literal(now, UtcDateTime())), else_=MAILS.c.doubted_at),
            **_FREE,
        )
    ).rowcount


def cancel_late(connection: Connection, now: datetime) -> int:
    """Cancel the mails whose last hour has come (R57); returns how many.

    One that may have left already stays uncertain, and is not sent again.
    """
    late = (MAILS.c.next_attempt_at.is_not(None), MAILS.c.not_after <= now)
    connection.execute(update(MAILS).where(*late, MAILS.c.stage == Stage.UNCERTAIN.value).values(next_attempt_at=None))
    values = {"stage": Stage.CANCELLED.value, "fault": Fault.TOO_LATE.value, "next_attempt_at": None}
    return connection.execute(update(MAILS).where(*late).values(values)).rowcount
