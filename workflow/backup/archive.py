"""Backups: ``oda backup`` writes one while the service runs, and a folder keeps several (R116).

A backup holds the database, verified, and the settings, and none of its keys. It is written aside, named by its instant
once it is whole, and checked by its sums.
"""

import errno
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, NullPool, create_engine, select

from notifications.ports import Clock, crash_point
from notifications.sql import upsert
from workflow.backup.rows import BackupRefused, chain_ends, dump_table, last_numbers, shapes_of
from workflow.database import schema
from workflow.database.connection import Database, make_private, unbounded
from workflow.database.faults import DatabaseBusy, DatabaseFault, DatabaseUnreachable, fault_of
from workflow.database.journal_tables import INSTALLED
from workflow.database.schedule_tables import LAST_BACKUP

FORMAT: Final = 1

MANIFEST: Final = "manifest.json"

SUMS: Final = "SHA256SUMS"

DATABASE_FILE: Final = "oda.sqlite"

TABLES: Final = "tables"

_NAME: Final = re.compile(r"oda-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")

_ASIDE: Final = ".oda-"

_COPY_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of a backup. ``database``: ``sqlite`` for its very file, ``postgresql`` for rows by table.

    ``tables``: the columns of each table, each with what it holds, and ``rows`` how many it has; ``numbers``: the last
    number that each gave; both empty for a file. ``chains``, ``events``, ``ends``: see ChainEnds.
    """

    format: int
    made_at: str
    software: str
    version: str
    database: str
    key_check: str
    chains: int
    events: int
    ends: str
    is_whole: bool
    tables: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, int]
    numbers: Mapping[str, int]

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.made_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupResult:
    """A backup that was made. ``removed``: the names of the older ones that went.

    ``is_recorded`` False: the database could not be told, being read-only, full or of another version; the backup is
    good all the same.
    """

    folder: Path
    manifest: Manifest
    size: int
    removed: tuple[str, ...]
    is_recorded: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherFile:
    """A file to copy beside the database: ``name`` is its path in the backup."""

    path: Path
    name: str


def name_at(now: datetime) -> str:
    """Return the name of a backup made at this instant."""
    return f"oda-{now.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}"


@contextmanager
def written_aside(place: Path, name: str) -> Iterator[Path]:
    """Give a new private folder, which takes its name in ``place`` once the body has filled it, and is gone otherwise.

    Raises BackupRefused while another backup is being made there, or when the name is taken; OSError.
    """
    with _alone_in(place):
        for left in place.glob(f"{_ASIDE}*"):  # what a kill left
            shutil.rmtree(left)
        if (place / name).exists():
            raise BackupRefused("twice", f"{place / name} existe déjà", "recommencer dans une seconde")
        aside = place / f"{_ASIDE}{name}"
        aside.mkdir(mode=0o700)
        try:
            yield aside
            lines = [f"{_sum(path)}  {path.relative_to(aside)}\n" for path in _files(aside)]
            with os.fdopen(open_private(aside / SUMS), "w", encoding="utf-8") as file:
                file.writelines(lines)
            for path in (*_files(aside), aside / SUMS):
                sync_file(path)
            for path in (*(each for each in aside.rglob("*") if each.is_dir()), aside):
                sync_folder(path)
            crash_point("backup.before_rename")
            aside.rename(place / name)
            sync_folder(place)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise


@contextmanager
def _alone_in(place: Path) -> Iterator[None]:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused("busy", f"Une autre sauvegarde se fait dans {place}", "attendre sa fin") from None
        yield
    finally:
        os.close(descriptor)


def open_private(path: Path) -> int:
    """Create a file that this account alone reads; return its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def copy_private(source: Path, target: Path) -> None:
    """Copy a file into one that this account alone reads."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as original, os.fdopen(open_private(target), "wb") as copy:
        shutil.copyfileobj(original, copy, _COPY_BYTES)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    with os.fdopen(open_private(folder / MANIFEST), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def write_lines(path: Path, rows: Iterator[Sequence[Any]]) -> int:
    """Write each row as a line of JSON, compressed; return how many."""
    written = 0
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(open_private(path), "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            written += 1
    return written


def read_lines(path: Path) -> Iterator[list[Any]]:
    """Yield the rows that ``write_lines`` wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


@contextmanager
def open_copy(folder: Path) -> Iterator[Connection]:
    """Read the copy of a SQLite file that a backup holds, and write nothing beside it."""
    place = f"file:{quote(str(folder / DATABASE_FILE))}?mode=ro&immutable=1"
    engine = create_engine("sqlite://", poolclass=NullPool, creator=lambda: sqlite3.connect(place, uri=True))
    with engine.connect() as connection:
        yield connection


def read_verified(folder: Path) -> Manifest:
    """Check every sum and return what the backup is made of. Raises BackupRefused, OSError."""
    if not (folder / MANIFEST).is_file() or not (folder / SUMS).is_file():
        raise BackupRefused(
            "not_a_backup", f"{folder} n'est pas une sauvegarde entière",
            "donner un dossier que « oda backup » a nommé d'un instant, par exemple oda-2026-11-30T02-00-00Z",
        )  # fmt: skip
    told = {}
    for line in (folder / SUMS).read_text("utf-8").splitlines():
        digest, _, name = line.partition("  ")
        told[name] = digest
    found = {str(path.relative_to(folder)): _sum(path) for path in _files(folder)}
    if found != told:
        wrong = min(name for name in found.keys() | told.keys() if found.get(name) != told.get(name))
        raise BackupRefused(
            "damaged", f"La sauvegarde est abîmée : {wrong} n'est pas celui qui a été écrit", "en prendre une autre"
        )
    try:
        values = json.loads((folder / MANIFEST).read_text("utf-8"))
        if values["format"] != FORMAT:
            raise BackupRefused("format", "Cette sauvegarde est d'un autre format", "prendre le logiciel qui l'a faite")
        return Manifest(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise BackupRefused("damaged", f"{folder / MANIFEST} est illisible", "en prendre une autre") from error


def whole_backups(place: Path) -> list[Path]:
    """Return the backups of a folder, the oldest first."""
    return sorted(each for each in place.iterdir() if _NAME.fullmatch(each.name) and (each / SUMS).is_file())


def remove_older(place: Path, keep: int) -> list[str]:
    """Remove all backups but the last ``keep``; return the names of those that went."""
    gone = whole_backups(place)[:-keep]
    for backup in gone:
        aside = place / f"{_ASIDE}gone-{backup.name}"
        backup.rename(aside)  # half a backup never looks whole
        shutil.rmtree(aside)
    return [backup.name for backup in gone]


def size_of(folder: Path) -> int:
    """Return how many bytes a backup takes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """Have the disk keep what a file holds."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names that a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_backup(
    database: Database, clock: Clock, place: Path, others: Iterable[OtherFile], keep: int | None = None
) -> BackupResult:
    """Back up into ``place``, and keep the last ``keep`` ones there; None keeps them all.

    A journal whose chains do not end where they should is backed up all the same, but neither counts as a good backup
    nor removes an older one. Raises BackupRefused, DatabaseBusy, DatabaseUnreachable, OSError.
    """
    now = clock.now()
    name = name_at(now)
    with written_aside(place, name) as folder:
        manifest = _write_rows(database, folder, now) if database.is_postgresql else _copy_file(database, folder, now)
        crash_point("backup.database_written")
        for other in others:
            copy_private(other.path, folder / other.name)
        write_manifest(folder, manifest)
    removed: list[str] = []
    is_recorded = False
    if manifest.is_whole:
        is_recorded = _record(database, now)
        removed = remove_older(place, keep) if keep else []
    return BackupResult(
        folder=place / name, manifest=manifest, size=size_of(place / name), removed=tuple(removed),
        is_recorded=is_recorded,
    )  # fmt: skip


def _record(database: Database, now: datetime) -> bool:
    try:
        with database.write() as connection:
            if schema.version(connection) != schema.newest():
                return False  # a version to be upgraded, which may have no such table
            connection.execute(upsert(connection, LAST_BACKUP, {"id": 1, "made_at": now}, ["id"]))
    except (DatabaseBusy, DatabaseUnreachable):
        return False
    return True


def _copy_file(database: Database, folder: Path, now: datetime) -> Manifest:
    """Copy a SQLite file as it is at one instant, and verify the copy."""
    copy = folder / DATABASE_FILE
    make_private(copy)
    try:
        with database.aside() as connection, closing(sqlite3.connect(copy)) as target:
            source: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, which nothing else completes
            checked = target.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        fault = fault_of(error)
        if fault is DatabaseFault.NO_SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise DatabaseUnreachable(fault or DatabaseFault.DISK) from error
    if checked != "ok":
        raise DatabaseUnreachable(DatabaseFault.DAMAGED)
    with open_copy(folder) as connection:
        return _manifest(connection, now, "sqlite")


def _write_rows(database: Database, folder: Path, now: datetime) -> Manifest:
    """Write the rows of PostgreSQL as they are at one instant."""
    with database.read() as connection, unbounded(database, connection):
        shapes, rows = shapes_of(connection), {}
        for shape in shapes:
            lines = (shape.texts(row) for row in dump_table(connection, shape))
            rows[shape.name] = write_lines(folder / TABLES / f"{shape.name}.jsonl.gz", lines)
        tables = {shape.name: {name: kind.value for name, kind in shape.columns.items()} for shape in shapes}
        numbers = last_numbers(connection, shapes)
        return _manifest(connection, now, "postgresql", tables, rows, numbers)


def _manifest(
    connection: Connection, now: datetime, kind: str, tables: dict[str, dict[str, str]] | None = None,
    rows: dict[str, int] | None = None, numbers: dict[str, int] | None = None,
) -> Manifest:  # fmt: skip
    key_check = connection.execute(select(INSTALLED.c.key_check)).scalar_one_or_none()
    if key_check is None:
        raise BackupRefused("empty", "La base est vide", "il n'y a rien à sauvegarder")
    ends = chain_ends(connection)
    return Manifest(
        format=FORMAT, made_at=now.isoformat(), software=installed_version("oda-delegations"),
        version=schema.version(connection) or "", database=kind, key_check=key_check, chains=ends.chains,
        events=ends.events, ends=ends.digest, is_whole=ends.is_whole, tables=tables or {}, rows=rows or {},
        numbers=numbers or {},
    )  # fmt: skip
