"""The keys of the codes: one a line of the secret ``seal-key``, the first in force, added and taken away (R71)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from notifications.ports import crash_point
from workflow.settings.secrets import SEAL_KEY, Secrets, environment_name


class KeyringFixed(Exception):
    """The keys come from an environment variable, which no command can change. ``variable`` names it."""

    def __init__(self, variable: str) -> None:
        super().__init__(variable)
        self.variable = variable


@dataclass(frozen=True)
class Keyring:
    """The sealing keys of this machine. Whoever changes them holds the installation's row, so one at a time."""

    secrets: Secrets

    @property
    def file(self) -> Path:
        """Where the keys are. Raises KeyringFixed when a variable gives them."""
        found = self.secrets.file_of(SEAL_KEY)
        if found is None:
            raise KeyringFixed(environment_name(SEAL_KEY))
        return found

    def read(self) -> tuple[str, ...]:
        """The keys, the first in force. Raises SecretMissing or SecretRefused."""
        return tuple(self.secrets.read(SEAL_KEY).get_secret_value().split())

    def stamp(self) -> object:
        """What changes when the file does, for the price of a look at its folder; None while it cannot be seen."""
        file = self.secrets.file_of(SEAL_KEY)
        try:
            seen = file.stat() if file else None
        except OSError:
            return None
        return (seen.st_mtime_ns, seen.st_size, seen.st_ino) if seen else None

    def add(self) -> int:
        """Put a new key first; returns how many there are now. Raises KeyringFixed, OSError, and as ``read``."""
        from cryptography.fernet import Fernet

        keys = (Fernet.generate_key().decode(), *self.read())
        _replace(self.file, keys)
        return len(keys)

    def keep_first(self) -> int:
        """Take away every key but the first; returns how many went. Raises as ``add``."""
        keys = self.read()
        if len(keys) > 1:
            _replace(self.file, keys[:1])
        return len(keys) - 1


def _replace(path: Path, keys: Sequence[str]) -> None:
    """Put these keys in the place of the file in one stroke, under the same owner: a kill leaves the old or the new.

    The draft has one name, so that what a kill left of it is overwritten by the next.
    """
    path = path.resolve()
    before = path.stat()
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        if (before.st_uid, before.st_gid) != (os.fstat(descriptor).st_uid, os.fstat(descriptor).st_gid):
            os.fchown(descriptor, before.st_uid, before.st_gid)
        file.write("".join(f"{key}\n" for key in keys).encode())
        file.flush()
        os.fsync(descriptor)
    crash_point("keyring.before_rename")
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
