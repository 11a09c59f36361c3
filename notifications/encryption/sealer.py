"""The encryption of codes by keys that are not in the database, and that may be replaced meanwhile (R60, R71)."""

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


@dataclass(frozen=True)
class _Ring:
    """The keys as they stood at one reading; ``stamp`` tells whether another would find the same."""

    keys: tuple[str, ...]
    stamp: object

    @cached_property
    def first(self) -> "Fernet":
        from cryptography.fernet import Fernet

        return Fernet(self.keys[0])

    @cached_property
    def all(self) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self.keys])

    def __repr__(self) -> str:
        return f"<{len(self.keys)} keys>"


class Sealer:
    """Encrypts with the first key, decrypts with any: put a new key first to rotate (R71).

    ``keys`` is a list, or a way to read it again: a process that lasts then follows what a command changes. ``stamp``
    tells cheaply whether the keys have changed since they were read. Raises BadSealingKey, and what ``keys`` raises.
    Share it freely between threads.
    """

    def __init__(self, keys: Sequence[str] | ReadKeys, stamp: Callable[[], object] = lambda: None) -> None:
        self._read: ReadKeys = keys if callable(keys) else lambda: keys
        self._stamp = stamp
        self._ring = self._taken()

    def seal(self, clear: str, reference: str) -> str:
        """The code encrypted together with its request's reference, under the first key of this instant.

        Raises what reading the keys raises: under keys that may have been replaced, nothing is sealed.
        """
        return _sealed(self._current(), clear, reference)

    def open(self, ciphertext: str, reference: str) -> str:
        """The code in clear. Raises CodeUnreadable, also when it was sealed for another request.

        What does not open is tried once more, the keys read again. Keys that cannot be read leave those at hand.
        """
        held = self._ring
        clear = _opened(held, ciphertext)
        if clear is None and (found := self._read_again()).keys != held.keys:
            clear = _opened(found, ciphertext)
        return _of(clear, reference)

    def resealed(self, ciphertext: str, reference: str) -> str | None:
        """The same code under the first key; None when that key holds it already. Raises as ``seal`` and ``open``."""
        ring = self._current()
        if (clear := _opened(ring, ciphertext, first_only=True)) is not None:
            _of(clear, reference)
            return None
        return _sealed(ring, _of(_opened(ring, ciphertext), reference), reference)

    def holds(self, ciphertext: str) -> bool:
        """Whether the first key alone opens this code."""
        return _opened(self._current(), ciphertext, first_only=True) is not None

    def _current(self) -> _Ring:
        if self._stamp() != self._ring.stamp:
            self._ring = self._taken()
        return self._ring

    def _taken(self) -> _Ring:
        stamp = self._stamp()  # before the keys: a change in between is seen the next time
        keys = tuple(dict.fromkeys(key.strip() for key in self._read()))
        if not keys or not all(_is_key(key) for key in keys):
            raise BadSealingKey
        return _Ring(keys, stamp)

    def _read_again(self) -> _Ring:
        try:
            self._ring = self._taken()
        except Exception as error:  # whoever reads them fails in a way of its own; the keys at hand may still open
            _log.warning("sealing keys not read again: %s", type(error).__name__)
        return self._ring


def _sealed(ring: _Ring, clear: str, reference: str) -> str:
    return ring.first.encrypt(f"{reference}\n{clear}".encode()).decode()


def _opened(ring: _Ring, ciphertext: str, *, first_only: bool = False) -> str | None:
    """The reference and the code, as they were sealed together; None when these keys do not open them."""
    from cryptography.fernet import InvalidToken

    try:
        return (ring.first if first_only else ring.all).decrypt(ciphertext).decode()
    except InvalidToken:
        return None


def _of(sealed: str | None, reference: str) -> str:
    bound, _, clear = (sealed or "").partition("\n")
    if sealed is None or bound != reference:
        raise CodeUnreadable
    return clear


def _is_key(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == 32
    except (binascii.Error, ValueError):
        return False
