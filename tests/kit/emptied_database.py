"""A PostgreSQL database emptied for the next test: to clone one copies 600 files and waits for three checkpoints."""

import time
from typing import Any, Final, LiteralString

import psycopg

SETTLED_S: Final = 0.2
"""Seconds for the sessions of closed connections to end; one that stays longer is of something still running."""

MOST_ROWS: Final = 3000
"""Rows deleted in one database: nothing vacuums it, and each later test would read past them."""

_OURS: Final = "relnamespace = 'public'::regnamespace AND relname NOT IN ('actor', 'alembic_version') ORDER BY relname"

_ACTORS: Final = "SELECT jsonb_agg(actor ORDER BY number)::text FROM actor"

_SCHEMA: Final = """
    SELECT
        (SELECT sum(hashtext(xmin::text || oid)) FROM pg_class),
        (SELECT sum(hashtext(xmin::text || attnum)) FROM pg_attribute WHERE attrelid >= 16384),
        (SELECT sum(hashtext(xmin::text || oid)) FROM pg_constraint WHERE oid >= 16384),
        (SELECT sum(hashtext(xmin::text || oid)) FROM pg_trigger WHERE oid >= 16384),
        (SELECT sum(hashtext(xmin::text || oid)) FROM pg_proc WHERE oid >= 16384),
        (SELECT sum(hashtext(xmin::text || setrole)) FROM pg_db_role_setting),
        (SELECT string_agg(version_num, ',') FROM alembic_version)
"""
"""What is different after any statement that changes the schema, its settings, or the version of the tables."""

_SESSIONS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class EmptiedDatabase:
    """A cloned database, and the one connection that brings it back to what it was."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self._deleted = 0
        self._connection = psycopg.connect(address, autocommit=True)
        self._connection.execute("SET session_replication_role = replica")  # rows go in any order
        tables = [name for (name,) in self._ask(f"SELECT relname FROM pg_class WHERE relkind = 'r' AND {_OURS}")]
        self._filled = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables)
        sequences = [name for (name,) in self._ask(f"SELECT relname FROM pg_class WHERE relkind = 'S' AND {_OURS}")]
        states = [(name, *self._ask(f"SELECT last_value, is_called FROM {name}")[0]) for name in sequences]
        self._rewind = "SELECT " + ", ".join(f"setval('{name}', {last}, {called})" for name, last, called in states)
        self._schema = self._ask(_SCHEMA)
        self._actors = self._ask(_ACTORS)

    def empty(self) -> bool:
        """Bring it back. False when it has served: somebody is still there, its schema changed, it is worn."""
        try:
            return self._is_emptied()
        except psycopg.OperationalError:  # the test ended every session
            return False

    def close(self) -> None:
        """Give up the connection, so that the database can be dropped."""
        self._connection.close()

    def _is_emptied(self) -> bool:
        if not self._is_quiet() or self._ask(_SCHEMA) != self._schema:
            return False
        for (table,) in self._ask(self._filled):
            self._delete(table)
        if self._ask(_ACTORS) != self._actors:
            self._delete("actor")
            insert = "INSERT INTO actor SELECT * FROM jsonb_populate_recordset(NULL::actor, %s::jsonb)"
            self._connection.execute(insert, self._actors[0])
        self._ask(self._rewind)
        return self._deleted < MOST_ROWS

    def _is_quiet(self) -> bool:
        ends_at = time.monotonic() + SETTLED_S
        while self._ask(_SESSIONS) != [(0,)]:
            if time.monotonic() > ends_at:
                return False
            time.sleep(0.002)
        return True

    def _ask(self, query: LiteralString) -> list[Any]:
        return self._connection.execute(query, prepare=True).fetchall()

    def _delete(self, table: LiteralString) -> None:
        self._deleted += self._connection.execute(f"DELETE FROM {table}", prepare=True).rowcount
