"""A pgbouncer of one test's own, by transactions, before the tests' PostgreSQL: gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from tests.kit.debian import find, without
from tests.kit.process_guard import remove_at_end

PORT = 6432
SESSIONS = 2
"""Of the server for all clients: two transactions of one client hardly ever get the same."""

_SETTINGS = """\
[databases]
{name} = host={host} user=postgres
[pgbouncer]
listen_port = {port}
unix_socket_dir = {folder}
logfile = {folder}/log
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
"""


def program() -> str | None:
    """pgbouncer on this machine; None when it has none."""
    return find("pgbouncer")


@contextmanager
def pooled(url: URL) -> Iterator[URL]:
    """The address of this database through a pooler."""
    binary = program()
    if binary is None:
        without("pgbouncer n'est pas installé (sur Debian ou Ubuntu, en root : python -m tests.kit.debian)")
    host = str(url.query["host"])
    folder = Path(tempfile.mkdtemp(prefix="oda-pgbouncer-"))
    remove_at_end(folder)
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        _SETTINGS.format(name=url.database, host=host, port=PORT, folder=folder, sessions=SESSIONS), encoding="utf-8"
    )
    command = [binary, "-q", str(settings)]
    if os.geteuid() == 0:  # which it refuses to run as
        owner = pwd.getpwuid(Path(host).stat().st_uid)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        command[1:1] = ["-u", owner.pw_name]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as pooler:
        try:
            until = time.monotonic() + 10
            while not (folder / f".s.PGSQL.{PORT}").exists():
                assert pooler.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.01)
            yield url.set(query={"host": str(folder), "port": str(PORT)})
        finally:
            pooler.terminate()
            pooler.wait(10)
            shutil.rmtree(folder)
