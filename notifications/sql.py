"""Database helpers: columns alike on both databases, batches, inserts that skip what is stored, bulk statements.

A bulk statement is compiled once and takes many rows. The statements and the columns' types are SQLAlchemy's own; only
its walk over every parameter of every row is skipped, which for a year's end costs as much as the writing itself
(``./run bench sweep``).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Any, ClassVar, Final, TypeVar

from sqlalchemy import CheckConstraint, Connection, DateTime, Dialect, Table, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import SQLModel
from sqlmodel.main import get_column_from_field

T = TypeVar("T")
Row = dict[str, Any]
Processor = Callable[[Any], Any]

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING_CONVENTION


class StoredRow(SQLModel):
    """The base of the classes that say what a table holds, each with its ``__tablename__``.

    Rows are read and written with SQLAlchemy Core: nothing is mapped to these classes nor validated by them, which each
    process would pay for when it starts, the shortest command too.
    """

    model_config = {"defer_build": True}

    __table_args__: ClassVar[tuple[SchemaItem | dict[str, Any], ...]] = ()


def table_of(row: type[StoredRow]) -> Table:
    """Make the table that this class describes."""
    columns = []
    for name, field in row.model_fields.items():
        column = get_column_from_field(field)
        column.name = column.key = name
        columns.append(column)
    items = [item for item in row.__table_args__ if not isinstance(item, dict)]
    options = {name: value for item in row.__table_args__ if isinstance(item, dict) for name, value in item.items()}
    return Table(str(row.__tablename__), SQLModel.metadata, *columns, *items, **options)


BATCH_SIZE: Final = 1000
"""The number of values that one statement takes as bound parameters."""
ARRAYS_FROM: Final = 8
"""Below this number of rows, arrays cost more than they spare."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware on the way in and out, UTC in the database. Raises ValueError on a naive value."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime was given where an instant is meant")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A CHECK that holds a text column to the values of an enumeration, on both databases."""
    allowed = ", ".join(f"'{member.value}'" for member in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def batches(items: Iterable[T], size: int = BATCH_SIZE) -> Iterator[list[T]]:
    """Cut items into lists of at most ``size``, in order: what one statement, or one transaction, takes."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def insert_new(connection: Connection, table: Table) -> Any:
    """Build an INSERT that leaves out the rows whose key is stored already, perhaps by another node.

    On PostgreSQL it waits for whoever else is writing the same key.
    """
    return dialect_insert(connection.dialect.name, table).on_conflict_do_nothing()


def upsert(connection: Connection, table: Table, row: Row, keys: Sequence[str]) -> Any:
    """Build an INSERT of one row that replaces the one stored under the same ``keys``, perhaps at the same instant."""
    return (
        dialect_insert(connection.dialect.name, table)
        .values(row)
        .on_conflict_do_update(index_elements=list(keys), set_=row)
    )


def dialect_insert(dialect: str, table: Table) -> Any:
    """Build an INSERT, for the database of this name, that can say what it does about a row that is there already."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns; a column left out takes the database's default."""
    if rows:
        statement = _array_insert if _takes_arrays(connection, rows) else _insert
        _execute(connection, statement(table, tuple(rows[0]), connection.dialect), rows)


def update_rows(
    connection: Connection, table: Table, keys: tuple[str, ...], columns: tuple[str, ...], rows: Sequence[Row]
) -> int:
    """Update ``columns`` of the rows found by ``keys`` (given as ``b_<key>``); returns how many were found."""
    if not rows:
        return 0
    statement = _array_update if _takes_arrays(connection, rows) else _update
    return _execute(connection, statement(table, keys, columns, connection.dialect), rows)


def _takes_arrays(connection: Connection, rows: Sequence[Row]) -> bool:
    return len(rows) >= ARRAYS_FROM and connection.dialect.name == "postgresql"


def _execute(connection: Connection, statement: "_RowStatement | _ArrayStatement", rows: Sequence[Row]) -> int:
    return connection.exec_driver_sql(statement.text, statement.parameters(rows)).rowcount


def _converted(process: Processor | None, values: list[Any]) -> list[Any]:
    """Convert a column's values to the driver's form, each different one once: most columns repeat a few."""
    if process is None:
        return values
    results: dict[Any, Any] = {}
    return [results[v] if v in results else results.setdefault(v, process(v)) for v in values]


class _RowStatement:
    """A statement as its driver takes it, with the conversion of each parameter."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.text = str(compiled)
        self._positional = compiled.positional
        self._processors = {
            name: compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            for name in compiled.positiontup or compiled.bind_names.values()
        }

    def parameters(self, rows: Sequence[Row]) -> Any:
        """Convert each row. A single one is executed plainly: psycopg exchanges three messages for a list of one."""
        columns = [_converted(process, [row[name] for row in rows]) for name, process in self._processors.items()]
        values: list[Any] = list(zip(*columns, strict=True))
        if not self._positional:
            values = [dict(zip(self._processors, value, strict=True)) for value in values]
        return values[0] if len(values) == 1 else values


@lru_cache(maxsize=256)
def _insert(table: Table, columns: tuple[str, ...], dialect: Dialect) -> _RowStatement:
    return _RowStatement(insert(table).compile(dialect=dialect, column_keys=list(columns)), dialect)


@lru_cache(maxsize=256)
def _update(table: Table, keys: tuple[str, ...], columns: tuple[str, ...], dialect: Dialect) -> _RowStatement:
    where = (table.c[key] == bindparam(f"b_{key}", type_=table.c[key].type) for key in keys)
    values = {name: bindparam(name, type_=table.c[name].type) for name in columns}
    return _RowStatement(update(table).where(*where).values(values).compile(dialect=dialect), dialect)


class _ArrayStatement:
    """A statement whose every parameter is a column of values: PostgreSQL executes it once, not once a row.

    The placeholders say « binary » (``%b``): as text, psycopg would escape each value of each array.
    """

    def __init__(self, text: str, columns: dict[str, TypeEngine[Any]], dialect: Dialect) -> None:
        # an array's type has no collation of its own: that of the column holds
        types = (kind.compile(dialect).partition(" COLLATE ")[0] for kind in columns.values())
        arrays = ", ".join(f"%b::{name}[]" for name in types)
        self.text = text.replace("$rows", f"unnest({arrays})")
        self._processors = {
            name: kind.dialect_impl(dialect).bind_processor(dialect) for name, kind in columns.items()
        }  # fmt: skip

    def parameters(self, rows: Sequence[Row]) -> tuple[list[Any], ...]:
        return tuple(_converted(process, [row[name] for row in rows]) for name, process in self._processors.items())


@lru_cache(maxsize=256)
def _array_insert(table: Table, names: tuple[str, ...], dialect: Dialect) -> _ArrayStatement:
    columns = {name: table.c[name].type for name in names}
    quote = dialect.identifier_preparer.quote
    into = f"{quote(table.name)} ({', '.join(map(quote, names))})"
    return _ArrayStatement(f"INSERT INTO {into} SELECT * FROM $rows", columns, dialect)  # noqa: S608  our tables' own names


@lru_cache(maxsize=256)
def _array_update(table: Table, keys: tuple[str, ...], names: tuple[str, ...], dialect: Dialect) -> _ArrayStatement:
    columns = {f"b_{key}": table.c[key].type for key in keys} | {name: table.c[name].type for name in names}
    quote = dialect.identifier_preparer.quote
    target = quote(table.name)
    sets = ", ".join(f"{quote(name)} = source.{quote(name)}" for name in names)
    where = " AND ".join(f"{target}.{quote(key)} = source.{quote(f'b_{key}')}" for key in keys)
    source = f"$rows AS source({', '.join(map(quote, columns))})"
    return _ArrayStatement(f"UPDATE {target} SET {sets} FROM {source} WHERE {where}", columns, dialect)  # noqa: S608  as above
