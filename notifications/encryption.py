"""Encryption of codes, by keys that are not in the database and may be replaced meanwhile (R60 to R62, R71).

A code is sealed for its request, read, erased, encrypted again; at rest, only its ciphertext is kept. The secrets of
sign-in links are too, each sealed for its link as a code is for its request (R72).
"""

import base64
import binascii
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, insert, select, update
from sqlalchemy.exc import OperationalError

from notifications.outbox.store import MAILS, SEALS
from notifications.ports import CodeLeaving, Transactions, crash_point
from notifications.sql import batches
from notifications.vocabulary import Erasure, Fault, Stage

if TYPE_CHECKING:
    from cryptography.fernet import Fernet, MultiFernet

_log = logging.getLogger(__name__)

ReadKeys = Callable[[], Sequence[str]]

FOR_LINK: Final = "sign-in:"
"""The prefix of what a sign-in link's secret is sealed for: no request's reference begins so."""

UNSENT: Final = tuple(stage.value for stage in (Stage.PENDING, Stage.RETRY, Stage.UNCERTAIN))
"""The stages from which a mail may still leave."""

RESEAL_BATCH: Final = 200
"""The most codes that one write transaction encrypts again."""

LOCK_SECONDS: Final = 10

_PAUSE: Final = 0.05

_LOCK_NOT_AVAILABLE: Final = "55P03"

_IS_KEPT: Final = SEALS.c.ciphertext.is_not(None)

HAS_OVERDUE: Final = exists().where(SEALS.c.sealed_at < bindparam("codes_since"), _IS_KEPT)
"""The condition under which ``erase_overdue`` finds a code, sealed before ``codes_since``."""


class BadSealingKey(ValueError):
    """Une clé de scellement compte 32 octets en base64 : en refaire une avec la commande prévue."""

    def __str__(self) -> str:
        return self.__doc__ or ""


class CodeUnreadable(Exception):
    """Ce code ne peut pas être déchiffré : la clé qui l'a scellé n'est plus dans les secrets, ou la ligne a changé."""

    def __str__(self) -> str:
        return self.__doc__ or ""


class CodesBusy(Exception):
    """Des codes sont en train d'être émis : recommencer dans un instant."""


class Sealer:
    """Encrypts with the first key, decrypts with any: put a new key first to rotate (R71).

    ``keys`` is a list, or a function that reads it again: a long process then follows what a command changes. ``stamp``
    tells cheaply whether the keys have changed since they were read. Raises BadSealingKey, and what ``keys`` raises.
    Share it freely between threads.
    """

    def __init__(self, keys: Sequence[str] | ReadKeys, stamp: Callable[[], object] = lambda: None) -> None:
        self._read: ReadKeys = keys if callable(keys) else lambda: keys
        self._stamp = stamp
        self._ring = self._read_ring()

    def seal(self, clear: str, reference: str) -> str:
        """Encrypt a code together with its request's reference, under the first key of this instant.

        Raises what reading the keys raises: under keys that may have been replaced, nothing is sealed.
        """
        return self._current().encrypt(clear, reference)

    def open(self, ciphertext: str, reference: str) -> str:
        """Decrypt a code. Raises CodeUnreadable, also when it was sealed for another request.

        A code that does not open is tried once more with the keys read again; when they cannot be read, those at hand
        stay.
        """
        ring = self._ring
        sealed = ring.decrypt(ciphertext)
        if sealed is None:
            try:
                self._ring = self._read_ring()
            except Exception as error:  # their reader fails in a way of its own; the keys at hand may still open
                _log.warning("sealing keys not read again: %s", type(error).__name__)
            if self._ring.keys != ring.keys:
                sealed = self._ring.decrypt(ciphertext)
        return _clear(sealed, reference)

    def resealed(self, ciphertext: str, reference: str) -> str | None:
        """Encrypt the same code under the first key; None when that key holds it already. Raises as the others."""
        ring = self._current()
        if (sealed := ring.decrypt(ciphertext, first_only=True)) is not None:
            _clear(sealed, reference)
            return None
        return ring.encrypt(_clear(ring.decrypt(ciphertext), reference), reference)

    def is_under_first_key(self, ciphertext: str) -> bool:
        """Return True when the first key alone opens this code."""
        return self._current().decrypt(ciphertext, first_only=True) is not None

    def _current(self) -> "_KeyRing":
        if self._stamp() != self._ring.stamp:
            self._ring = self._read_ring()
        return self._ring

    def _read_ring(self) -> "_KeyRing":
        stamp = self._stamp()  # before the keys: a change in between is seen the next time
        keys = tuple(dict.fromkeys(key.strip() for key in self._read()))
        if not keys or not all(_is_key(key) for key in keys):
            raise BadSealingKey
        return _KeyRing(keys, stamp)


@dataclass(frozen=True)
class _KeyRing:
    """The keys as they stood at one reading; ``stamp`` says whether another reading would find the same."""

    keys: tuple[str, ...]
    stamp: object

    def encrypt(self, clear: str, reference: str) -> str:
        return self._first.encrypt(f"{reference}\n{clear}".encode()).decode()

    def decrypt(self, ciphertext: str, *, first_only: bool = False) -> str | None:
        """The reference and the code, as they were sealed together; None when these keys do not open them."""
        from cryptography.fernet import InvalidToken

        try:
            return (self._first if first_only else self._all).decrypt(ciphertext).decode()
        except InvalidToken:
            return None

    @cached_property
    def _first(self) -> "Fernet":
        from cryptography.fernet import Fernet

        return Fernet(self.keys[0])

    @cached_property
    def _all(self) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self.keys])

    def __repr__(self) -> str:
        return f"<{len(self.keys)} keys>"


def _clear(sealed: str | None, reference: str) -> str:
    """The code of this request. Raises CodeUnreadable when it did not open, or was sealed for another."""
    bound, _, clear = (sealed or "").partition("\n")
    if sealed is None or bound != reference:
        raise CodeUnreadable
    return clear


def _is_key(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == 32
    except (binascii.Error, ValueError):
        return False


def seal(connection: Connection, sealer: Sealer, codes: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Seal a code for each reference, of which there is one at least; returns the seals' ids by reference."""
    block_rotation(connection)
    rows: list[dict[str, Any]] = [
        {"id": str(uuid.uuid4()), "reference": reference, "ciphertext": sealer.seal(code, reference), "sealed_at": now}
        for reference, code in codes.items()
    ]
    connection.execute(insert(SEALS), rows)
    return {row["reference"]: row["id"] for row in rows}


def block_rotation(connection: Connection) -> None:
    """Let no key go, from before the keys are read until the code is committed (R71).

    SQLite has one writer; on PostgreSQL this is the lock that the insertion takes anyway, taken earlier.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {SEALS.name} IN ROW EXCLUSIVE MODE")


def load_seal(connection: Connection, seal_id: str) -> tuple[str, str | None]:
    """Read a seal as it stands at this instant: what it was sealed for, and its ciphertext.

    The ciphertext is None once erased (R62); an unknown seal was sealed for nothing.
    """
    row = connection.execute(select(SEALS.c.reference, SEALS.c.ciphertext).where(SEALS.c.id == seal_id)).one_or_none()
    return (row.reference, row.ciphertext) if row else ("", None)


def kept_seals(connection: Connection, references: Sequence[str]) -> dict[str, str]:
    """The seals of the codes that these requests have, by reference, locked until the transaction ends (R97).

    Raises CodeLeaving when one has none: it was erased meanwhile.
    """
    query = select(SEALS.c.reference, SEALS.c.id).where(SEALS.c.reference.in_(references), _IS_KEPT)
    seals = {reference: seal_id for reference, seal_id in connection.execute(query.with_for_update())}  # noqa: C416
    if seals.keys() != set(references):
        raise CodeLeaving
    return seals


def codes_of(connection: Connection, sealer: Sealer, references: Sequence[str]) -> dict[str, str]:
    """The codes that these requests have, in clear, by reference: for the file of the ODA server's console (R97).

    Those that are erased are left out. Raises CodeUnreadable.
    """
    query = select(SEALS.c.reference, SEALS.c.ciphertext).where(SEALS.c.reference.in_(references), _IS_KEPT)
    return {reference: sealer.open(sealed, reference) for reference, sealed in connection.execute(query)}


def is_of_link(reference: str) -> bool:
    """Return True when a sign-in link's secret was sealed for this, and no request's code."""
    return reference.startswith(FOR_LINK)


def count_codes(connection: Connection) -> int:
    """Count the codes held in the database at this instant."""
    return int(connection.execute(select(func.count()).where(_IS_KEPT)).scalar_one())


def erase(connection: Connection, references: Iterable[str], why: Erasure, now: datetime) -> int:
    """Erase the codes of these requests and cancel their unsent mails (R61, R62); returns how many codes."""
    return sum(_erase(connection, SEALS.c.reference.in_(batch), why, now) for batch in batches(references))


def hold_back(connection: Connection, references: Sequence[str]) -> None:
    """Lock the mails of these requests' codes, so that no sender begins one (R62).

    Raises CodeLeaving unless each has one that has not begun.
    """
    waiting = MAILS.c.stage.in_((Stage.PENDING.value, Stage.RETRY.value))
    kept = select(SEALS.c.id).where(SEALS.c.reference.in_(references), _IS_KEPT)
    query = select(MAILS.c.reference).where(MAILS.c.seal_id.in_(kept), waiting).order_by(MAILS.c.id).with_for_update()
    if set(connection.execute(query).scalars()) != set(references):
        raise CodeLeaving


def mails_of_overdue(connection: Connection, before: datetime) -> list[int]:
    """The unsent mails of the codes that ``erase_overdue`` would erase, locked; those of sign-in links are left out."""
    overdue = select(SEALS.c.id).where(SEALS.c.sealed_at < before, _IS_KEPT, SEALS.c.reference.not_like(f"{FOR_LINK}%"))
    query = select(MAILS.c.id).where(MAILS.c.seal_id.in_(overdue), MAILS.c.stage.in_(UNSENT)).order_by(MAILS.c.id)
    return list(connection.execute(query.with_for_update()).scalars())


def erase_overdue(connection: Connection, before: datetime, now: datetime) -> int:
    """Erase the codes sealed before this instant and cancel their unsent mails (R61, R62); returns how many codes."""
    return _erase(connection, SEALS.c.sealed_at < before, Erasure.OVERDUE, now)


def _erase(connection: Connection, condition: ColumnElement[bool], why: Erasure, now: datetime) -> int:
    cancelled: dict[str, Any] = {
        "stage": Stage.CANCELLED.value,
        "fault": Fault.CODE_ERASED.value,
        "next_attempt_at": None,
        "lease_token": None,  # a sender that had claimed it loses it
        "lease_until": None,
    }
    seals = select(SEALS.c.id).where(condition, _IS_KEPT)
    connection.execute(update(MAILS).where(MAILS.c.seal_id.in_(seals), MAILS.c.stage.in_(UNSENT)).values(cancelled))
    erased = {"ciphertext": None, "erased_at": now, "erased_why": why.value}
    return connection.execute(update(SEALS).where(condition, _IS_KEPT).values(erased)).rowcount


@dataclass(frozen=True, kw_only=True, slots=True)
class ResealResult:
    """The number of codes encrypted again, and the requests whose code no key opens."""

    count: int
    unreadable: tuple[str, ...]


def reseal(database: Transactions, sealer: Sealer, progress: Callable[[int], None] = lambda _: None) -> ResealResult:
    """Encrypt every kept code again under the first key (R71). ``progress`` is told how many more were examined.

    Works in short batches, beside those who send, erase and replace codes; may be killed anywhere and begun again. A
    code erased or replaced meanwhile is left as it has become: each is written only where its old ciphertext still
    stands. Raises what reading the keys raises.
    """
    query = select(SEALS.c.id, SEALS.c.reference, SEALS.c.ciphertext).where(_IS_KEPT).order_by(SEALS.c.id)
    count, unreadable, after = 0, list[str](), ""
    while True:
        with database.read() as connection:
            page = connection.execute(query.where(SEALS.c.id > after).limit(RESEAL_BATCH)).all()
        if not page:
            return ResealResult(count=count, unreadable=tuple(sorted(unreadable)))
        updates = []
        for seal_id, reference, old in page:
            try:
                fresh = sealer.resealed(old, reference)
            except CodeUnreadable:
                unreadable.append(reference)
                continue
            if fresh:
                unchanged = (SEALS.c.id == seal_id, SEALS.c.ciphertext == old)
                updates.append(update(SEALS).where(*unchanged).values(ciphertext=fresh))
        if updates:
            with database.write() as connection:
                count += sum(connection.execute(statement).rowcount for statement in updates)
                crash_point("reseal.before_commit")
            crash_point("reseal.between_batches")
        after = page[-1].id
        progress(len(page))


def count_under_other_keys(connection: Connection, sealer: Sealer) -> int:
    """Count the kept codes that the first key alone does not open."""
    query = select(SEALS.c.ciphertext).where(_IS_KEPT)
    ciphertexts = connection.execute(query, execution_options={"yield_per": RESEAL_BATCH}).scalars()
    return sum(not sealer.is_under_first_key(ciphertext) for ciphertext in ciphertexts)


@contextmanager
def exclusive_seals(database: Transactions, first: Callable[[Connection], object]) -> Iterator[Connection]:
    """A write transaction during which nobody seals, replaces or erases a code; reading them goes on.

    ``first`` takes whatever other lock the caller needs. On PostgreSQL the table's own is then asked for without
    waiting, so that nobody ever waits for both. Raises CodesBusy after 10 s of trying.
    """
    for _ in range(round(LOCK_SECONDS / _PAUSE)):
        with database.write() as connection:
            first(connection)
            if _lock_seals(connection):
                yield connection
                return
        time.sleep(_PAUSE)
    raise CodesBusy


def _lock_seals(connection: Connection) -> bool:
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
