"""Rotation of the codes' encryption key: add one, seal every code anew, remove the old ones (R71)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from notifications import encryption
from notifications.encryption import Sealer
from notifications.ports import Clock
from states.decision import Scalar
from states.model import Actor
from workflow.auth.actors import require_operator
from workflow.auth.second_factor import count_factors_under_other_keys, reseal_factors
from workflow.database.clock import require_right_clock
from workflow.database.connection import Database
from workflow.journal import chain
from workflow.journal.chain import JournalHasher
from workflow.settings.secrets import Keyring, KeyringFixed

WALKS: Final = 5
"""How often all codes are sealed anew before giving up on a machine that seals under another key."""


class StillSealedElsewhere(Exception):
    """Des codes sont scellés sous une ancienne clé à mesure que celle-ci est remplacée."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RotationResult:
    """Counts of a rotation. ``unreadable`` names whose code or second factor no key opens: their keys stay."""

    resealed: int
    removed: int
    unreadable: tuple[str, ...]


class SealKeys:
    """Changes this installation's sealing keys; every change is in its journal, as counts alone (R64)."""

    def __init__(
        self, database: Database, hasher: JournalHasher, clock: Clock, sealer: Sealer, keyring: Keyring
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._clock = clock
        self._sealer = sealer
        self._keyring = keyring

    def add(self, actor: Actor) -> int:
        """Put a new key first, and return how many there are.

        Raises NotAllowed, ClockRefused, KeyringFixed, SecretError, OSError.
        """
        require_operator(actor, "changer la clé des codes")
        with self._database.write() as connection:
            chain.lock(connection)
            require_right_clock(connection, self._clock.now())  # a key, once in its file, is there
            keys = self._keyring.add()
            self._record(connection, "seal_key_added", actor, {"keys": keys})
        return keys

    def rotate(
        self, actor: Actor, *, keep_old: bool = False, progress: Callable[[int], None] = lambda _: None
    ) -> RotationResult:
        """Seal every kept code and second factor under the first key, then remove the keys that none needs.

        ``keep_old`` leaves them, as does a variable, which no command can change. May be killed anywhere and begun
        again. Raises NotAllowed, ClockRefused, CodesBusy, StillSealedElsewhere, SecretError, OSError.
        """
        require_operator(actor, "changer la clé des codes")
        with self._database.read() as connection:
            require_right_clock(connection, self._clock.now())
        count = 0
        for _ in range(WALKS):
            walk = encryption.reseal(self._database, self._sealer, progress)
            count += walk.count
            with self._database.write() as connection:  # committed before any key goes
                factors = reseal_factors(connection, self._sealer)
            count += factors.count
            unreadable = (*walk.unreadable, *factors.unreadable)
            with encryption.exclusive_seals(self._database, chain.lock) as connection:
                codes = encryption.count_under_other_keys(connection, self._sealer)
                if codes + count_factors_under_other_keys(connection, self._sealer) <= len(unreadable):
                    removed = 0
                    if not keep_old and not unreadable:
                        with suppress(KeyringFixed):
                            removed = self._keyring.keep_first()
                    counts = {"resealed": count, "removed": removed, "unreadable": len(unreadable)}
                    self._record(connection, "seal_key_rotated", actor, counts)
                    return RotationResult(resealed=count, removed=removed, unreadable=unreadable)
        raise StillSealedElsewhere

    def _record(self, connection: Connection, kind: str, actor: Actor, counts: dict[str, int]) -> None:
        data: dict[str, Scalar] = dict(counts)
        chain.record(connection, self._hasher, kind, actor, self._clock.now(), data)
