"""The queue of mails: claimed in slices, begun one by one just before DATA, recorded under the claim's token.

A mail that is only *claimed* becomes due again by itself when its sender dies: nobody had begun it. One that was
*begun* may have left: its lease, run out, makes it uncertain (R56). A refusal that may be the relay's is *disputed*:
the mail waits, and what happens to the others decides. While the trouble is the relay's, a pause makes all senders
wait together, on every machine (R70).
"""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    case,
    delete,
    distinct,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    update,
)

from notifications.outbox.retry import RetryRules, SendOutcome, SendResult, own_fault, suspects_needed
from notifications.outbox.store import COLUMNS, MAILS, PAUSE, load_mails, mail_from
from notifications.sql import UtcDateTime, batches, insert_new, update_rows
from notifications.vocabulary import CODE_MAILS, LINK_KINDS, Fault, Kind, Mail, RelayFault, Stage

GRACE: Final = timedelta(seconds=5)
"""The time past its end during which a lease is left alone, so that its sender may still record."""

FIRST_PAUSE: Final = timedelta(seconds=10)

LONGEST_PAUSE: Final = timedelta(minutes=5)

REFUSALS: Final = (RelayFault.LOGIN_REFUSED, RelayFault.SENDER_REFUSED, RelayFault.RELAY_DENIED)
"""The relay is well and refuses us: only a person can mend it, and asking often may lock the account."""

_PAUSE_COLUMNS: Final = tuple(PAUSE.c[name] for name in ("fault", "reply", "since", "until", "lasts_seconds"))

_NO_LEASE: Final[dict[str, Any]] = {"lease_token": None, "lease_until": None}
_RESULT_COLUMNS: Final = (
    "stage", "fault", "attempts", "next_attempt_at", "last_reply", "sent_at", "doubted_at", "put_off_since", "disputed",
    "others_accepted", "proofs",
)  # fmt: skip
PROOFS: Final = 1
PROOFS_ONCE_BLAMED: Final = 2
"""How often the relay must have taken another mail right after it refused this one, for the next refusal to be final
(R58); once more when that refusal has been the relay's before: a quota, say, that opens, and closes again."""

_SUSPECTS: Final = (
    MAILS.c.next_attempt_at.is_not(None),
    MAILS.c.others_accepted.is_not(true()),
    MAILS.c.proofs < case((MAILS.c.relay_blamed, PROOFS_ONCE_BLAMED), else_=PROOFS),
)
"""Disputed mails refused in a row, none accepted since, and none known to be refused on its own account."""

_UNREPORTED: Final = text("stage = 'dead' AND reported_at IS NULL AND fault IS NOT NULL")
"""Without parameters, as its index is written: only then do both databases use it. A mail dies of a fault."""

_IS_FUTURE_PAUSE: Final = or_(PAUSE.c.since > bindparam("now"), PAUSE.c.until > bindparam("longest_pause"))

HAS_FUTURE: Final = or_(
    exists().where(MAILS.c.lease_until > bindparam("longest_wait")),
    exists().where(MAILS.c.next_attempt_at > bindparam("longest_wait")),
    exists().where(_IS_FUTURE_PAUSE),
)
"""The condition under which ``release_future`` finds anything: beyond the end of a pause, or of a wait, begun now."""

IS_STALE_LINK: Final = and_(
    MAILS.c.stage.in_((Stage.DEAD.value, Stage.UNCERTAIN.value)),
    MAILS.c.kind.in_([kind.value for kind in LINK_KINDS]),
    MAILS.c.not_after <= bindparam("now"),
)
"""The condition of the mails that ``discard_stale_links`` gives up."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """The relay's trouble, its words, since when, and when it is tried again; ``lasts`` from trip to trial."""

    fault: RelayFault
    reply: str
    since: datetime
    until: datetime
    lasts: timedelta

    def _columns(self) -> dict[str, object]:
        return {
            "fault": self.fault.value,
            "reply": self.reply,
            "since": self.since,
            "until": self.until,
            "lasts_seconds": int(self.lasts.total_seconds()),
        }


def due_count(connection: Connection, now: datetime, limit: int) -> int:
    """Count the mails to send and the leases that ran out, up to ``limit``: a read, so that polling is cheap."""
    due = select(MAILS.c.id).where(MAILS.c.next_attempt_at <= now).limit(limit).subquery()
    lost = select(MAILS.c.id).where(MAILS.c.lease_until <= now - GRACE).limit(limit).subquery()
    return min(limit, sum(connection.execute(select(func.count()).select_from(q)).scalar_one() for q in (due, lost)))


def claim(
    connection: Connection, now: datetime, lease: timedelta, limit: int, *, on_trial: bool = False
) -> list[Claim]:
    """Claim the most urgent mails that are due, for ``lease``; no mail is claimed twice, on however many machines.

    PostgreSQL skips the rows that another has locked, SQLite has one writer. ``on_trial``, a relay in trouble is tried
    with the disputed mail that waits longest, then with others: neither mails that it will never take, nor a greylist
    that puts off whatever is new, can keep it in trouble.
    """
    due = (
        select(*COLUMNS)
        .where(MAILS.c.next_attempt_at <= now, MAILS.c.not_after > now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if on_trial:
        longest = due.where(MAILS.c.disputed.is_not(None)).order_by(MAILS.c.next_attempt_at, MAILS.c.id)
        disputed = connection.execute(longest).all()
        others = connection.execute(_urgent_first(due.where(MAILS.c.disputed.is_(None)))).all()
        rows = [*disputed[:1], *others, *disputed[1:]][:limit]
    else:
        rows = list(connection.execute(_urgent_first(due)).all())
    token = uuid.uuid4().hex
    claims = [Claim(mail_from(row), token) for row in rows]
    if claims:
        is_claimed = MAILS.c.id.in_([item.mail.id for item in claims])
        connection.execute(update(MAILS).where(is_claimed).values(lease_token=token, next_attempt_at=now + lease))
    return claims


def _urgent_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(MAILS.c.priority, MAILS.c.next_attempt_at, MAILS.c.id)


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
    if any(result.outcome is SendOutcome.SENT for _, result in ends):
        _note_acceptance(connection)
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
    stage, fault, next_attempt_at = Stage(result.outcome.value), result.fault, None
    is_first_doubt = stage is Stage.UNCERTAIN and rules.retry_uncertain and not mail.doubted_at
    is_same = bool(result.answer) and result.answer == mail.disputed
    proofs = mail.proofs if is_same else 0
    put_off_since = mail.put_off_since or now
    if fault is Fault.DISPUTED and proofs >= (PROOFS_ONCE_BLAMED if mail.relay_blamed else PROOFS):
        stage, fault = Stage.DEAD, own_fault(result.answer)
    elif result.outcome is SendOutcome.RETRY and rules.has_failed(attempts, now - put_off_since):
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
        "put_off_since": put_off_since if stage is Stage.RETRY else mail.put_off_since,
        "disputed": result.answer if stage is Stage.RETRY and result.answer else None,
        "others_accepted": False,
        "proofs": proofs,
    }


def _note_acceptance(connection: Connection) -> None:
    """Note that the relay takes mails: a disputed one that it refuses again is refused on its own account (R58).

    Not one that waited because of the relay, which may be well again: due at once, before those that came later (R70).
    Rows that another sender is recording are left to the next acceptance.
    """
    query = select(MAILS.c.id).where(MAILS.c.disputed.is_not(None), MAILS.c.others_accepted.is_not(true()))
    numbers = list(connection.execute(query.with_for_update(skip_locked=True)).scalars())
    if numbers:
        waits = and_(MAILS.c.relay_blamed, MAILS.c.lease_token.is_(None), MAILS.c.next_attempt_at.is_not(None))
        first = case((waits, MAILS.c.created_at), else_=MAILS.c.next_attempt_at)
        proofs = case((MAILS.c.fault.is_not(None), MAILS.c.proofs + 1), else_=MAILS.c.proofs)
        noted = {"others_accepted": True, "proofs": proofs, "next_attempt_at": first}
        connection.execute(update(MAILS).where(MAILS.c.id.in_(numbers)).values(noted))


def relay_refuses(connection: Connection, answer: str | None = None) -> bool:
    """Return True when this answer, by default any, has refused so many recipients in a row that it is the relay's."""
    query = select(MAILS.c.disputed, func.count(distinct(MAILS.c.recipient))).where(
        MAILS.c.disputed.is_not(None), *_SUSPECTS
    )
    if answer:
        query = query.where(MAILS.c.disputed == answer)
    refusals = connection.execute(query.group_by(MAILS.c.disputed)).all()
    return any(recipients >= suspects_needed(disputed) for disputed, recipients in refusals)


def blame_relay(connection: Connection, answer: str, now: datetime) -> None:
    """Give the mails that this answer refused their attempt and their patience back: it was the relay's (R70)."""
    lost = MAILS.c.fault.is_not(None)
    left = case((and_(lost, MAILS.c.attempts > 0), MAILS.c.attempts - 1), else_=MAILS.c.attempts)
    query = select(MAILS.c.id).where(MAILS.c.disputed == answer, MAILS.c.lease_token.is_(None), lost, *_SUSPECTS)
    numbers = list(connection.execute(query.with_for_update(skip_locked=True)).scalars())
    connection.execute(
        update(MAILS)
        .where(MAILS.c.id.in_(numbers))
        .values(
            stage=case((left == 0, Stage.PENDING.value), else_=Stage.RETRY.value),
            fault=None,
            attempts=left,
            next_attempt_at=now,
            put_off_since=None,
            relay_blamed=True,
        )
    )


def load_pause(connection: Connection, *, lock: bool = False) -> Pause | None:
    """Read the pause that all senders share; it may be time to try again. None while the relay takes mails."""
    query = select(*_PAUSE_COLUMNS)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    fault, reply, since, until, lasts = row
    return Pause(fault=RelayFault(fault), reply=reply, since=since, until=until, lasts=timedelta(seconds=lasts))


def begin_pause(connection: Connection, fault: RelayFault, reply: str, now: datetime) -> tuple[Pause, bool]:
    """Make all senders wait (R70): 10 s, then twice as long each time up to 5 min; 5 min at once when we are refused.

    A pause that is not over stays as it is: those who notice together count once. The bool is True when the trouble is
    new (none was known, or another), so that it is reported once. ``reply`` is the server's words, on one line.
    """
    lasts = LONGEST_PAUSE if fault in REFUSALS else FIRST_PAUSE
    first = Pause(fault=fault, reply=reply, since=now, until=now + lasts, lasts=lasts)
    insert = insert_new(connection, PAUSE).values(id=1, **first._columns()).returning(PAUSE.c.id)
    while not connection.execute(insert).first():
        earlier = load_pause(connection, lock=True)
        if earlier is None:  # lifted meanwhile by another node
            continue
        if now < earlier.until:
            return earlier, False
        if fault not in REFUSALS and earlier.fault not in REFUSALS:  # else a relay that is down is tried again soon
            lasts = min(2 * earlier.lasts, LONGEST_PAUSE)
        following = Pause(fault=fault, reply=reply, since=earlier.since, until=now + lasts, lasts=lasts)
        connection.execute(update(PAUSE).values(following._columns()))
        return following, fault is not earlier.fault
    return first, True


def end_pause(connection: Connection) -> bool:
    """End the pause: the relay takes mails again. Returns True when there was one."""
    return connection.execute(delete(PAUSE)).rowcount > 0


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


def release_future(connection: Connection, now: datetime, longest: timedelta) -> int:
    """Make due the mails that wait for longer than any wait lasts: a clock that was ahead put them off (R52).

    ``longest`` is the longest wait or lease. Returns how many. A pause of the relay that no clock of today made goes
    too: it began later, or lasts longer than any.
    """
    connection.execute(delete(PAUSE).where(_IS_FUTURE_PAUSE), {"now": now, "longest_pause": now + LONGEST_PAUSE})
    far = now + longest
    connection.execute(update(MAILS).where(MAILS.c.lease_until > far).values(lease_until=now - GRACE))
    return connection.execute(
        update(MAILS).where(MAILS.c.next_attempt_at > far).values(next_attempt_at=now, lease_token=None)
    ).rowcount


def unreported(connection: Connection) -> list[Mail]:
    """The dead mails of which no alert has told yet, the oldest first (R58); those that another node tells are left."""
    query = select(*COLUMNS).where(_UNREPORTED).order_by(MAILS.c.id).with_for_update(skip_locked=True)
    return [mail_from(row) for row in connection.execute(query)]


def unreported_faults(connection: Connection) -> set[Fault]:
    """The faults of those: a read, so that polling is cheap."""
    query = select(MAILS.c.fault).where(_UNREPORTED, MAILS.c.fault.is_not(None)).distinct()
    return {Fault(fault) for fault in connection.execute(query).scalars()}


def known_keys(connection: Connection, keys: Collection[str]) -> set[str]:
    """Those of these dedupe keys under which a mail is stored."""
    return set(connection.execute(select(MAILS.c.dedupe_key).where(MAILS.c.dedupe_key.in_(keys))).scalars())


def mark_reported(connection: Connection, mails: Sequence[Mail], now: datetime) -> None:
    """Note that the operators are told of these mails, or need not be."""
    for batch in batches([mail.id for mail in mails]):
        connection.execute(update(MAILS).where(MAILS.c.id.in_(batch)).values(reported_at=now))


def cancel_obsolete(connection: Connection, kind: Kind, references: Sequence[str]) -> None:
    """Cancel the mails of this kind about these requests that have not begun to leave: they are of no use any more."""
    values = {"stage": Stage.CANCELLED.value, "fault": Fault.OBSOLETE.value, "next_attempt_at": None, **_NO_LEASE}
    waits = MAILS.c.stage.in_((Stage.PENDING.value, Stage.RETRY.value))
    for batch in batches(references):
        is_theirs = (MAILS.c.kind == kind.value, MAILS.c.reference.in_(batch))
        connection.execute(update(MAILS).where(*is_theirs, waits).values(values))


_IS_LATE: Final = and_(MAILS.c.next_attempt_at.is_not(None), MAILS.c.not_after <= bindparam("now"))

_UNCERTAIN_LATE: Final = (
    update(MAILS)
    .where(_IS_LATE, MAILS.c.stage == literal_column(f"'{Stage.UNCERTAIN.value}'"))
    .values(next_attempt_at=None, **_NO_LEASE)
)  # fmt: skip

_LATE: Final = (
    update(MAILS)
    .where(_IS_LATE)
    .values(stage=Stage.CANCELLED.value, fault=Fault.TOO_LATE.value, next_attempt_at=None, **_NO_LEASE)
    .returning(MAILS.c.id, MAILS.c.kind)
)


def cancel_late(
    connection: Connection, now: datetime, on_dead: Callable[[Connection, Mail], None] | None = None
) -> int:
    """Cancel the mails whose deadline has passed (R57); returns how many.

    One that may have left already stays uncertain, and is not sent again. ``on_dead`` is called for each by which an
    establishment was to have its code (R58).
    """
    connection.execute(_UNCERTAIN_LATE, {"now": now})
    rows = connection.execute(_LATE, {"now": now}).all()
    if on_dead:
        for mail in load_mails(connection, [row.id for row in rows if Kind(row.kind) in CODE_MAILS]):
            on_dead(connection, mail)
    return len(rows)


def discard_stale_links(connection: Connection, now: datetime) -> int:
    """Give up the mails of expired sign-in links that died or may have left: nobody need judge them (R72)."""
    values = {"stage": Stage.DISCARDED.value, "next_attempt_at": None}
    return connection.execute(update(MAILS).where(IS_STALE_LINK).values(values), {"now": now}).rowcount
