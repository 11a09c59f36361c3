"""Encryption of codes, by keys that are not in the database and may be replaced meanwhile (R60, R71)."""

import base64
import binascii
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet, MultiFernet

ReadKeys = Callable[[], Sequence[str]]

_log = logging.getLogger(__name__)


class BadSealingKey(ValueError):
    """Une clé de scellement compte 32 octets en base64 : en refaire une avec la commande prévue."""

    def __str__(self) -> str:
        return self.__doc__ or ""


class CodeUnreadable(Exception):
    """Ce code ne peut pas être déchiffré : la clé qui l'a scellé n'est plus dans les secrets, ou la ligne a changé."""

    def __str__(self) -> str:
        return self.__doc__ or ""


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
