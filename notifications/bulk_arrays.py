"""Many rows as one array a column: PostgreSQL then executes the statement once, instead of once a row."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Dialect, Table
from sqlalchemy.types import TypeEngine

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
