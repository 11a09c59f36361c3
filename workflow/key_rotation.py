"""The key of the codes replaced: a new one put first, every code sealed anew, the old ones taken away (R71)."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from notifications.encryption import seals
from notifications.encryption.sealer import Sealer
from notifications.ports import Clock
from states.decision import Scalar
from states.model import Actor
from workflow.auth.actors import require_operator
from workflow.database.connection import Database
from workflow.journal import installation
from workflow.journal.chain import JournalHasher
from workflow.settings.secrets import Keyring, KeyringFixed

WALKS = 5
"""How often the codes are walked through before giving up on a machine that seals under another key."""


class StillSealedElsewhere(Exception):
    """Des codes sont scellés sous une ancienne clé à mesure que celle-ci est remplacée."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rotated:
    """What a rotation did. ``unreadable`` names the requests whose code no key opens: their keys stay."""

    resealed: int
    removed: int
    unreadable: tuple[str, ...]


class SealKeys:
    """Changes this installation's sealing keys; every change is in its journal, by numbers alone (R64)."""

    def __init__(
        self, database: Database, hasher: JournalHasher, clock: Clock, sealer: Sealer, keyring: Keyring
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._clock = clock
        self._sealer = sealer
        self._keyring = keyring

    def add(self, actor: Actor) -> int:
        """Put a new key first; returns how many there are. Raises NotAllowed, KeyringFixed, SecretError, OSError."""
        require_operator(actor, "changer la clé des codes")
        with self._database.write() as connection:
            installation.lock(connection)
            keys = self._keyring.add()
            self._record(connection, "seal_key_added", actor, {"keys": keys})
        return keys

    def rotate(
        self, actor: Actor, *, keep_old: bool = False, progress: Callable[[int], None] = lambda _: None
    ) -> Rotated:
        """Seal every kept code under the first key, then take the other keys away unless a code needs them.

        ``keep_old`` leaves them, as does a variable, which no command can change. May be killed anywhere and begun
        again. Raises NotAllowed, CodesBusy, StillSealedElsewhere, SecretError, OSError.
        """
        require_operator(actor, "changer la clé des codes")
        count = 0
        for _ in range(WALKS):
            done = seals.reseal(self._database, self._sealer, progress)
            count += done.count
            with seals.exclusive_seals(self._database, installation.lock) as connection:
                if seals.count_under_other_keys(connection, self._sealer) <= len(done.unreadable):
                    removed = 0 if keep_old or done.unreadable else self._remove()
                    rotated = Rotated(resealed=count, removed=removed, unreadable=done.unreadable)
                    self._note(connection, actor, rotated)
                    return rotated
        raise StillSealedElsewhere

    def _remove(self) -> int:
        try:
            return self._keyring.keep_first()
        except KeyringFixed:
            return 0

    def _note(self, connection: Connection, actor: Actor, done: Rotated) -> None:
        counts = {"resealed": done.resealed, "removed": done.removed, "unreadable": len(done.unreadable)}
        self._record(connection, "seal_key_rotated", actor, counts)

    def _record(self, connection: Connection, kind: str, actor: Actor, counts: dict[str, int]) -> None:
        data: dict[str, Scalar] = dict(counts)
        installation.record(connection, self._hasher, kind, actor, self._clock.now(), data)
