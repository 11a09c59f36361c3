"""Many rows at once: on PostgreSQL as arrays, elsewhere row by row, and nobody can tell which (both databases)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Date, Float, Integer, MetaData, String, Table, Text, select

from notifications.sql import ARRAYS_FROM, UtcDateTime, insert_rows, update_rows
from tests.kit.databases import fresh_url
from workflow.database.connection import Database

NOON = datetime(2026, 10, 12, 10, 0, 0, 123456, tzinfo=UTC)
EVERY = Table(
    "every kind", MetaData(),
    Column("order", Integer, primary_key=True), Column("key", String, nullable=False), Column("at", UtcDateTime()),
    Column("on", Date), Column("is_so", Boolean), Column("share", Float), Column("body", Text),
    Column("sorted", Text().with_variant(Text(collation="C"), "postgresql")),
    Column("left_out", String, server_default="par défaut"),
)  # fmt: skip
"""A table of every type that ours have, whose names are words of SQL."""


def row(number: int) -> dict[str, Any]:
    odd = number % 2 == 1
    return {
        "order": number, "key": f"clé « {number} »", "at": NOON + timedelta(seconds=number) if odd else None,
        "on": date(2027, 8, 31) if odd else None, "is_so": odd, "share": number / 3 if odd else None,
        "body": ["{a,b}", "NULL", "", '"\\', "l'été\nà %s %b 100 %", None][number % 6],
        "sorted": f"mot {number}",
    }  # fmt: skip


@pytest.fixture
def database(backend: str, tmp_path: Path) -> Iterator[Database]:
    with fresh_url(backend, tmp_path) as url:
        database = Database(url)
        with database.write() as connection:
            EVERY.metadata.create_all(connection)
        yield database
        database.dispose()


def stored_rows(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(item._mapping) for item in connection.execute(select(EVERY).order_by(EVERY.c.order))]


SIZES = [1, ARRAYS_FROM - 1, ARRAYS_FROM, 501]


@pytest.mark.parametrize("size", SIZES)
def test_insert__each_value_comes_back(database: Database, size: int) -> None:
    rows = [row(number) for number in range(size)]
    with database.write() as connection:
        insert_rows(connection, EVERY, rows)
    assert stored_rows(database) == [item | {"left_out": "par défaut"} for item in rows]


@pytest.mark.parametrize("size", SIZES)
def test_update__only_the_rows_that_are_found(database: Database, size: int) -> None:
    with database.write() as connection:
        insert_rows(connection, EVERY, [row(number) for number in range(size)])
        changed = [
            {"b_order": n, "b_key": f"clé « {n} »" if n % 3 else "une autre", **row(n + 1) | {"order": n}}
            for n in range(size)
        ]
        names = ("at", "on", "is_so", "share", "body")
        count = update_rows(connection, EVERY, ("order", "key"), names, changed)
    right = [n for n in range(size) if n % 3]
    assert count == len(right)
    expected = [row(n) | {name: row(n + 1)[name] for name in names} if n in right else row(n) for n in range(size)]
    assert stored_rows(database) == [item | {"left_out": "par défaut"} for item in expected]


def test_nothing__asks_nothing(database: Database) -> None:
    with database.write() as connection:
        insert_rows(connection, EVERY, [])
        assert update_rows(connection, EVERY, ("order",), ("key",), []) == 0
    assert stored_rows(database) == []
