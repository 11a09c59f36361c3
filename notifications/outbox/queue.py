"""Who sends which mail: held in slices, begun one by one just before the relay is spoken to, completed with the token.

A mail that is only *held* becomes due again by itself when its holder dies: nobody had begun it. One that was *begun*
may have left: its lease, run out, makes it uncertain (R56).
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, case, func, literal, select, update

from notifications.messages.mail import Mail
from notifications.outbox.retry import RetryRules, SendOutcome, SendResult
from notifications.outbox.store import COLUMNS, read
from notifications.outbox.tables import MAILS
from notifications.sql import UtcDateTime, update_rows
from notifications.vocabulary import Fault, Stage

FREE: Final[dict[str, Any]] = {"lease_token": None, "lease_until": None}


ENDING: Final = ("stage", "fault", "attempts", "next_attempt_at", "last_reply", "sent_at", "doubted_at")


_MINE: Final = ("id", "lease_token")


Mark = tuple[int, str | None]
"""A mail's number, and the token under which it is held."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A mail held for sending; ``mail`` is as it stood before, its words added."""

    mail: Mail
    token: str

    @property
    def mark(self) -> Mark:
        """Tells two claims of one mail apart: held again because the first time lasted too long, the first is void."""
        return self.mail.id, self.token

    @property
    def key(self) -> dict[str, Any]:
        """What an update of it compares: another token means that the mail is somebody else's by now."""
        return {"b_id": self.mail.id, "b_lease_token": self.token}


@dataclass(frozen=True, slots=True)
class Recorded:
    """The marks of the claims whose mail may leave, and the mails that ended as they have become."""

    begun: set[Mark]
    ended: dict[Mark, Mail]


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
    """Keep the words of first claims for ever (R56): the same columns for each. A mail that is ours no more is left
    out, for another may have worded it."""
    stages = _stages(connection, [held for held, _ in worded]) if worded else {}
    ours = [(held, words) for held, words in worded if held.mark in stages]
    if ours:
        rows = [{"b_id": held.mail.id, **words} for held, words in ours]
        update_rows(connection, MAILS, ("id",), tuple(ours[0][1]), rows)
    return [replace(held, mail=replace(held.mail, **words)) for held, words in ours]


def record(
    connection: Connection,
    begins: Sequence[Claim],
    ends: Sequence[tuple[Claim, SendResult]],
    now: datetime,
    lease: timedelta,
    rules: RetryRules,
) -> Recorded:
    """Record which mails may leave from now on, and what came of others.

    A mail that is somebody else's by now is in neither part of the result, nor one that may not be sent any more (R57,
    R62).
    """
    stages = _stages(connection, [*begins, *(held for held, _ in ends)])
    timely = (held for held in begins if held.mail.not_after > now)
    # Sending under our token: begun already, by a commit whose answer was lost with the database's connection.
    begun = [held for held in timely if stages.get(held.mark) in (held.mail.stage.value, Stage.SENDING.value)]
    after = {held.mark: (held, _after(held.mail, end, now, rules)) for held, end in ends if held.mark in stages}
    leaving = {"stage": Stage.SENDING.value, "next_attempt_at": None, "lease_until": now + lease}
    update_rows(connection, MAILS, ("id",), tuple(leaving), [{"b_id": held.mail.id} | leaving for held in begun])
    rows = [{"b_id": number} | _stored(values) for (number, _), (_, values) in after.items()]
    update_rows(connection, MAILS, ("id",), (*ENDING, *FREE), rows)
    return Recorded(
        begun={held.mark for held in begun},
        ended={mark: replace(held.mail, **values, lease_token=None) for mark, (held, values) in after.items()},
    )


def _stages(connection: Connection, held: Sequence[Claim]) -> dict[Mark, str]:
    """The stages of these mails, each under the token that holds it. They stay locked, in one order."""
    found = (
        select(MAILS.c.id, MAILS.c.lease_token, MAILS.c.stage)
        .where(MAILS.c.id.in_({claim.mail.id for claim in held}))
        .order_by(MAILS.c.id)
        .with_for_update()
    )
    return {(number, token): stage for number, token, stage in connection.execute(found)}


def _stored(after: dict[str, Any]) -> dict[str, Any]:
    return after | {"stage": after["stage"].value, "fault": after["fault"] and after["fault"].value} | FREE


def release(connection: Connection, held: Sequence[Claim]) -> None:
    """Give mails back as they were: the relay's troubles are not their fault, and no attempt is counted (R70)."""
    rows = [
        claim.key | {"stage": claim.mail.stage.value, "next_attempt_at": claim.mail.next_attempt_at} | FREE
        for claim in held
    ]
    update_rows(connection, MAILS, _MINE, ("stage", "next_attempt_at", *FREE), rows)


def _after(mail: Mail, outcome: SendResult, now: datetime, rules: RetryRules) -> dict[str, Any]:
    attempts = mail.attempts + 1
    fault, next_at = outcome.fault, None
    stage = {
        SendOutcome.SENT: Stage.SENT,
        SendOutcome.RETRY: Stage.RETRY,
        SendOutcome.UNCERTAIN: Stage.UNCERTAIN,
        SendOutcome.DEAD: Stage.DEAD,
        SendOutcome.CANCELLED: Stage.CANCELLED,
    }[outcome.outcome]
    if stage is Stage.RETRY and attempts >= rules.max_attempts:
        stage, fault = Stage.DEAD, Fault.EXHAUSTED
    elif stage is Stage.RETRY or (stage is Stage.UNCERTAIN and rules.doubt_allows(attempts) and not mail.doubted_at):
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


# What time did to mails: who is due, whose sender died, which must not leave any more.


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
