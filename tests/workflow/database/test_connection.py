"""A database that goes away or has no connection left is named so, and is found again by itself (R82)."""

from pathlib import Path

import pytest

from tests.kit.databases import fresh_database
from workflow.database.connection import Database
from workflow.database.faults import DatabaseBusy, DatabaseUnreachable


def cut(database: Database) -> None:
    """End every other connection to this database, as a restart of the server does; once it returns, they are gone."""
    ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    others = f"{ended} WHERE datname = current_database() AND pid <> "
    with database.aside() as connection:
        connection.exec_driver_sql(f"{others} pg_backend_pid()")


def cut_in(database: Database, *, write: bool) -> None:
    with (database.write if write else database.read)() as connection:
        connection.exec_driver_sql("SELECT 1")
        cut(database)
        connection.exec_driver_sql("SELECT 1")


def cut_at_the_end(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE lost (n integer)")
        cut(database)


@pytest.mark.rule("R82")
@pytest.mark.parametrize("write", [False, True])
def test_connection__cut_in_a_transaction_is_unreachable_then_found_again(tmp_path: Path, write: bool) -> None:
    with fresh_database("postgresql", tmp_path) as database:
        with pytest.raises(DatabaseUnreachable):
            cut_in(database, write=write)
        with database.write() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1


@pytest.mark.rule("R82")
def test_connection__cut_at_its_commit_is_unreachable(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as database:
        with pytest.raises(DatabaseUnreachable):
            cut_at_the_end(database)
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT to_regclass('lost')").scalar_one() is None


@pytest.mark.rule("R82")
def test_pool__every_idle_connection_that_was_cut_is_replaced(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as database:
        opened = [database.read() for _ in range(4)]
        for reading in opened:
            reading.__enter__().exec_driver_sql("SELECT 1")
        for reading in opened:
            reading.__exit__(None, None, None)
        cut(database)
        for _ in range(5):
            with database.read() as connection:
                assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_pool__exhausted_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.database.connection._POOL", {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05})
    with (
        fresh_database("postgresql", tmp_path) as database,
        database.read(),
        pytest.raises(DatabaseBusy),
        database.read(),
    ):
        pass
