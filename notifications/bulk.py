"""Many rows in one statement, compiled once: what SQLAlchemy does for each row is done for the statement.

The statements and the columns' types are SQLAlchemy's own; only its walk over every parameter of every row is
skipped, which for a year's end costs as much as the writing itself (``./run bench sweep``).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, insert, update
from sqlalchemy.sql.compiler import SQLCompiler

from notifications import bulk_arrays
from notifications.bulk_arrays import Row, converted


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
        arrays = bulk_arrays.insertion(table, tuple(rows[0]), connection.dialect)
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
        arrays = bulk_arrays.change(table, keys, columns, connection.dialect)
        return connection.exec_driver_sql(arrays.text, arrays.arrays(rows)).rowcount
    statement = _update(table, keys, columns, connection.dialect)
    return connection.exec_driver_sql(statement.text, _alone(statement.rows(rows))).rowcount


def _alone(values: list[Any]) -> Any:
    """A row by itself is one plain execution: psycopg makes three exchanges with the server of a list of one."""
    return values[0] if len(values) == 1 else values


def _as_arrays(connection: Connection, rows: Sequence[Row]) -> bool:
    return len(rows) >= bulk_arrays.FROM and connection.dialect.name == "postgresql"
