"""What one test leaves in a database of PostgreSQL, the next never finds."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from states.vocabulary import State
from tests.kit import databases
from tests.kit.databases import fresh_database
from tests.workflow.requests.office import Office
from workflow.database.connection import Database

_RELATIONS = "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname"


def _content(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        kinds = connection.execute(text(_RELATIONS)).all()
        rows = {
            name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}")))) for name, k in kinds if k == "r"
        }
        return rows | {
            name: connection.execute(text(f"SELECT last_value, is_called FROM {name}")).one()
            for name, k in kinds
            if k == "S"
        }


@pytest.fixture
def new(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[], AbstractContextManager[Database]]]:
    """The database of the next test, of those alone that this one emptied."""
    monkeypatch.setattr(databases, "_empty", [])
    yield lambda: fresh_database("postgresql", tmp_path)
    for database in databases._empty:
        databases._drop(database)


def test_rows_and_numbers__are_those_of_a_clone(new: Callable[[], AbstractContextManager[Database]]) -> None:
    with new() as database:
        cloned = _content(database)
        Office(database).request(State.REVOKED)
        assert sum(_content(database)[name] != before for name, before in cloned.items()) > 10
    with new() as again:
        assert again.url.database == database.url.database
        assert _content(again) == cloned


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE seal ADD COLUMN more integer",
        "DROP INDEX {index}",
        "CREATE TABLE more (number integer)",
        "ALTER TABLE delegation_request DISABLE TRIGGER USER",
        "CREATE FUNCTION more() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_schema__once_changed_serves_no_other_test(
    new: Callable[[], AbstractContextManager[Database]], change: str
) -> None:
    with new() as database, database.write() as connection:
        index = connection.execute(
            text("SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix_%' LIMIT 1")
        )
        connection.execute(text(change.format(index=index.scalar_one())))
    with new() as other:
        assert other.url.database != database.url.database


def test_session__that_outlives_its_test_serves_no_other(new: Callable[[], AbstractContextManager[Database]]) -> None:
    with new() as database:
        outliving = Database(database.url)
        with outliving.read() as connection:
            connection.execute(text("SELECT 1"))
    with new() as other:
        assert other.url.database != database.url.database
    outliving.dispose()
