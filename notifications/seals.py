"""The codes, encrypted at rest by keys that are not in the database (R60), and their erasure (R61, R62)."""

import base64
import binascii
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from notifications.batches import in_batches
from notifications.tables import MAILS, SEALS
from notifications.vocabulary import Erasure, Fault, Stage

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

UNSENT: Final = tuple(stage.value for stage in (Stage.PENDING, Stage.RETRY, Stage.UNCERTAIN))
"""The stages from which a mail may still leave."""


class BadSealingKey(ValueError):
    """Une clé de scellement compte 32 octets en base64 : en refaire une avec la commande prévue."""

    def __str__(self) -> str:
        return self.__doc__ or ""


class CodeUnreadable(Exception):
    """Ce code ne peut pas être déchiffré : la clé qui l'a scellé n'est plus dans les secrets, ou la ligne a changé."""

    def __str__(self) -> str:
        return self.__doc__ or ""


class Sealer:
    """Encrypts with the first key, decrypts with any: put a new key first to rotate. Raises BadSealingKey."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(key.strip() for key in keys)
        if not self._keys or not all(_is_key(key) for key in self._keys):
            raise BadSealingKey

    @cached_property
    def _fernet(self) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self._keys])

    def seal(self, clear: str, reference: str) -> str:
        """The code encrypted together with its request's reference."""
        return self._fernet.encrypt(f"{reference}\n{clear}".encode()).decode()

    def open(self, ciphertext: str, reference: str) -> str:
        """The code in clear. Raises CodeUnreadable, also when it was sealed for another request."""
        from cryptography.fernet import InvalidToken

        try:
            bound, _, clear = self._fernet.decrypt(ciphertext).decode().partition("\n")
        except InvalidToken:
            raise CodeUnreadable from None
        if bound != reference:
            raise CodeUnreadable
        return clear


def _is_key(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == 32
    except (binascii.Error, ValueError):
        return False


def create(connection: Connection, sealer: Sealer, codes: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Seal a code for each reference; returns the seals' ids by reference."""
    rows: list[dict[str, Any]] = [
        {"id": str(uuid.uuid4()), "reference": reference, "ciphertext": sealer.seal(code, reference), "sealed_at": now}
        for reference, code in codes.items()
    ]
    if rows:
        connection.execute(insert(SEALS), rows)
    return {row["reference"]: row["id"] for row in rows}


def ciphertext_of(connection: Connection, seal_id: str) -> str | None:
    """The encrypted code as it stands at this instant: None once erased (R62)."""
    return connection.execute(select(SEALS.c.ciphertext).where(SEALS.c.id == seal_id)).scalar_one_or_none()


def erase(connection: Connection, references: Iterable[str], why: Erasure, now: datetime) -> int:
    """Erase the codes of these requests and cancel what of them has not left (R61, R62); returns how many codes."""
    return sum(_erase(connection, SEALS.c.reference.in_(some), why, now) for some in in_batches(references))


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
    }
    connection.execute(update(MAILS).where(which, MAILS.c.stage.in_(UNSENT)).values(changes))


def kept_count(connection: Connection) -> int:
    """How many codes are held in the database at this instant."""
    counted = connection.execute(select(func.count()).where(SEALS.c.ciphertext.is_not(None)))
    return int(counted.scalar_one())
