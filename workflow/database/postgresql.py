"""Connections to PostgreSQL: one that hangs instead of dying holds nobody for long (R82)."""

import math
import select
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from psycopg import Connection, Error, OperationalError
from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

from workflow.database.faults import DatabaseFault, DatabaseUnreachable

STATEMENT_S: Final = 20
"""Seconds after which the server ends a statement: ten times the longest of the end of a year, and of any page."""

SILENCE_S: Final = 25
"""Seconds after which a server that says nothing is given up: it would have ended the statement by itself."""

PROBE_S: Final = 3
"""The same, while it is known to be silent."""

LAST_S: Final = 15
"""The same for all statements together, once the process was told to end."""

ARGUMENTS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    # A host that vanished is found out in a minute, where Linux takes a quarter of an hour.
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    # A pooler by transactions (pgbouncer) gives each one to another session, where no statement of ours is prepared.
    "prepare_threshold": None,
}


class ServerSilent(OperationalError):
    """The server said nothing for too long. The code is that of a connection that failed."""

    sqlstate = "08006"


class Patience:
    """The time for which all the threads of a process wait for a database that says nothing.

    Once it has been silent, one thread at a time finds out whether it still is; the others are refused at once.
    """

    def __init__(self) -> None:
        self._is_silent = False
        self._ends_at = math.inf
        self._probing = threading.Lock()

    def hurry(self) -> None:
        """The process is to end: a silent database holds it for ``LAST_S`` more at most."""
        self._ends_at = time.monotonic() + LAST_S

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The time of a transaction. Raises DatabaseUnreachable when another thread waits for a silent server."""
        if not self._is_silent:
            yield
        elif self._probing.acquire(blocking=False):
            try:
                yield
                self._is_silent = False
            finally:
                self._probing.release()
        else:
            raise DatabaseUnreachable(DatabaseFault.SILENT)

    def bounded(self, work: Generator[Any, Any, Any], connection: "Connection[Any]") -> Generator[Any, Any, Any]:
        """``work`` as long as the server answers in time. Else closes the connection, and raises ServerSilent."""
        begun, ready = time.monotonic(), None
        while True:
            try:
                wanted = work.send(ready)
            except StopIteration as done:
                return done.value
            ready = yield wanted
            probed = begun + PROBE_S
            due = probed if self._is_silent else min(begun + SILENCE_S, max(self._ends_at, probed))
            if not ready and time.monotonic() > due:
                self._is_silent = True
                connection.pgconn.finish()
                raise ServerSilent("the server says nothing")


class PatientConnection(Connection[Any]):
    """psycopg's own, whose every wait is bounded; ``patience`` None waits without end."""

    patience: Patience | None = None

    def wait(self, gen: Any, *args: Any, **named: Any) -> Any:
        """Wait for the server. Raises ServerSilent."""
        return super().wait(self.patience.bounded(gen, self) if self.patience else gen, *args, **named)


def prepare_engine(engine: Engine, patience: Patience) -> None:
    """Have the engine's connections bounded, and those that a restart broke replaced."""

    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> PatientConnection:
        connection = PatientConnection.connect(*arguments, **named)
        connection.patience = patience
        try:
            connection.autocommit = True
            # Not in the options of the connection, which a pooler refuses.
            connection.execute(f"SET statement_timeout = {STATEMENT_S * 1000}")
            connection.autocommit = False
        except BaseException:  # the pool knows nothing of it yet
            connection.close()
            raise
        return connection

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkout", _still_there)


@contextmanager
def unbounded(connection: Any) -> Iterator[None]:
    """Let the statements of this transaction last: a new version of a large database takes its time."""
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    driver_connection = connection.connection.driver_connection
    patience, driver_connection.patience = driver_connection.patience, None
    try:
        yield
    finally:
        driver_connection.patience = patience


def _still_there(connection: Any, _record: Any, _proxy: Any) -> None:
    """Find out a connection that a restart of the server broke before it is used (R82).

    A server that stops says so, and sends nothing else on an idle connection: reading what is there is enough, where
    SQLAlchemy's own ``pool_pre_ping`` costs a round trip at each transaction.
    """
    poller = select.poll()
    try:
        poller.register(connection.fileno(), select.POLLIN)
        while poller.poll(0):
            connection.pgconn.consume_input()
    except Error as gone:
        raise InvalidatePoolError from gone
