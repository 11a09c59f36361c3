"""The codes, encrypted at rest by keys that are not in the database (R60), and their erasure (R61, R62).

The secrets of sign-in links too, each sealed for its link as a code is for its request (R72).
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from notifications.batches import in_batches
from notifications.sealing import BadSealingKey, CodeUnreadable, Sealer
from notifications.tables import MAILS, SEALS
from notifications.vocabulary import Erasure, Fault, Stage

__all__ = ["BadSealingKey", "CodeUnreadable", "Sealer", "ciphertext_of", "create", "erase", "erase_overdue"]

FOR_LINK: Final = "sign-in:"
"""What the secret of a sign-in link is sealed for begins so: no request's reference does."""
UNSENT: Final = tuple(stage.value for stage in (Stage.PENDING, Stage.RETRY, Stage.UNCERTAIN))
"""The stages from which a mail may still leave."""


def create(connection: Connection, sealer: Sealer, codes: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Seal a code for each reference; returns the seals' ids by reference."""
    if codes:
        hold_off_rotation(connection)
    rows: list[dict[str, Any]] = [
        {"id": str(uuid.uuid4()), "reference": reference, "ciphertext": sealer.seal(code, reference), "sealed_at": now}
        for reference, code in codes.items()
    ]
    if rows:
        connection.execute(insert(SEALS), rows)
    return {row["reference"]: row["id"] for row in rows}


def hold_off_rotation(connection: Connection) -> None:
    """From before the keys are read until the code is committed, no key may go (R71).

    SQLite has one writer; on PostgreSQL this is the lock that the insertion takes anyway, taken earlier.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {SEALS.name} IN ROW EXCLUSIVE MODE")


def ciphertext_of(connection: Connection, seal_id: str) -> str | None:
    """The encrypted code as it stands at this instant: None once erased (R62)."""
    return connection.execute(select(SEALS.c.ciphertext).where(SEALS.c.id == seal_id)).scalar_one_or_none()


def sealed_for(connection: Connection, seal_id: str) -> str:
    """What a secret was sealed for; empty for an unknown seal."""
    return connection.execute(select(SEALS.c.reference).where(SEALS.c.id == seal_id)).scalar_one_or_none() or ""


def erase(connection: Connection, references: Iterable[str], why: Erasure, now: datetime) -> int:
    """Erase the codes of these requests and cancel what of them has not left (R61, R62); returns how many codes."""
    return sum(_erase(connection, SEALS.c.reference.in_(some), why, now) for some in in_batches(references))


def is_of_link(reference: str) -> bool:
    """Whether this is what a sign-in link's secret was sealed for, and no request."""
    return reference.startswith(FOR_LINK)


def erase_overdue(connection: Connection, before: datetime, now: datetime) -> int:
    """Erase the codes sealed before this instant, and cancel what of them has not left (R61, R62)."""
    return _erase(connection, SEALS.c.sealed_at < before, Erasure.OVERDUE, now)


def _erase(connection: Connection, which: ColumnElement[bool], why: Erasure, now: datetime) -> int:
    kept = select(SEALS.c.id).where(which, SEALS.c.ciphertext.is_not(None))
    _cancel(connection, MAILS.c.seal_id.in_(kept))
    return connection.execute(
        update(SEALS)
        .where(which, SEALS.c.ciphertext.is_not(None))
        .values(ciphertext=None, erased_at=now, erased_why=why.value)
    ).rowcount


def _cancel(connection: Connection, which: ColumnElement[bool]) -> None:
    changes: dict[str, Any] = {
        "stage": Stage.CANCELLED.value,
        "fault": Fault.CODE_ERASED.value,
        "next_attempt_at": None,
        "lease_token": None,  # whoever held it for soon has it no more
        "lease_until": None,
    }
    connection.execute(update(MAILS).where(which, MAILS.c.stage.in_(UNSENT)).values(changes))


def kept_count(connection: Connection) -> int:
    """How many codes are held in the database at this instant."""
    counted = connection.execute(select(func.count()).where(SEALS.c.ciphertext.is_not(None)))
    return int(counted.scalar_one())
