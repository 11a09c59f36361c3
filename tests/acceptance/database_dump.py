"""Everything that a database keeps of an installation, beyond what its tables show."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from workflow.database.connection import Database


def rows(database: Database) -> list[str]:
    """Every row of every table, its values as text, whatever the database."""
    with database.read() as connection:
        names = inspect(connection).get_table_names()
        assert {"event", "event_note", "outgoing_mail", "seal"} <= set(names), names
        all_rows = [tuple(row) for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"'))]
    return ["\n".join(str(value) for value in row if value is not None) for row in all_rows]


def checkpoint(database: Database) -> None:
    """What was written is brought into the files of the tables; SQLite's log is emptied, over what it had there."""
    with database.engine.connect() as connection:
        if database.is_postgresql:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CHECKPOINT"))
        else:
            connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


TICK_S = 0.1
"""Seconds by which the time that a file system gives may lag behind the clock's: a whole test fits in less."""


LOG = "pg_wal"


def log_position(database: Database) -> int:
    """How many bytes a PostgreSQL server has put into its log of writes; none with SQLite."""
    if not database.is_postgresql:
        return 0
    with database.read() as connection:
        return int(connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'")).scalar_one())


def server_files(database: Database, since: float, position: int) -> Iterator[tuple[Path, bytes]]:
    """What a PostgreSQL server has written since that instant: tables, its own log, and its log of writes.

    Of this log, what was written since that position: its files of 16 MB hold other tests' writes before, and after it
    nothing or those of a file that serves again.
    """
    checkpoint(database)
    end = log_position(database)
    with database.read() as connection:
        folder = Path(_setting_value(connection, "data_directory"))
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime >= since - TICK_S]
    kinds = {path.relative_to(folder).parts[0] for path in files}
    assert {"base", LOG} <= kinds, kinds
    for path in files:
        content = path.read_bytes()
        if path.parent.name == LOG:
            high, low = int(path.name[8:16], 16), int(path.name[16:], 16)
            begin = (high << 32) + low * len(content)
            content = content[max(position - begin, 0) : max(end - begin, 0)]
        yield path, content


def dump(database: Database) -> bytes:
    """A PostgreSQL database as its own tool saves it."""
    with database.read() as connection:
        folder = connection.execute(text("SELECT setting FROM pg_config WHERE name = 'BINDIR'")).scalar_one()
        name, socket = connection.execute(text("SELECT current_database()")).scalar_one(), connection.engine.url.query
    line = [Path(folder) / "pg_dump", "--host", str(socket["host"]), "--username", "postgres", "--no-password", name]
    done = subprocess.run(line, capture_output=True, check=False)
    assert b"outgoing_mail" in done.stdout, done.stderr
    return done.stdout


def _setting_value(connection: Connection, setting: str) -> str:
    return str(connection.execute(text(f"SHOW {setting}")).scalar_one())
