"""Drafts become rows: in the caller's transaction, many at once (R55)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row
from sqlalchemy.dialects import postgresql, sqlite

from notifications.messages.catalogue import CATALOGUE, MailContext
from notifications.messages.mail import Draft, Mail
from notifications.outbox.tables import MAILS
from notifications.sql import batches, insert_rows
from notifications.vocabulary import Audience, Fault, Kind, Stage

COLUMNS: Final[tuple[ColumnElement[Any], ...]] = tuple(MAILS.c[name] for name in Mail.__dataclass_fields__)
"""What to select so that ``read`` makes a Mail of it."""


def read(row: Row[Any]) -> Mail:
    """A Mail from a row of ``COLUMNS``."""
    values = dict(row._mapping)
    values["kind"] = Kind.of(values["kind"])
    values["audience"] = Audience.of(values["audience"])
    values["stage"] = Stage.of(values["stage"])
    values["fault"] = Fault.of(values["fault"]) if values["fault"] else None
    return Mail(**values)


_BORN_DEAD: Final[dict[str, Any]] = {
    "stage": Stage.DEAD.value,
    "next_attempt_at": None,
    "fault": Fault.NO_MAILBOX.value,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """How many mails are new, and which of them had nowhere to go: stored dead (R15)."""

    new: int
    born_dead: tuple[Mail, ...]


def enqueue(
    connection: Connection,
    drafts: Iterable[Draft],
    now: datetime,
    *,
    context: MailContext,
    seals: Mapping[str, str] | None = None,
) -> Stored:
    """Store the drafts, to be sent from ``now`` on.

    A draft without a recipient is stored dead, for an operator (R15); one that tells of it (``Draft.about``) is given
    its number. One whose ``dedupe_key`` is known is left out. ``seals`` gives the seal of each code mail by its
    reference, of a sign-in link by what it was sealed for. Raises ValueError for such a mail without a seal.
    """
    waiting: list[dict[str, Any]] = []
    numbers: dict[int, int] = {}  # of the mails born dead, by the identity of their drafts
    new, born_dead = 0, []
    for draft in drafts:
        row = _row(_numbered(draft, numbers), now, context, seals or {})
        alike = not waiting or (waiting[0]["dedupe_key"] is None) == (draft.dedupe_key is None)
        if not (draft.recipient and alike):
            new += _insert_all(connection, waiting)  # so that the mails are numbered in the order of the drafts
            waiting = []
        if draft.recipient:
            waiting.append(row)
            continue
        mail = _insert_one(connection, row)
        new += mail is not None
        if mail and not draft.recipient:
            numbers[id(draft)] = mail.id
            born_dead.append(mail)
    return Stored(new + _insert_all(connection, waiting), tuple(born_dead))


def _insert_all(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Insert rows that all have a dedupe key, or none; returns how many are new."""
    if rows and rows[0]["dedupe_key"] is not None:
        statement = _unless_known(connection).returning(MAILS.c.id)
        return sum(len(connection.execute(statement, batch).all()) for batch in batches(rows))
    for batch in batches(rows):
        insert_rows(connection, MAILS, batch)
    return len(rows)


def _insert_one(connection: Connection, row: dict[str, Any]) -> Mail | None:
    """Insert a row, unless its dedupe key is known."""
    added = connection.execute(_unless_known(connection).values(row).returning(*COLUMNS)).one_or_none()
    return read(added) if added else None


def _unless_known(connection: Connection) -> Any:
    """An insertion that leaves out what another one, perhaps of another node, has stored under the same key."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(MAILS).on_conflict_do_nothing(index_elements=["dedupe_key"])


def _numbered(draft: Draft, numbers: Mapping[int, int]) -> Draft:
    """The draft; the number of the dead mail that it tells of is known only now."""
    number = numbers.get(id(draft.about)) if draft.about else None
    return replace(draft, context=replace(draft.context, mail=number)) if number else draft


def _row(draft: Draft, now: datetime, context: MailContext, seals: Mapping[str, str]) -> dict[str, Any]:
    entry = CATALOGUE[draft.kind]
    seal = seals.get(draft.sealed_for or draft.reference or "") if entry.is_sealed else None
    if entry.is_sealed and not seal:
        raise ValueError(f"a {draft.kind.value} mail needs a sealed secret")
    alive: dict[str, Any] = {"stage": Stage.PENDING.value, "next_attempt_at": now, "fault": None}
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
        **(alive if draft.recipient else _BORN_DEAD),
    }
