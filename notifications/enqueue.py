"""Drafts become rows: in the caller's transaction, many at once (R55)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from notifications.batches import in_batches
from notifications.bulk import insert_rows
from notifications.catalogue import CATALOGUE
from notifications.mail import Draft
from notifications.surroundings import Surroundings
from notifications.tables import MAILS
from notifications.vocabulary import Fault, Stage


def enqueue(
    connection: Connection,
    drafts: Iterable[Draft],
    now: datetime,
    *,
    here: Surroundings,
    seals: Mapping[str, str] | None = None,
) -> int:
    """Store the drafts, to be sent from ``now`` on; returns how many are new.

    A draft without a recipient is stored dead, for an operator (R15). One whose ``dedupe_key`` is known is left out.
    ``seals`` gives the seal of each code mail by its reference. Raises ValueError for a code mail without a seal.
    """
    once: list[dict[str, Any]] = []
    plain: list[dict[str, Any]] = []
    for draft in drafts:
        row = _row(draft, now, here, seals or {})
        (once if draft.dedupe_key else plain).append(row)
    for batch in in_batches(plain):
        insert_rows(connection, MAILS, batch)
    return len(plain) + _insert_once(connection, once)


def _insert_once(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(MAILS).on_conflict_do_nothing(index_elements=["dedupe_key"])
    added = statement.returning(MAILS.c.id)  # rowcount would tell nothing on PostgreSQL
    return sum(len(connection.execute(added, row).all()) for row in rows)


def _row(draft: Draft, now: datetime, here: Surroundings, seals: Mapping[str, str]) -> dict[str, Any]:
    entry = CATALOGUE[draft.kind]
    deliverable = bool(draft.recipient)
    seal = seals.get(draft.reference or "") if entry.has_code else None
    if entry.has_code and not seal:
        raise ValueError(f"a {draft.kind.value} mail needs a sealed code")
    return {
        "kind": draft.kind.value,
        "audience": draft.audience.value,
        "uai": draft.uai,
        "reference": draft.reference,
        "recipient": draft.recipient,
        "context": entry.encode(draft.context),
        "priority": int(entry.priority),
        "created_at": now,
        "not_after": draft.not_after or now + entry.lifetime_in(here),
        "stage": (Stage.PENDING if deliverable else Stage.DEAD).value,
        "attempts": 0,
        "next_attempt_at": now if deliverable else None,
        "fault": None if deliverable else Fault.NO_MAILBOX.value,
        "seal_id": seal,
        "dedupe_key": draft.dedupe_key,
    }
