"""One database, SQLite or PostgreSQL, as transactions; guards against a shared SQLite file (docs/adr/0003)."""

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, Pool, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from workflow.database.tables import NODE

BUSY_SECONDS: Final = 10

_POOL: Final[dict[str, Any]] = {"pool_timeout": BUSY_SECONDS}


class DatabaseBusy(Exception):
    """La base est occupée par un autre traitement depuis plus de 10 secondes : recommencer dans un instant."""


class DatabaseUnreachable(Exception):
    """La base de données ne répond pas : vérifier database.url et que le serveur est démarré."""


class Database:
    """Transactions on one database; the same code for both engines.

    On SQLite a write transaction takes the writer's lock at once (``BEGIN IMMEDIATE``), after a lock of this
    process: a reader that turned writer would fail whatever the time-out.
    """

    def __init__(self, url: str | URL) -> None:
        self.engine = _engine(make_url(url))
        self.is_postgresql = self.engine.dialect.name == "postgresql"
        self._writer = threading.Lock()
        self._aside = _engine(make_url(url), NullPool)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a write transaction. Raises DatabaseBusy after 10 s without the lock, DatabaseUnreachable."""
        if self.is_postgresql:
            with self._opened(write=True) as connection:
                yield connection
            return
        if not self._writer.acquire(timeout=BUSY_SECONDS):
            raise DatabaseBusy
        try:
            with self._opened(write=True) as connection:
                yield connection
        finally:
            self._writer.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction: one consistent picture of the whole database."""
        with self._opened(write=False) as connection:
            yield connection

    @contextmanager
    def _opened(self, *, write: bool) -> Iterator[Connection]:
        options: dict[str, Any] = {"oda_write": write}
        if self.is_postgresql and not write:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        try:
            with self.engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise _translated(error) from error
        except PoolTimeout as error:  # every connection of the pool is in use
            raise DatabaseBusy from error

    @contextmanager
    def aside(self) -> Iterator[Connection]:
        """Open a connection outside the pool and outside any transaction. Raises DatabaseUnreachable."""
        try:
            with self._aside.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                yield connection
        except DBAPIError as error:
            raise _translated(error) from error

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _translated(error: DBAPIError) -> Exception:
    """Return DatabaseBusy or DatabaseUnreachable for what means it, any other error as it is."""
    text = str(error.orig).lower()
    if "database is locked" in text or "database table is locked" in text:
        return DatabaseBusy()
    if error.connection_invalidated or (isinstance(error, OperationalError) and "connection" in text):
        return DatabaseUnreachable()
    if "unable to open database file" in text:
        return DatabaseUnreachable()
    return error


def _engine(url: URL, poolclass: type[Pool] = QueuePool) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url, hide_parameters=True, poolclass=poolclass,
            connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        )  # fmt: skip
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url, hide_parameters=True, poolclass=poolclass, connect_args={"connect_timeout": BUSY_SECONDS},
        **(_POOL if poolclass is QueuePool else {}),
    )  # fmt: skip
    event.listen(engine, "checkout", _still_there)
    return engine


def _still_there(connection: Any, _record: Any, _proxy: Any) -> None:
    """Find out a connection that a restart of the server broke before it is used (R82).

    A server that stops says so, and sends nothing else on an idle connection: reading what is there is enough, where
    SQLAlchemy's own ``pool_pre_ping`` costs a round trip at each transaction.
    """
    from psycopg import Error  # loaded by the driver; SQLite does without

    poller = select.poll()
    try:
        poller.register(connection.fileno(), select.POLLIN)
        while poller.poll(0):
            connection.pgconn.consume_input()
    except Error as gone:
        raise InvalidatePoolError from gone


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Set what SQLite does not by default: foreign keys, and no erased secret left in free pages."""
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("oda_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "fuse.sshfs", "lustre", "ocfs2", "gfs2"}
)


OTHER_MACHINE: Final = timedelta(minutes=2)
"""After its last tick another machine holds a SQLite file for this long."""


class SharedFile(Exception):
    """La base SQLite est sur un disque réseau : elle s'y abîmerait. La mettre sur un disque local, ou prendre
    PostgreSQL (database.url)."""


class FileMissing(Exception):
    """Le fichier de la base n'existe pas : vérifier le réglage database.url et que son disque est monté. S'il a
    disparu, restaurer une sauvegarde ; pour une installation nouvelle, lancer « oda database upgrade »."""


class OtherMachine(Exception):
    """Une autre machine utilise cette base SQLite : l'arrêter, ou prendre PostgreSQL (database.url)."""


def this_host() -> str:
    return socket.gethostname()


def file_system_of(path: Path, mounts: str) -> str:
    """Return the type of file system that holds ``path``, from the text of ``/proc/mounts``; empty when unknown."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        mount_point = fields[1].replace("\\040", " ")
        is_inside = path == Path(mount_point) or Path(mount_point) in path.parents
        if is_inside and len(mount_point) >= len(best):
            best, kind = mount_point, fields[2]
    return kind


def make_private(path: Path) -> None:
    """Create a file that this account alone reads, unless it exists: the database will hold personal data."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT, 0o600))


def refuse_network_file(url: str, mounts: Path = Path("/proc/mounts")) -> None:
    """Raise SharedFile when a SQLite file lies on a network disk, as far as the mounts can be read."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or not mounts.exists():
        return
    if file_system_of(Path(parsed.database).resolve(), mounts.read_text()) in NETWORK_FILE_SYSTEMS:
        raise SharedFile


def refuse_missing_file(url: str) -> None:
    """Raise FileMissing: SQLite would create an empty file, and an unmounted disk would look like a new start."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
        raise FileMissing


def refuse_other_machine(connection: Connection, now: datetime, host: str) -> None:
    """Raise OtherMachine when another host ticked on this SQLite file in the last two minutes."""
    recent = (NODE.c.seen_at > now - OTHER_MACHINE, NODE.c.seen_at <= now + OTHER_MACHINE)
    if connection.execute(NODE.select().where(NODE.c.host != host, *recent)).first():
        raise OtherMachine
