"""Who sends which mail: held in slices, begun one by one just before the relay is spoken to, completed with the token.

A mail that is only *held* becomes due again by itself when its holder dies: nobody had begun it. One that was *begun*
may have left: its lease, run out, makes it uncertain (R56).
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, case, func, literal, select, update

from notifications.bulk import update_rows
from notifications.columns import UtcDateTime
from notifications.mail import COLUMNS, Mail, read
from notifications.outcomes import Outcome, RetryRules, Verdict
from notifications.tables import MAILS
from notifications.vocabulary import Fault, Stage

GRACE = timedelta(seconds=5)
"""How long past its end a lease is left alone, so that whoever holds it may still complete."""

FREE: Final[dict[str, Any]] = {"lease_token": None, "lease_until": None}
_MINE: Final = ("id", "lease_token")


@dataclass(frozen=True, slots=True)
class Claim:
    """A mail held for sending; ``mail`` is as it stood before, its words added."""

    mail: Mail
    token: str

    @property
    def key(self) -> dict[str, Any]:
        """What an update of it compares: another token means that the mail is somebody else's by now."""
        return {"b_id": self.mail.id, "b_lease_token": self.token}


def due_count(connection: Connection, now: datetime, limit: int) -> int:
    """How many mails are to be sent or to be taken back, counted up to ``limit``: a read, so that polling is cheap."""
    due = select(MAILS.c.id).where(MAILS.c.next_attempt_at <= now).limit(limit).subquery()
    lost = select(MAILS.c.id).where(MAILS.c.lease_until <= now - GRACE).limit(limit).subquery()
    counted = [connection.execute(select(func.count()).select_from(some)).scalar_one() for some in (due, lost)]
    return min(limit, sum(counted))


def hold(connection: Connection, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
    """Hold the most urgent mails that are due, for ``lease``; none is held twice, on however many machines.

    PostgreSQL skips what another has locked, SQLite has one writer.
    """
    rows = connection.execute(
        select(*COLUMNS)
        .where(MAILS.c.next_attempt_at <= now, MAILS.c.not_after > now)
        .order_by(MAILS.c.priority, MAILS.c.next_attempt_at, MAILS.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    token = uuid.uuid4().hex
    held = [Claim(read(row), token) for row in rows]
    if held:
        mine = MAILS.c.id.in_([claim.mail.id for claim in held])
        connection.execute(update(MAILS).where(mine).values(lease_token=token, next_attempt_at=now + lease))
    return held


def freeze(connection: Connection, worded: Sequence[tuple[Claim, dict[str, Any]]]) -> list[Claim]:
    """Keep the words of first claims for ever (R56): the same columns for each."""
    if worded:
        rows = [{"b_id": held.mail.id, **words} for held, words in worded]
        update_rows(connection, MAILS, ("id",), tuple(worded[0][1]), rows)
    return [replace(held, mail=replace(held.mail, **words)) for held, words in worded]


def begin(connection: Connection, held: Claim, now: datetime, lease: timedelta) -> bool:
    """From here on the mail may leave; False when it is no longer ours, or not to be sent any more (R62)."""
    mail = held.mail
    values = {"stage": Stage.SENDING.value, "next_attempt_at": None, "lease_until": now + lease}
    key = held.key | {"b_stage": mail.stage.value}
    return update_rows(connection, MAILS, (*_MINE, "stage"), tuple(values), [key | values]) == 1


def complete(connection: Connection, held: Claim, outcome: Outcome, now: datetime, rules: RetryRules) -> Mail | None:
    """Record what came of a sending; returns the mail as it has become, None when the lease was lost meanwhile."""
    values = _after(held.mail, outcome, now, rules)
    stored = values | {"stage": values["stage"].value, "fault": values["fault"] and values["fault"].value} | FREE
    if update_rows(connection, MAILS, _MINE, tuple(stored), [held.key | stored]) != 1:
        return None
    return replace(held.mail, **values, lease_token=None)


def release(connection: Connection, held: Sequence[Claim]) -> None:
    """Give mails back as they were: the relay's troubles are not their fault, and no attempt is counted (R70)."""
    rows = [
        claim.key | {"stage": claim.mail.stage.value, "next_attempt_at": claim.mail.next_attempt_at} | FREE
        for claim in held
    ]
    update_rows(connection, MAILS, _MINE, ("stage", "next_attempt_at", *FREE), rows)


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
        next_at = now + rules.delay(attempts, mail.id)
    return {
        "stage": stage,
        "fault": fault,
        "attempts": attempts,
        "next_attempt_at": next_at,
        "last_reply": outcome.reply or mail.last_reply,
        "sent_at": now if stage is Stage.SENT else None,
        "doubted_at": mail.doubted_at or (now if stage is Stage.UNCERTAIN else None),
    }


def take_back(connection: Connection, now: datetime, rules: RetryRules) -> int:
    """Mails whose lease ran out become uncertain: whoever had begun them died, and may have sent them.

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
