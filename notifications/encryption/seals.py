"""The codes, encrypted at rest by keys that are not in the database (R60), and their erasure (R61, R62).

The secrets of sign-in links too, each sealed for its link as a code is for its request (R72).
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update
from sqlalchemy.exc import OperationalError

from notifications.encryption.sealer import BadSealingKey, CodeUnreadable, Sealer
from notifications.outbox.tables import MAILS, SEALS
from notifications.ports import Transactions, crash_point
from notifications.sql import batches
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
    return sum(_erase(connection, SEALS.c.reference.in_(some), why, now) for some in batches(references))


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


# Every kept code under the first key: in short batches, beside those who send, erase and replace codes (R71).


BATCH: Final = 200
"""How many codes at most one write transaction seals anew."""


QUIET_SECONDS: Final = 10


_PAUSE: Final = 0.05


_LOCK_NOT_AVAILABLE: Final = "55P03"


class CodesBusy(Exception):
    """Des codes sont en train d'être émis : recommencer dans un instant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resealed:
    """What one walk did: how many codes were sealed anew, and the requests whose code no key opens."""

    count: int
    unreadable: tuple[str, ...]


def reseal(database: Transactions, sealer: Sealer, progress: Callable[[int], None] = lambda _: None) -> Resealed:
    """Seal every kept code anew under the first key. ``progress`` is told how many more codes were looked at.

    May be killed anywhere and begun again. A code erased or replaced meanwhile is left as it has become: each is
    written only where its old ciphertext still stands. Raises what reading the keys raises.
    """
    count, unreadable, after = 0, list[str](), ""
    while page := _page(database, after):
        changed, lost = _anew(sealer, page)
        if changed:
            count += _write(database, changed)
            crash_point("reseal.between_batches")
        unreadable += lost
        after = page[-1].id
        progress(len(page))
    return Resealed(count=count, unreadable=tuple(sorted(unreadable)))


@contextmanager
def without_mails(database: Transactions, first: Callable[[Connection], object]) -> Iterator[Connection]:
    """A write transaction during which nobody seals, replaces or erases a code; reading them goes on.

    ``first`` takes whatever other lock the caller needs. On PostgreSQL the table's own is then asked for without
    waiting, so that nobody ever waits for both. Raises CodesBusy after 10 s of trying.
    """
    for _ in range(round(QUIET_SECONDS / _PAUSE)):
        with database.write() as connection:
            first(connection)
            if _is_ours(connection):
                yield connection
                return
        time.sleep(_PAUSE)
    raise CodesBusy


def left_elsewhere(connection: Connection, sealer: Sealer) -> int:
    """How many kept codes the first key alone does not open."""
    kept = select(SEALS.c.ciphertext).where(SEALS.c.ciphertext.is_not(None))
    found = connection.execute(kept, execution_options={"yield_per": BATCH}).scalars()
    return sum(not sealer.holds(ciphertext) for ciphertext in found)


def _page(database: Transactions, after: str) -> list[Row[Any]]:
    query = select(SEALS.c.id, SEALS.c.reference, SEALS.c.ciphertext)
    query = query.where(SEALS.c.ciphertext.is_not(None), SEALS.c.id > after).order_by(SEALS.c.id).limit(BATCH)
    with database.read() as connection:
        return list(connection.execute(query))


def _anew(sealer: Sealer, page: list[Row[Any]]) -> tuple[list[tuple[Row[Any], str]], list[str]]:
    """What is to be written of a page, and the references of what no key opens."""
    changed, lost = [], []
    for row in page:
        try:
            fresh = sealer.resealed(row.ciphertext, row.reference)
        except CodeUnreadable:
            lost.append(row.reference)
        else:
            changed += [(row, fresh)] if fresh else []
    return changed, lost


def _write(database: Transactions, changed: list[tuple[Row[Any], str]]) -> int:
    with database.write() as connection:
        written = sum(
            connection.execute(
                update(SEALS).where(SEALS.c.id == row.id, SEALS.c.ciphertext == row.ciphertext).values(ciphertext=fresh)
            ).rowcount
            for row, fresh in changed
        )
        crash_point("reseal.before_commit")
    return written


def _is_ours(connection: Connection) -> bool:
    if connection.dialect.name != "postgresql":
        return True  # a write transaction is alone there
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"LOCK TABLE {SEALS.name} IN SHARE MODE NOWAIT")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True
