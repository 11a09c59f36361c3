"""The secrets: those of the installation, read from the environment or from private files, never from ``config.yaml``;
those drawn at random for a session, a link, a token (R72, R73, R76), of which the digest alone is kept.
"""

import base64
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from notifications.ports import crash_point

SEAL_KEY, JOURNAL_KEY = "seal-key", "journal-key"

SMTP_PASSWORD, DATABASE_PASSWORD = "smtp-password", "database-password"

CONNECTOR_KEY = "connector-key"

GATE_SECRET = "gate-secret"  # noqa: S105
"""The secret shared with the gate whose headers say who calls (R102)."""

OF_PROVIDER = "provider-"
"""What the name of an identity provider's secret begins with; the rest is the provider's name (R101)."""

OF_WEBHOOK = "webhook-"
"""What the name of a webhook's secret begins with; the rest is the endpoint's name (R118)."""

SIGNING_KEY = "seal-signing-key"
"""The key that signs the journal's seals (R109)."""

SECRET_NAMES = (SEAL_KEY, JOURNAL_KEY, SIGNING_KEY, SMTP_PASSWORD, DATABASE_PASSWORD, CONNECTOR_KEY, GATE_SECRET)

MAX_BYTES = 65536

SHORTEST_GATE_SECRET = 24
"""Characters of the secret shared with the gate: whoever reaches the portal may try as many as they want."""


class SecretError(Exception):
    """A secret cannot be used; the message says why and what to do, in French, and never quotes it."""


class SecretMissing(SecretError):
    """No such secret was given, by any of the three ways."""


class SecretRefused(SecretError):
    """The secret is there, but empty, unreadable, or its file is open to others."""


def environment_name(name: str) -> str:
    """``seal-key`` is ``ODA_SEAL_KEY`` in the environment."""
    return "ODA_" + name.upper().replace("-", "_")


@dataclass(frozen=True)
class Secrets:
    """The secrets of an installation, looked up in the environment, then in the folder of files."""

    directory: Path
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def read(self, name: str) -> SecretStr:
        """One secret, masked when printed. Raises SecretMissing or SecretRefused."""
        secret = self.find(name)
        if secret is None:
            variable = environment_name(name)
            raise SecretMissing(
                f"le secret {name} manque ; le donner par la variable {variable}, par un fichier que désigne"
                f" {variable}_FILE, ou dans le fichier {self.directory / name} (chmod 600)"
            )
        return secret

    def find(self, name: str) -> SecretStr | None:
        """As ``read``, but None when the secret was not given. Raises SecretRefused when it is not usable."""
        if name not in SECRET_NAMES and not name.startswith((OF_PROVIDER, OF_WEBHOOK)):
            raise ValueError(f"no secret is called {name}")
        variable = environment_name(name)
        file = self.file_of(name)
        if file is None:
            return _usable(self.environ[variable], f"la variable {variable}")
        secret = _read_file(file)
        if secret is None and self.environ.get(f"{variable}_FILE"):
            raise SecretRefused(f"{variable}_FILE désigne {file}, qui n'existe pas : corriger le chemin")
        return secret

    def file_of(self, name: str) -> Path | None:
        """The file that gives this secret, which may not be there; None when its variable does."""
        variable = environment_name(name)
        if variable in self.environ:
            return None
        return Path(self.environ.get(f"{variable}_FILE") or self.directory / name)


def gate_secrets_of(secret: SecretStr) -> tuple[bytes, ...]:
    """The secrets of the gate that are in force, one a line: two while it is being changed. Raises SecretRefused."""
    given = tuple(line.encode() for line in secret.get_secret_value().split())
    if any(len(line) < SHORTEST_GATE_SECRET for line in given):
        raise SecretRefused(
            f"le secret {GATE_SECRET} est trop court : {SHORTEST_GATE_SECRET} signes au moins, par exemple ceux que"
            " tire « openssl rand -hex 32 »"
        )
    return given


def generate(directory: Path) -> tuple[Path, ...]:
    """Make the three keys that an installation needs (0600, in a 0700 folder); those already there are kept.

    Returns the files made. Losing ``seal-key`` loses the codes waiting; losing ``journal-key`` the proof of the texts;
    losing ``seal-signing-key`` breaks the line of the journal's seals (R109).
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = (SEAL_KEY, JOURNAL_KEY, SIGNING_KEY)
    return tuple(directory / name for name in names if _create(directory / name, _new_key(name).encode()))


def _new_key(name: str) -> str:
    """A new key: Ed25519's, of the seals, in hexadecimal digits, so that any tool reads it; a webhook's as its standard
    writes it."""
    if name.startswith(OF_WEBHOOK):
        return f"whsec_{base64.b64encode(os.urandom(32)).decode()}"
    if name == SIGNING_KEY:
        return os.urandom(32).hex()
    if name == JOURNAL_KEY:
        return base64.urlsafe_b64encode(os.urandom(32)).decode()
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def new_secret() -> str:
    """Draw 256 random bits, as text fit for an address, a cookie or a header. Only their digest is ever stored."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the digest that a secret is found by. It needs no salt: nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def derived(secret: str, use: str) -> str:
    """Derive another secret from this one, which does not give it away."""
    return hmac.new(secret.encode(), use.encode(), hashlib.sha256).hexdigest()


class KeyringFixed(Exception):
    """The keys come from an environment variable, which no command can change. ``variable`` names it."""

    def __init__(self, variable: str) -> None:
        super().__init__(variable)
        self.variable = variable


@dataclass(frozen=True)
class Keyring:
    """The keys of one purpose on this machine: of the codes (``SEAL_KEY``), of the journal's seals (``SIGNING_KEY``).

    Whoever changes them holds the installation's row, so one at a time.
    """

    secrets: Secrets
    name: str = SEAL_KEY

    @property
    def file(self) -> Path:
        """The file of the keys. Raises KeyringFixed when a variable gives them."""
        file = self.secrets.file_of(self.name)
        if file is None:
            raise KeyringFixed(environment_name(self.name))
        return file

    def read(self) -> tuple[str, ...]:
        """The keys, the first in force. Raises SecretMissing or SecretRefused."""
        return tuple(self.secrets.read(self.name).get_secret_value().split())

    def stamp(self) -> object:
        """A value that changes when the file does; None while the file cannot be seen. It costs one ``stat``."""
        file = self.secrets.file_of(self.name)
        try:
            status = file.stat() if file else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None

    def create(self) -> bool:
        """Make the file with a first key; False when it is there already. Raises KeyringFixed, OSError."""
        return _create(self.file, _new_key(self.name).encode())

    def add(self) -> int:
        """Put a new key first; returns how many there are now. Raises KeyringFixed, OSError, and as ``read``."""
        keys = (_new_key(self.name), *self.read())
        _replace(self.file, keys)
        return len(keys)

    def keep_first(self) -> int:
        """Take away every key but the first; returns how many went. Raises as ``add``."""
        keys = self.read()
        if len(keys) > 1:
            _replace(self.file, keys[:1])
        return len(keys) - 1


def _create(path: Path, content: bytes) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()  # half a key would never be overwritten
        raise
    return True


def _read_file(path: Path) -> SecretStr | None:
    try:
        # O_NONBLOCK: a pipe left there must not hang the service.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        closed = (place for place in reversed(path.parents) if not os.access(place, os.X_OK))
        if isinstance(error, PermissionError) and (folder := next(closed, None)):
            raise SecretRefused(
                f"le dossier {folder} ne se laisse pas ouvrir par ce compte : le donner au compte du service, avec ce"
                f" qu'il contient (chown -R oda:oda {folder})"
            ) from None
        raise SecretRefused(f"{path} ne peut pas être lu : le donner au compte du service, chmod 600") from None
    try:
        status = os.fstat(descriptor)
        mode = status.st_mode
        if not stat.S_ISREG(mode):
            raise SecretRefused(f"{path} n'est pas un fichier ordinaire : y mettre un fichier, chmod 600")
        if mode & _excess(status.st_uid, is_read_only=is_read_only(descriptor)):
            raise SecretRefused(
                f"{path} est ouvert à d'autres comptes (mode {stat.S_IMODE(mode):o}) : faire « chmod 600 {path} »"
            )
        content = os.read(descriptor, MAX_BYTES)
    finally:
        os.close(descriptor)
    try:
        return _usable(content.decode("utf-8"), str(path))
    except UnicodeDecodeError:
        raise SecretRefused(f"{path} n'est pas un texte : refaire ce secret") from None


def is_read_only(place: int | Path) -> bool:
    """Return True for a file, or a folder, of a file system that is mounted to be read only, as a container's secrets.

    Raises OSError.
    """
    return bool(os.statvfs(place).f_flag & os.ST_RDONLY)


def _excess(owner: int, *, is_read_only: bool) -> int:
    """The rights that no secret's file may give.

    Who makes its mount decides who enters the container: all of them may read it. Elsewhere a group may read the file
    of another account (0440 of root and the service's group), for the service then reads it in no other way.
    """
    if is_read_only:
        return stat.S_IWGRP | stat.S_IXGRP | stat.S_IWOTH | stat.S_IXOTH
    if owner != os.geteuid():
        return stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
    return stat.S_IRWXG | stat.S_IRWXO


def _usable(text: str, where: str) -> SecretStr:
    secret = text.rstrip("\r\n")
    if not secret.strip():
        raise SecretRefused(f"{where} ne contient aucun secret : y mettre le secret, ou l'ôter")
    return SecretStr(secret)


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
