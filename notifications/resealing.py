"""Every kept code under the first key: in short batches, beside those who send, erase and replace codes (R71)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import OperationalError

from notifications.ports import Transactions, crash_point
from notifications.sealing import CodeUnreadable, Sealer
from notifications.tables import SEALS

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
def quiet(database: Transactions, first: Callable[[Connection], object]) -> Iterator[Connection]:
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
