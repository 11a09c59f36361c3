"""Many rows in one statement, compiled once: what SQLAlchemy does for each row is done for the statement.

The statements and the columns' types are SQLAlchemy's own; only its walk over every parameter of every row is
skipped, which for a year's end costs as much as the writing itself (``./run bench sweep``).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import CheckConstraint, Connection, DateTime, Dialect, Table, bindparam, insert, update
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import SQLModel

# Many rows as one array a column: PostgreSQL then executes the statement once, instead of once a row.


Row = dict[str, Any]


Processor = Callable[[Any], Any]


FROM: Final = 8
"""Below this number of rows, what the arrays cost is more than what they spare."""


class ArrayStatement:
    """A statement as the driver takes it, whose every parameter is a column of values.

    The placeholders say « binary » (``%b``): as text, psycopg would escape each value of each array.
    """

    def __init__(self, text: str, columns: dict[str, TypeEngine[Any]], dialect: Dialect) -> None:
        self.text = text
        self._processors = {
            name: kind.dialect_impl(dialect).bind_processor(dialect) for name, kind in columns.items()
        }  # fmt: skip

    def arrays(self, rows: Sequence[Row]) -> tuple[list[Any], ...]:
        """Each column's values in the driver's form."""
        return tuple(
            converted(process, [row[name] for row in rows]) for name, process in self._processors.items()
        )  # fmt: skip


def converted(process: Processor | None, values: list[Any]) -> list[Any]:
    """A column's values in the driver's form, each different one converted once: most columns repeat a few."""
    if process is None:
        return values
    seen: dict[Any, Any] = {}
    return [seen[v] if v in seen else seen.setdefault(v, process(v)) for v in values]


@lru_cache(maxsize=256)
def insertion(table: Table, names: tuple[str, ...], dialect: Dialect) -> ArrayStatement:
    """The insertion of rows that have these columns."""
    columns = {name: table.c[name].type for name in names}
    quote = dialect.identifier_preparer.quote
    into = f"{quote(table.name)} ({', '.join(map(quote, names))})"
    return ArrayStatement(f"INSERT INTO {into} SELECT * FROM {_given(columns, dialect)}", columns, dialect)  # noqa: S608  our tables' own names


@lru_cache(maxsize=256)
def change(table: Table, keys: tuple[str, ...], names: tuple[str, ...], dialect: Dialect) -> ArrayStatement:
    """The update of ``names`` in the rows found by ``keys``, given as ``b_<key>``."""
    columns = {f"b_{key}": table.c[key].type for key in keys} | {name: table.c[name].type for name in names}
    quote = dialect.identifier_preparer.quote
    place = quote(table.name)
    sets = ", ".join(f"{quote(name)} = given.{quote(name)}" for name in names)
    found = " AND ".join(f"{place}.{quote(key)} = given.{quote(f'b_{key}')}" for key in keys)
    given = f"{_given(columns, dialect)} AS given({', '.join(map(quote, columns))})"
    return ArrayStatement(f"UPDATE {place} SET {sets} FROM {given} WHERE {found}", columns, dialect)  # noqa: S608  as above


def _given(columns: dict[str, TypeEngine[Any]], dialect: Dialect) -> str:
    return f"unnest({', '.join(f'%b::{kind.compile(dialect)}[]' for kind in columns.values())})"


class _Compiled:
    """A statement as its driver takes it, with what each value goes through on its way in."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.text = str(compiled)
        self._names = tuple(compiled.positiontup or compiled.bind_names.values())
        self._positional = compiled.positional
        found = {name: compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in self._names}
        self._processors = {name: process for name, process in found.items() if process}

    def rows(self, rows: Sequence[Row]) -> list[Any]:
        """The values of each row in the driver's form."""
        columns = [converted(self._processors.get(name), [row[name] for row in rows]) for name in self._names]
        if self._positional:
            return list(zip(*columns, strict=True))
        return [dict(zip(self._names, values, strict=True)) for values in zip(*columns, strict=True)]


@lru_cache(maxsize=256)
def _insert(table: Table, columns: tuple[str, ...], dialect: Dialect) -> _Compiled:
    return _Compiled(insert(table).compile(dialect=dialect, column_keys=list(columns)), dialect)


@lru_cache(maxsize=256)
def _update(table: Table, keys: tuple[str, ...], columns: tuple[str, ...], dialect: Dialect) -> _Compiled:
    where = (table.c[key] == bindparam(f"b_{key}", type_=table.c[key].type) for key in keys)
    statement = (
        update(table).where(*where).values({name: bindparam(name, type_=table.c[name].type) for name in columns})
    )
    return _Compiled(statement.compile(dialect=dialect), dialect)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns; a column left out takes the database's default."""
    if _as_arrays(connection, rows):
        arrays = insertion(table, tuple(rows[0]), connection.dialect)
        connection.exec_driver_sql(arrays.text, arrays.arrays(rows))
    elif rows:
        statement = _insert(table, tuple(rows[0]), connection.dialect)
        connection.exec_driver_sql(statement.text, _alone(statement.rows(rows)))


def update_rows(
    connection: Connection, table: Table, keys: tuple[str, ...], columns: tuple[str, ...], rows: Sequence[Row]
) -> int:
    """Update ``columns`` of the rows found by ``keys`` (given as ``b_<key>``); returns how many were found."""
    if not rows:
        return 0
    if _as_arrays(connection, rows):
        arrays = change(table, keys, columns, connection.dialect)
        return connection.exec_driver_sql(arrays.text, arrays.arrays(rows)).rowcount
    statement = _update(table, keys, columns, connection.dialect)
    return connection.exec_driver_sql(statement.text, _alone(statement.rows(rows))).rowcount


def _alone(values: list[Any]) -> Any:
    """A row by itself is one plain execution: psycopg makes three exchanges with the server of a list of one."""
    return values[0] if len(values) == 1 else values


def _as_arrays(connection: Connection, rows: Sequence[Row]) -> bool:
    return len(rows) >= FROM and connection.dialect.name == "postgresql"


# Long lists cut to the size that one statement takes.


T = TypeVar("T")


SIZE = 1000


def in_batches(items: Iterable[T], size: int = SIZE) -> Iterator[list[T]]:
    """The items in lists of at most ``size``, in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


# Columns that behave the same on SQLite and PostgreSQL, for the tables of both rooms.


NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


SQLModel.metadata.naming_convention = NAMING_CONVENTION


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
    """A text column held to the values of an enumeration, by a CHECK that both databases enforce."""
    allowed = ", ".join(f"'{member.value}'" for member in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)
