"""Fills an empty database with the rows of a source: a backup, or another database (R116)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, inspect

from workflow.backup.folder import TABLES, Manifest, open_copy, read_lines
from workflow.backup.refusals import BackupRefused
from workflow.backup.rows import (
    ColumnKind,
    TableShape,
    empty,
    guards_away,
    last_numbers,
    read_rows,
    set_last_numbers,
    shapes_of,
    value_of,
    write_rows,
)
from workflow.database import schema


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
        return read_rows(self.connection, self.shapes[table])


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
def source_of(folder: Path, manifest: Manifest) -> Iterator[Source]:
    """Open the rows of a backup, of either database."""
    if manifest.database == "postgresql":
        yield FolderSource(folder, manifest)
        return
    with open_copy(folder) as connection:
        yield DatabaseSource.of(connection)


def is_empty(connection: Connection) -> bool:
    """Return True for a database without any table."""
    return not inspect(connection).get_table_names()


def load(connection: Connection, source: Source) -> int:
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
            written += write_rows(connection, shape, source.columns[shape.name], source.rows(shape.name))
        set_last_numbers(connection, shapes, source.numbers)
    return written
