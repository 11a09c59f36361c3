"""Everything that a database keeps of an installation, beyond what its tables show."""

import subprocess
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from workflow.database.connection import Database


def rows(database: Database) -> str:
    """Every value of every table as text, whatever the database."""
    with database.read() as connection:
        names = inspect(connection).get_table_names()
        assert {"event", "event_note", "outgoing_mail", "seal"} <= set(names), names
        found = [tuple(row) for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"'))]
    return "\n".join(str(value) for row in found for value in row if value is not None)


def checkpoint(database: Database) -> None:
    """What was written is brought into the files of the tables; SQLite's log is emptied, over what it had there."""
    with database.engine.connect() as connection:
        if database.is_postgresql:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CHECKPOINT"))
        else:
            connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


TICK_S = 0.1
"""Seconds by which the time that a file system gives may lag behind the clock's: a whole test fits in less."""


def server_files(database: Database, since: float) -> list[Path]:
    """The files that a PostgreSQL server has written since that instant: tables, log of writes, its own log."""
    checkpoint(database)
    with database.read() as connection:
        folder = Path(_shown(connection, "data_directory"))
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime >= since - TICK_S]
    kinds = {path.relative_to(folder).parts[0] for path in files}
    assert {"base", "pg_wal"} <= kinds, kinds
    return files


def dump(database: Database) -> bytes:
    """A PostgreSQL database as its own tool saves it."""
    with database.read() as connection:
        folder = connection.execute(text("SELECT setting FROM pg_config WHERE name = 'BINDIR'")).scalar_one()
        name, socket = connection.execute(text("SELECT current_database()")).scalar_one(), connection.engine.url.query
    line = [Path(folder) / "pg_dump", "--host", str(socket["host"]), "--username", "postgres", "--no-password", name]
    done = subprocess.run(line, capture_output=True, check=False)
    assert b"outgoing_mail" in done.stdout, done.stderr
    return done.stdout


def _shown(connection: Connection, setting: str) -> str:
    return str(connection.execute(text(f"SHOW {setting}")).scalar_one())
