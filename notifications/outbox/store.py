"""Storing mails and reading them back: many drafts in the caller's transaction, each dedupe key once (R55)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, Row

from notifications.messages.mail import Draft, Mail
from notifications.outbox.tables import MAILS
from notifications.sql import batches, insert_new, insert_rows
from notifications.vocabulary import Audience, Fault, Kind, Stage

if TYPE_CHECKING:
    from notifications.messages.catalogue import MailContext

COLUMNS: Final[tuple[ColumnElement[Any], ...]] = tuple(MAILS.c[name] for name in Mail.__dataclass_fields__)
"""The columns of which ``mail_from`` makes a Mail."""


def mail_from(row: Row[Any]) -> Mail:
    """Make a Mail from a row of ``COLUMNS``."""
    values = dict(row._mapping)
    values["kind"] = Kind.of(values["kind"])
    values["audience"] = Audience.of(values["audience"])
    values["stage"] = Stage.of(values["stage"])
    values["fault"] = Fault.of(values["fault"]) if values["fault"] else None
    return Mail(**values)


@dataclass(frozen=True, slots=True)
class EnqueueResult:
    """The number of new mails; ``born_dead`` had no recipient and are stored dead (R15)."""

    new: int
    born_dead: tuple[Mail, ...]


def enqueue(
    connection: Connection,
    drafts: Iterable[Draft],
    now: datetime,
    *,
    context: "MailContext",
    seals: Mapping[str, str] | None = None,
) -> EnqueueResult:
    """Store the drafts, to be sent from ``now`` on.

    A draft without a recipient is stored dead, for an operator (R15); the one that reports it (``Draft.about``) is
    given its number. A draft whose ``dedupe_key`` is stored already is left out. ``seals`` gives the seal of each code
    mail by its reference, of a sign-in link by ``Draft.sealed_for``. Raises ValueError for such a mail without a seal.
    """
    waiting: list[dict[str, Any]] = []
    numbers: dict[int, int] = {}  # of the mails born dead, by the identity of their drafts
    new, born_dead = 0, []
    for draft in drafts:
        if number := numbers.get(id(draft.about)) if draft.about else None:
            draft = replace(draft, context=replace(draft.context, mail=number))
        row = _row(draft, now, context, seals or {})
        is_alike = not waiting or (waiting[0]["dedupe_key"] is None) == (draft.dedupe_key is None)
        if not (draft.recipient and is_alike):
            new += _insert_all(connection, waiting)  # so that the mails are numbered in the order of the drafts
            waiting = []
        if draft.recipient:
            waiting.append(row)
            continue
        statement = insert_new(connection, MAILS).values(row).returning(*COLUMNS)
        if stored := connection.execute(statement).one_or_none():
            mail = mail_from(stored)
            numbers[id(draft)] = mail.id
            born_dead.append(mail)
    new += _insert_all(connection, waiting) + len(born_dead)
    return EnqueueResult(new, tuple(born_dead))


def _insert_all(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Insert rows that all have a dedupe key, or none; returns how many are new."""
    if rows and rows[0]["dedupe_key"] is not None:
        statement = insert_new(connection, MAILS).returning(MAILS.c.id)
        return sum(len(connection.execute(statement, batch).all()) for batch in batches(rows))
    for batch in batches(rows):
        insert_rows(connection, MAILS, batch)
    return len(rows)


def _row(draft: Draft, now: datetime, context: "MailContext", seals: Mapping[str, str]) -> dict[str, Any]:
    from notifications.messages.catalogue import CATALOGUE  # with every kind's facts: who only looks does without

    entry = CATALOGUE[draft.kind]
    seal = seals.get(draft.sealed_for or draft.reference or "") if entry.is_sealed else None
    if entry.is_sealed and not seal:
        raise ValueError(f"a {draft.kind.value} mail needs a sealed secret")
    has_recipient = bool(draft.recipient)
    return {
        "kind": draft.kind.value,
        "audience": draft.audience.value,
        "uai": draft.uai,
        "reference": draft.reference,
        "recipient": draft.recipient,
        "context": entry.encode(draft.context),
        "priority": int(entry.priority),
        "created_at": now,
        "not_after": draft.not_after or now + entry.lifetime_in(context),
        "attempts": 0,
        "seal_id": seal,
        "dedupe_key": draft.dedupe_key,
        "stage": (Stage.PENDING if has_recipient else Stage.DEAD).value,
        "next_attempt_at": now if has_recipient else None,
        "fault": None if has_recipient else Fault.NO_MAILBOX.value,
    }
