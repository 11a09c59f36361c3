"""One database, SQLite or PostgreSQL, as transactions; guards against a shared SQLite file (docs/adr/0003)."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from workflow.database.faults import CANNOT_WRITE, DatabaseBusy, DatabaseFault, DatabaseUnreachable, trouble_of
from workflow.database.schedule_tables import NODE

if TYPE_CHECKING:
    from workflow.database.postgresql import Patience

BUSY_SECONDS: Final = 10

_POOL: Final[dict[str, Any]] = {"pool_size": 5, "max_overflow": 7, "pool_timeout": BUSY_SECONDS}

_BACKGROUND_POOL: Final[dict[str, Any]] = {"pool_size": 2, "max_overflow": 3, "pool_timeout": BUSY_SECONDS}

LARGEST_WAL: Final = 16 * 1024 * 1024
"""Bytes to which SQLite cuts its write-ahead file back, once the long reader that made it grow has gone."""

_AFTER_COMMIT: Final = "oda_after_commit"

_in_background: Final[ContextVar[bool]] = ContextVar("in_background", default=False)

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "fuse.sshfs", "lustre", "ocfs2", "gfs2"}
)

REMEMBERED_S: Final = 300
"""Seconds for which a refusal to write is remembered: some writes still fit on a full disk."""

OTHER_MACHINE: Final = timedelta(minutes=2)
"""After its last tick another machine holds a SQLite file for this long."""


class Database:
    """Transactions on one database; the same code for both engines.

    On SQLite a write transaction takes the writer's lock at once (``BEGIN IMMEDIATE``), after a lock of this
    process: a reader that turned writer would fail whatever the time-out.
    """

    def __init__(self, url: str | URL) -> None:
        self.url = make_url(url)
        self.is_postgresql = self.url.get_backend_name() == "postgresql"
        self._patience = _patience() if self.is_postgresql else None
        self.engine = _engine(self.url, self._patience, _POOL)
        self._background = _engine(self.url, self._patience, _BACKGROUND_POOL)
        self._aside = _engine(self.url, self._patience, None)
        self._writer = threading.Lock()
        self._refused_writing: tuple[DatabaseFault, float] | None = None

    @property
    def refused_writing(self) -> DatabaseFault | None:
        """The reason why it has not let this process write lately; None when it has not refused."""
        fault, at = self._refused_writing or (None, 0.0)
        return fault if time.monotonic() - at < REMEMBERED_S else None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a write transaction. Raises DatabaseBusy after 10 s without the lock, DatabaseUnreachable."""
        after: list[Callable[[], None]] = []
        with self._turn_to_write(), self._opened(write=True, after=after) as connection:
            yield connection
        for action in after:
            action()

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        if self.is_postgresql:
            yield
            return
        if not self._writer.acquire(timeout=BUSY_SECONDS):
            raise DatabaseBusy
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction: one consistent picture of the whole database."""
        with self._opened(write=False) as connection:
            yield connection

    @contextmanager
    def _opened(self, *, write: bool, after: list[Callable[[], None]] | None = None) -> Iterator[Connection]:
        options: dict[str, Any] = {"oda_write": write, _AFTER_COMMIT: after}
        if self.is_postgresql and not write:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        engine = self._background if _in_background.get() else self.engine
        with self._translating(), engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def aside(self) -> Iterator[Connection]:
        """Open a connection outside the pools and outside any transaction. Raises DatabaseUnreachable."""
        if not self.is_postgresql and self.url.database and not Path(self.url.database).exists():
            raise DatabaseUnreachable(DatabaseFault.CANNOT_OPEN)  # SQLite would make an empty file
        options = {"isolation_level": "AUTOCOMMIT"}
        with self._translating(), self._aside.connect().execution_options(**options) as connection:
            yield connection

    @contextmanager
    def background(self) -> Iterator[None]:
        """Let this thread, and those that it begins by asyncio, draw from the pool of what works without a visitor.

        However many visitors wait for a connection, the schedule and the mails have theirs.
        """
        token = _in_background.set(True)
        try:
            yield
        finally:
            _in_background.reset(token)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            with self._patience.turn() if self._patience else nullcontext():
                yield
        except DBAPIError as error:
            if trouble := trouble_of(error):
                if trouble.fault in CANNOT_WRITE:
                    self._refused_writing = trouble.fault, time.monotonic()
                raise trouble from error
            raise
        except PoolTimeout as error:  # every connection of the pool is in use
            raise DatabaseBusy from error

    def hurry(self) -> None:
        """The process is to end: a database that hangs holds it for some seconds more at most."""
        if self._patience:
            self._patience.hurry()

    def dispose(self) -> None:
        """Close every pooled connection."""
        for engine in (self.engine, self._background, self._aside):
            engine.dispose()


def after_commit(connection: Connection, action: Callable[[], None]) -> None:
    """Do this once the write transaction of this connection is committed, and the writer's lock given back.

    Nothing is done for one that is undone. ``action`` raises nothing: what it tells has happened already.
    """
    after = connection.get_execution_options().get(_AFTER_COMMIT)
    if after is not None:
        after.append(action)


def _patience() -> "Patience":
    from workflow.database.postgresql import Patience

    return Patience()


@contextmanager
def unbounded(database: Database, connection: Connection) -> Iterator[None]:
    """Let the statements of this transaction last: a new version of a large database takes its time."""
    if not database.is_postgresql:
        yield
        return
    from workflow.database import postgresql

    with postgresql.unbounded(connection):
        yield


def _engine(url: URL, patience: "Patience | None", pool: Mapping[str, Any] | None) -> Engine:
    kind: dict[str, Any] = {"poolclass": NullPool} if pool is None else {"poolclass": QueuePool, **pool}
    if patience is None:
        arguments: dict[str, Any] = {"timeout": BUSY_SECONDS, "isolation_level": None}
        engine = create_engine(url, hide_parameters=True, connect_args=arguments, **kind)

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            """Set what SQLite does not by default: foreign keys, and no erased secret left in free pages."""
            limit = f"journal_size_limit={LARGEST_WAL}"
            for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", limit):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            """Begin by the driver itself, which halves the time of an empty transaction."""
            statement = "BEGIN IMMEDIATE" if connection.get_execution_options().get("oda_write", True) else "BEGIN"
            try:
                connection.connection.driver_connection.execute(statement)  # type: ignore[union-attr]
            except connection.dialect.loaded_dbapi.Error as error:
                raise OperationalError(statement, None, error) from error

        return engine
    from workflow.database import postgresql  # its driver is loaded for it alone

    # No column of ours is an hstore, which would be looked for on the first connection of each engine.
    arguments = {"connect_args": postgresql.ARGUMENTS, "use_native_hstore": False}
    engine = create_engine(url, hide_parameters=True, **arguments, **kind)
    postgresql.prepare_engine(engine, patience)
    return engine


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
    around = {str(path), *map(str, path.parents)}
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        mount_point = fields[1].replace("\\040", " ")
        if mount_point in around and len(mount_point) >= len(best):
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
