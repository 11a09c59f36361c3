"""The rows of every table in a form that is neither database's: read from one, written into the other (R116).

Tables and columns are those that the database itself tells, so that an older version is carried as it is. The guards,
which admit no row without its past, are put away while rows are written, in the same transaction. The ends of the
journal's chains tell whether two databases are the same (R65).
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Connection,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    column,
    func,
    insert,
    inspect,
    select,
    table,
    tuple_,
)
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

from notifications.sql import UtcDateTime, batches
from workflow.database.journal_tables import EVENT, INSTALLED
from workflow.database.tables import REQUEST
from workflow.journal.chain import INSTALLATION

VERSION_TABLE: Final = "alembic_version"

STREAMED: Final = {"yield_per": 1000}

WRITTEN_TOGETHER: Final = 500

Row = Sequence[Any]


class BackupRefused(Exception):
    """A French sentence for the person who asked, and what to do; nothing was changed. ``code`` is for programs."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message}. Que faire : {remedy}.")
        self.code, self.message, self.remedy = code, message, remedy


class ColumnKind(StrEnum):
    """The content of a column, as far as a text must say it."""

    INSTANT = "instant"
    DAY = "day"
    BOOLEAN = "boolean"
    BYTES = "bytes"
    PLAIN = "plain"


_KINDS: Final[tuple[tuple[type[TypeEngine[Any]], ColumnKind], ...]] = (
    (DateTime, ColumnKind.INSTANT), (Date, ColumnKind.DAY), (Boolean, ColumnKind.BOOLEAN),
    (LargeBinary, ColumnKind.BYTES),
)  # fmt: skip


_TYPES: Final[Mapping[ColumnKind, TypeEngine[Any]]] = {
    ColumnKind.INSTANT: UtcDateTime(), ColumnKind.DAY: Date(), ColumnKind.BOOLEAN: Boolean(),
    ColumnKind.BYTES: LargeBinary(),
}  # fmt: skip


@dataclass(frozen=True)
class TableShape:
    """A table: its columns with what each holds, its key, and which column the database numbers by itself."""

    name: str
    columns: Mapping[str, ColumnKind]
    key: tuple[str, ...]
    types: Mapping[str, TypeEngine[Any]]

    @cached_property
    def clause(self) -> TableClause:
        return table(self.name, *(column(name, self.types[name]) for name in self.columns))

    def texts(self, row: Row) -> list[Any]:
        """Return a row as JSON can say it."""
        return [_text(kind, value) for kind, value in zip(self.columns.values(), row, strict=True)]


def value_of(kind: ColumnKind, text: Any) -> Any:
    """Return the value that a backup wrote as this text. Raises ValueError, TypeError."""
    if text is None or kind in (ColumnKind.PLAIN, ColumnKind.BOOLEAN):
        return text
    if kind is ColumnKind.BYTES:
        return base64.b64decode(text, validate=True)
    return datetime.fromisoformat(text) if kind is ColumnKind.INSTANT else date.fromisoformat(text)


def shapes_of(connection: Connection) -> list[TableShape]:
    """Return every table but that of the version, those that others point to first."""
    inspector = inspect(connection)
    names = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name and name != VERSION_TABLE]
    shapes = []
    for name in names:
        told = {each["name"]: each["type"] for each in inspector.get_columns(name)}
        kinds = {
            each: next((kind for sort, kind in _KINDS if isinstance(type_, sort)), ColumnKind.PLAIN)
            for each, type_ in told.items()
        }
        types = {each: _TYPES.get(kind, told[each]) for each, kind in kinds.items()}
        shapes.append(TableShape(name, kinds, tuple(inspector.get_pk_constraint(name)["constrained_columns"]), types))
    return shapes


def dump_table(connection: Connection, shape: TableShape) -> Iterator[Row]:
    """Yield every row in the order of its key, a page at a time. Raises BackupRefused for one that is unreadable."""
    ordered = select(shape.clause).order_by(*(shape.clause.c[name] for name in shape.key))
    try:
        yield from connection.execute(ordered, execution_options=STREAMED)
    except (ValueError, TypeError) as error:  # a column that was made unreadable
        raise BackupRefused(
            "unreadable", f"La table {shape.name} a une valeur illisible",
            "chercher ce qui l'a abîmée (oda journal verify), et garder la dernière bonne sauvegarde",
        ) from error  # fmt: skip


def fill_table(connection: Connection, shape: TableShape, names: Sequence[str], rows: Iterable[Row]) -> int:
    """Write rows, whose columns are named in their order, into an empty table; return how many."""
    written = 0
    for batch in batches(rows, WRITTEN_TOGETHER):
        connection.execute(insert(shape.clause), [dict(zip(names, row, strict=True)) for row in batch])
        written += len(batch)
    return written


def last_numbers(connection: Connection, shapes: Iterable[TableShape]) -> dict[str, int]:
    """The last number that each table gave by itself: none ever serves twice, be its row gone."""
    if connection.dialect.name == "sqlite":
        return {name: int(last) for name, last in _numbered_by_sqlite(connection).items()}
    numbers = {}
    for shape in shapes:
        if sequence := _sequence_of(connection, shape):
            last, is_called = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()  # noqa: S608
            numbers[shape.name] = int(last) if is_called else 0
    return numbers


def set_last_numbers(connection: Connection, shapes: Iterable[TableShape], numbers: Mapping[str, int]) -> None:
    """Go on after the last number given; never below what the rows hold."""
    if connection.dialect.name == "sqlite":
        for name in _numbered_by_sqlite(connection).keys() & numbers.keys():
            connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?",
                                       (numbers[name], name))  # fmt: skip
        return
    for shape in shapes:
        if sequence := _sequence_of(connection, shape):
            largest = connection.exec_driver_sql(f'SELECT coalesce(max("{shape.key[0]}"), 0) FROM "{shape.name}"')  # noqa: S608
            last = max(int(largest.scalar_one()), numbers.get(shape.name, 0))
            if last:
                connection.exec_driver_sql("SELECT setval(%s, %s)", (sequence, last))


@contextmanager
def guards_away(connection: Connection, shapes: Sequence[TableShape]) -> Iterator[None]:
    """Put the database's own guards away while the body writes rows, and back as they were."""
    if connection.dialect.name == "sqlite":
        triggers = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for name, _ in triggers:
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        yield
        for _, statement in triggers:
            connection.exec_driver_sql(statement)
        return
    for shape in shapes:
        connection.exec_driver_sql(f'ALTER TABLE "{shape.name}" DISABLE TRIGGER USER')
    yield
    for shape in shapes:
        connection.exec_driver_sql(f'ALTER TABLE "{shape.name}" ENABLE TRIGGER USER')


def empty(connection: Connection, shapes: Sequence[TableShape]) -> None:
    """Take away the rows that a new schema was made with."""
    for shape in reversed(shapes):
        connection.exec_driver_sql(f'DELETE FROM "{shape.name}"')  # noqa: S608


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainEnds:
    """A count of chains and events, and a digest of where each chain ends.

    ``is_whole``: each request, and the installation, tells the very end that its events have.
    """

    chains: int
    events: int
    digest: str
    is_whole: bool


def chain_ends(connection: Connection) -> ChainEnds:
    """Read the end of every chain, and whether its owner knows it."""
    last = select(EVENT.c.stream, func.max(EVENT.c.seq)).group_by(EVENT.c.stream)
    query = select(EVENT.c.stream, EVENT.c.seq, EVENT.c.hash).where(tuple_(EVENT.c.stream, EVENT.c.seq).in_(last))
    ends = {stream: (seq, hash_) for stream, seq, hash_ in connection.execute(query)}
    own = select(REQUEST.c.reference, REQUEST.c.chain_length, REQUEST.c.chain_head)
    owners = {reference: (length, head) for reference, length, head in connection.execute(own)}
    for length, head in connection.execute(select(INSTALLED.c.chain_length, INSTALLED.c.chain_head)):
        if length:
            owners[INSTALLATION] = (length, head)
    digest = hashlib.sha256()
    for stream in sorted(ends):
        digest.update("{} {} {}\n".format(stream, *ends[stream]).encode())
    return ChainEnds(
        chains=len(ends), events=connection.execute(select(func.count()).select_from(EVENT)).scalar_one(),
        digest=digest.hexdigest(), is_whole=ends == owners,
    )  # fmt: skip


def _text(kind: ColumnKind, value: Any) -> Any:
    if value is None or kind in (ColumnKind.PLAIN, ColumnKind.BOOLEAN):
        return value
    return base64.b64encode(value).decode() if kind is ColumnKind.BYTES else value.isoformat()


def _numbered_by_sqlite(connection: Connection) -> dict[str, int]:
    exists = "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"
    if connection.exec_driver_sql(exists).first() is None:
        return {}
    return {name: seq for name, seq in connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")}  # noqa: C416


def _sequence_of(connection: Connection, shape: TableShape) -> str | None:
    """The sequence of PostgreSQL that numbers this table; None when nothing does."""
    if len(shape.key) != 1 or not isinstance(shape.types[shape.key[0]], Integer):
        return None
    query = "SELECT pg_get_serial_sequence(%s, %s)"
    sequence: str | None = connection.exec_driver_sql(query, (f'"{shape.name}"', shape.key[0])).scalar_one()
    return sequence
