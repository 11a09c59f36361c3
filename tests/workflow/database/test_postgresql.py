"""A PostgreSQL that hangs instead of dying holds nobody for long (R82)."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.databases import fresh_database
from workflow.database import postgresql
from workflow.database.connection import Database, unbounded
from workflow.database.faults import DatabaseBusy, DatabaseFault, DatabaseUnreachable


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with fresh_database("postgresql", tmp_path) as database:
        yield database


class Frozen:
    """The one session of a read transaction, whose process is stopped: it is there, and says nothing."""

    def __init__(self, database: Database) -> None:
        with database.read() as connection:
            self.pid = int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

    def __enter__(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        os.kill(self.pid, signal.SIGCONT)


def ask(database: Database) -> int:
    with database.read() as connection:
        return int(connection.exec_driver_sql("SELECT 1").scalar_one())


@pytest.mark.rule("R82")
def test_silence__is_given_up_then_found_ended(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "SILENCE_S", 0.2)
    with Frozen(database):
        with pytest.raises(DatabaseUnreachable) as raised:
            ask(database)
        assert raised.value.fault is DatabaseFault.SILENT
    assert ask(database) == 1  # over a new connection


def test_silence__holds_one_thread_and_no_other(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "SILENCE_S", 0.2)
    with Frozen(database), pytest.raises(DatabaseUnreachable):
        ask(database)
    begun, go = threading.Event(), threading.Event()

    def probe() -> None:
        with database.read():
            begun.set()
            go.wait(20)

    prober = threading.Thread(target=probe)
    prober.start()
    assert begun.wait(20)
    with pytest.raises(DatabaseUnreachable):
        ask(database)
    go.set()
    prober.join()
    assert ask(database) == 1


def test_silence__holds_a_process_that_ends_no_longer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "LAST_S", 0.1)
    monkeypatch.setattr(postgresql, "PROBE_S", 0.1)
    with Frozen(database):
        threading.Timer(0.1, database.hurry).start()
        began = time.monotonic()
        with pytest.raises(DatabaseUnreachable):
            ask(database)
    assert time.monotonic() - began < postgresql.SILENCE_S / 2


def test_statement__that_lasts_is_ended_but_that_of_a_new_version(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "STATEMENT_S", 0.1)
    short = Database(database.url)
    with pytest.raises(DatabaseBusy) as raised, short.write() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(5)")
    assert raised.value.fault is DatabaseFault.CANCELLED
    with short.write() as connection, unbounded(short, connection):
        connection.exec_driver_sql("SELECT pg_sleep(0.2)")
    short.dispose()


def test_connection__is_kept_alive(database: Database) -> None:
    with database.read() as connection:
        driver_connection = connection.connection.driver_connection
        assert driver_connection is not None
        assert driver_connection.prepare_threshold is None
        wanted = {key: str(value) for key, value in postgresql.ARGUMENTS.items() if value is not None}
        assert wanted.items() <= driver_connection.info.get_parameters().items()


def test_pool__of_the_background_is_its_own(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05}
    monkeypatch.setattr("workflow.database.connection._POOL", pool)
    crowded = Database(database.url)
    with crowded.read():
        with pytest.raises(DatabaseBusy), crowded.read():
            pass
        with crowded.background():
            assert ask(crowded) == 1
        with crowded.aside() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    crowded.dispose()
