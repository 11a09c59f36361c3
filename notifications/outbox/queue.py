"""The queue of mails: claimed in slices, begun one by one just before DATA, recorded under the claim's token.

A mail that is only *claimed* becomes due again by itself when its sender dies: nobody had begun it. One that was
*begun* may have left: its lease, run out, makes it uncertain (R56).
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, case, func, literal, select, update

from notifications.messages.mail import Mail
from notifications.outbox.retry import RetryRules, SendOutcome, SendResult
from notifications.outbox.store import COLUMNS, mail_from
from notifications.outbox.tables import MAILS
from notifications.sql import UtcDateTime, update_rows
from notifications.vocabulary import Fault, Stage

GRACE: Final = timedelta(seconds=5)
"""The time past its end during which a lease is left alone, so that its sender may still record."""

_NO_LEASE: Final[dict[str, Any]] = {"lease_token": None, "lease_until": None}
_RESULT_COLUMNS: Final = ("stage", "fault", "attempts", "next_attempt_at", "last_reply", "sent_at", "doubted_at")

ClaimKey = tuple[int, str | None]
"""A mail's number, and the token under which it is claimed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A mail reserved for one sender; ``mail`` is as it stood before, its rendering added."""

    mail: Mail
    token: str

    @property
    def key(self) -> ClaimKey:
        """Tell two claims of one mail apart: claimed again because the first lasted too long, the first is void."""
        return self.mail.id, self.token


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The claims whose mail may leave, and the mails whose sending ended, as they have become."""

    begun: set[ClaimKey]
    ended: dict[ClaimKey, Mail]


def due_count(connection: Connection, now: datetime, limit: int) -> int:
    """Count the mails to send and the leases that ran out, up to ``limit``: a read, so that polling is cheap."""
    due = select(MAILS.c.id).where(MAILS.c.next_attempt_at <= now).limit(limit).subquery()
    lost = select(MAILS.c.id).where(MAILS.c.lease_until <= now - GRACE).limit(limit).subquery()
    return min(limit, sum(connection.execute(select(func.count()).select_from(q)).scalar_one() for q in (due, lost)))


def claim(connection: Connection, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
    """Claim the most urgent mails that are due, for ``lease``; no mail is claimed twice, on however many machines.

    PostgreSQL skips the rows that another has locked, SQLite has one writer.
    """
    rows = connection.execute(
        select(*COLUMNS)
        .where(MAILS.c.next_attempt_at <= now, MAILS.c.not_after > now)
        .order_by(MAILS.c.priority, MAILS.c.next_attempt_at, MAILS.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    token = uuid.uuid4().hex
    claims = [Claim(mail_from(row), token) for row in rows]
    if claims:
        is_claimed = MAILS.c.id.in_([item.mail.id for item in claims])
        connection.execute(update(MAILS).where(is_claimed).values(lease_token=token, next_attempt_at=now + lease))
    return claims


def store_rendering(connection: Connection, rendered: Sequence[tuple[Claim, dict[str, Any]]]) -> list[Claim]:
    """Keep the rendering of first claims for ever (R56): the same columns for each.

    Returns them with it, less those that are ours no more: another sender may have rendered them.
    """
    stages = _locked_stages(connection, [item for item, _ in rendered]) if rendered else {}
    ours = [(item, columns) for item, columns in rendered if item.key in stages]
    if ours:
        rows = [{"b_id": item.mail.id, **columns} for item, columns in ours]
        update_rows(connection, MAILS, ("id",), tuple(ours[0][1]), rows)
    return [replace(item, mail=replace(item.mail, **columns)) for item, columns in ours]


def record(
    connection: Connection,
    begins: Sequence[Claim],
    ends: Sequence[tuple[Claim, SendResult]],
    now: datetime,
    lease: timedelta,
    rules: RetryRules,
) -> RecordResult:
    """Record which mails may leave from now on, and the results of others.

    A mail that is somebody else's by now is in neither part of the result, nor one that may not be sent any more (R57,
    R62).
    """
    stages = _locked_stages(connection, [*begins, *(item for item, _ in ends)])
    timely = (item for item in begins if item.mail.not_after > now)
    # Sending under our token: begun already, by a commit whose answer was lost with the database's connection.
    begun = [item for item in timely if stages.get(item.key) in (item.mail.stage.value, Stage.SENDING.value)]
    sending = {"stage": Stage.SENDING.value, "next_attempt_at": None, "lease_until": now + lease}
    update_rows(connection, MAILS, ("id",), tuple(sending), [{"b_id": item.mail.id} | sending for item in begun])
    ended = {
        item.key: replace(item.mail, **_after(item.mail, result, now, rules), lease_token=None)
        for item, result in ends
        if item.key in stages
    }
    rows = [
        {"b_id": mail.id, **{name: getattr(mail, name) for name in _RESULT_COLUMNS}, **_NO_LEASE}
        | {"stage": mail.stage.value, "fault": mail.fault and mail.fault.value}
        for mail in ended.values()
    ]
    update_rows(connection, MAILS, ("id",), (*_RESULT_COLUMNS, *_NO_LEASE), rows)
    return RecordResult(begun={item.key for item in begun}, ended=ended)


def _locked_stages(connection: Connection, claims: Sequence[Claim]) -> dict[ClaimKey, str]:
    """The stages of these mails, each under its present token. The rows stay locked, taken in one order."""
    query = (
        select(MAILS.c.id, MAILS.c.lease_token, MAILS.c.stage)
        .where(MAILS.c.id.in_({item.mail.id for item in claims}))
        .order_by(MAILS.c.id)
        .with_for_update()
    )
    return {(number, token): stage for number, token, stage in connection.execute(query)}


def _after(mail: Mail, result: SendResult, now: datetime, rules: RetryRules) -> dict[str, Any]:
    """Apply the retry policy: the columns of a mail after a sending."""
    attempts = mail.attempts + 1
    stage, fault, next_attempt_at = Stage.of(result.outcome.value), result.fault, None
    is_first_doubt = stage is Stage.UNCERTAIN and rules.retry_uncertain and not mail.doubted_at
    if result.outcome is SendOutcome.RETRY and attempts >= rules.max_attempts:
        stage, fault = Stage.DEAD, Fault.EXHAUSTED
    elif stage is Stage.RETRY or (is_first_doubt and attempts < rules.max_attempts):
        next_attempt_at = now + rules.delay(attempts, mail.id)
    return {
        "stage": stage,
        "fault": fault,
        "attempts": attempts,
        "next_attempt_at": next_attempt_at,
        "last_reply": result.reply or mail.last_reply,
        "sent_at": now if stage is Stage.SENT else None,
        "doubted_at": mail.doubted_at or (now if stage is Stage.UNCERTAIN else None),
    }


def release(connection: Connection, claims: Sequence[Claim]) -> None:
    """Put mails back as they were: the relay's trouble is not their fault, and no attempt is counted (R70)."""
    rows = [
        {
            "b_id": item.mail.id,
            "b_lease_token": item.token,
            "stage": item.mail.stage.value,
            "next_attempt_at": item.mail.next_attempt_at,
            **_NO_LEASE,
        }
        for item in claims
    ]
    update_rows(connection, MAILS, ("id", "lease_token"), ("stage", "next_attempt_at", *_NO_LEASE), rows)


def expire_leases(connection: Connection, now: datetime, rules: RetryRules) -> int:
    """Make uncertain the mails whose lease ran out: their sender died, and may have sent them; returns how many.

    The first time such a mail is sent again by itself, if the settings allow (see ``RetryRules``).
    """
    is_first_doubt = MAILS.c.doubted_at.is_(None)
    may_retry = and_(is_first_doubt, MAILS.c.attempts + 1 < rules.max_attempts)
    instant = literal(now, UtcDateTime())
    return connection.execute(
        update(MAILS)
        .where(MAILS.c.lease_until <= now - GRACE)
        .values(
            stage=Stage.UNCERTAIN.value,
            fault=Fault.LEASE_LOST.value,
            attempts=MAILS.c.attempts + 1,
            next_attempt_at=case((may_retry, instant), else_=None) if rules.retry_uncertain else None,
            doubted_at=case((is_first_doubt, instant), else_=MAILS.c.doubted_at),
            **_NO_LEASE,
        )
    ).rowcount


def cancel_late(connection: Connection, now: datetime) -> int:
    """Cancel the mails whose deadline has passed (R57); returns how many.

    One that may have left already stays uncertain, and is not sent again.
    """
    is_late = (MAILS.c.next_attempt_at.is_not(None), MAILS.c.not_after <= now)
    is_uncertain = MAILS.c.stage == Stage.UNCERTAIN.value
    connection.execute(update(MAILS).where(*is_late, is_uncertain).values(next_attempt_at=None, **_NO_LEASE))
    values = {"stage": Stage.CANCELLED.value, "fault": Fault.TOO_LATE.value, "next_attempt_at": None, **_NO_LEASE}
    return connection.execute(update(MAILS).where(*is_late).values(values)).rowcount
