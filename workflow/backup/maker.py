"""``oda backup``: the database, verified, and the settings, while the service runs; none of its keys (R116)."""

import errno
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path

from sqlalchemy import Connection, select

from notifications.ports import Clock, crash_point
from notifications.sql import upsert
from workflow.backup.folder import (
    DATABASE_FILE,
    FORMAT,
    TABLES,
    Manifest,
    copy_private,
    name_at,
    open_copy,
    remove_older,
    size_of,
    write_lines,
    write_manifest,
    written_aside,
)
from workflow.backup.rows import BackupRefused, chain_ends, dump_table, last_numbers, shapes_of
from workflow.database import schema
from workflow.database.connection import Database, make_private, unbounded
from workflow.database.faults import DatabaseBusy, DatabaseFault, DatabaseUnreachable, fault_of
from workflow.database.journal_tables import INSTALLED
from workflow.database.schedule_tables import LAST_BACKUP


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
