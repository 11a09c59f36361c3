"""Fill an empty database with the rows of a source: a backup, or a SQLite file for « oda database move » (R116)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, func, inspect, select

from notifications.ports import crash_point
from workflow.backup.folder import TABLES, Manifest, open_copy, read_lines
from workflow.backup.rows import (
    BackupRefused,
    ColumnKind,
    TableShape,
    chain_ends,
    dump_table,
    empty,
    fill_table,
    guards_away,
    last_numbers,
    set_last_numbers,
    shapes_of,
    value_of,
)
from workflow.database import schema
from workflow.database.connection import OTHER_MACHINE, Database, unbounded
from workflow.database.schedule_tables import NODE
from workflow.journal import installation
from workflow.journal.chain import JournalHasher


class Source(Protocol):
    """Rows to write elsewhere. ``columns``: the names of each table's columns, in the order of its rows."""

    @property
    def version(self) -> str: ...
    @property
    def columns(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def numbers(self) -> Mapping[str, int]: ...
    def rows(self, table: str) -> Iterable[Sequence[Any]]: ...


@dataclass(frozen=True)
class DatabaseSource:
    """The rows of a database, over a connection that sees one picture of it."""

    connection: Connection
    version: str
    shapes: Mapping[str, TableShape]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, connection: Connection) -> "DatabaseSource":
        shapes = {shape.name: shape for shape in shapes_of(connection)}
        return cls(connection, schema.version(connection) or "", shapes, last_numbers(connection, shapes.values()))

    @property
    def columns(self) -> Mapping[str, Sequence[str]]:
        return {name: tuple(shape.columns) for name, shape in self.shapes.items()}

    def rows(self, table: str) -> Iterable[Sequence[Any]]:
        return dump_table(self.connection, self.shapes[table])


@dataclass(frozen=True)
class FolderSource:
    """The rows that a backup of PostgreSQL holds."""

    folder: Path
    manifest: Manifest

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def columns(self) -> Mapping[str, Sequence[str]]:
        return {name: tuple(columns) for name, columns in self.manifest.tables.items()}

    @property
    def numbers(self) -> Mapping[str, int]:
        return self.manifest.numbers

    def rows(self, table: str) -> Iterable[Sequence[Any]]:
        kinds = [ColumnKind(kind) for kind in self.manifest.tables[table].values()]
        for texts in read_lines(self.folder / TABLES / f"{table}.jsonl.gz"):
            yield [value_of(kind, text) for kind, text in zip(kinds, texts, strict=True)]


@contextmanager
def open_source(folder: Path, manifest: Manifest) -> Iterator[Source]:
    """Open the rows of a backup, of either database."""
    if manifest.database == "postgresql":
        yield FolderSource(folder, manifest)
        return
    with open_copy(folder) as connection:
        yield DatabaseSource.of(connection)


def is_empty(connection: Connection) -> bool:
    """Return True for a database without any table."""
    return not inspect(connection).get_table_names()


def load_database(connection: Connection, source: Source) -> int:
    """Make the tables of the source's version in an empty database, and write its rows; return how many.

    All in the transaction of the caller. Raises BackupRefused for a version that this software does not know.
    """
    if source.version not in schema.revisions():
        raise BackupRefused(
            "version", f"Cette base est de la version {source.version}, que ce logiciel ne connaît pas",
            "installer la version du logiciel qui l'a faite, ou une plus récente",
        )  # fmt: skip
    from alembic import command

    command.upgrade(schema.alembic_config(connection), source.version)
    shapes = shapes_of(connection)
    if {shape.name: set(shape.columns) for shape in shapes} != {n: set(c) for n, c in source.columns.items()}:
        raise BackupRefused(
            "version",
            "Les tables ne sont pas celles de leur version",
            "prendre celle que nul n'a modifiée à la main",
        )
    written = 0
    with guards_away(connection, shapes):
        empty(connection, shapes)
        for shape in shapes:
            written += fill_table(connection, shape, source.columns[shape.name], source.rows(shape.name))
        set_last_numbers(connection, shapes, source.numbers)
    return written


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveResult:
    """A count of what was moved: rows, and the chains of the journal, whose ends are the same in both databases."""

    tables: int
    rows: int
    chains: int
    events: int


def move_database(source: Database, target: URL, hasher: JournalHasher, now: datetime) -> MoveResult:
    """Copy the whole database in one transaction; nobody writes in the file meanwhile, and nothing of it changes.

    Raises BackupRefused, SchemaBehind, SchemaAhead, NotInstalled, OtherInstallation, DatabaseBusy, DatabaseUnreachable.
    """
    if source.is_postgresql or target.get_backend_name() != "postgresql":
        raise BackupRefused(
            "direction", "Une base se déplace d'un fichier SQLite vers PostgreSQL, et pas autrement",
            "pour l'inverse, « oda backup », puis « oda restore » avec l'autre database.url",
        )  # fmt: skip
    new = Database(target)
    try:
        with source.write() as old, new.write() as connection, unbounded(new, connection):
            schema.require_current(old)
            installation.check_key(old, hasher)
            _refuse_while_at_work(old, now)
            if not is_empty(connection):
                raise BackupRefused("not_empty", "La base PostgreSQL n'est pas vide", "en donner une sans aucune table")
            content = DatabaseSource.of(old)
            rows = load_database(connection, content)
            ends = chain_ends(connection)
            is_same = all(_count(old, each) == _count(connection, each) for each in content.shapes.values())
            if not is_same or ends != chain_ends(old):
                raise BackupRefused(
                    "differs", "La base copiée n'est pas la même", "lancer « oda journal verify » sur celle de départ"
                )
            crash_point("move.before_commit")
    finally:
        new.dispose()
    return MoveResult(tables=len(content.shapes), rows=rows, chains=ends.chains, events=ends.events)


def _refuse_while_at_work(connection: Connection, now: datetime) -> None:
    """Refuse while the service runs: whatever it would still write in the file would be lost."""
    recent = select(NODE.c.host).where(NODE.c.seen_at > now - OTHER_MACHINE, NODE.c.seen_at <= now + OTHER_MACHINE)
    if connection.execute(recent).first():
        raise BackupRefused(
            "at_work", "Le service est en marche, ou vient de l'être",
            "l'arrêter (systemctl stop oda), attendre deux minutes, puis recommencer",
        )  # fmt: skip


def _count(connection: Connection, shape: TableShape) -> int:
    return int(connection.execute(select(func.count()).select_from(shape.clause)).scalar_one())
