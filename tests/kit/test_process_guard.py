"""An interrupted run leaves nothing: neither a process, a PostgreSQL nor a folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.process_guard import MARK, PROC

RUN = """
import json, os, subprocess, sys, time
from pathlib import Path
from tests.kit.databases import postgresql_url
from tests.kit.folders import lasting_folder

def test_that_is_interrupted():
    postgresql_url("postgres")
    endless = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    started = {"pid": os.getpid(), "endless": endless.pid, "folder": str(lasting_folder("oda-guarded-"))}
    written = Path(os.environ["ODA_GUARDED_RUN"] + ".new")
    written.write_text(json.dumps(started))
    written.rename(os.environ["ODA_GUARDED_RUN"])
    time.sleep(120)
"""

IMPATIENT = """
import signal
from xdist.workermanage import NodeManager

NodeManager.EXIT_TIMEOUT = 0.1
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
"""A worker in the middle of a test does not hear Ctrl-C: after these seconds, ten by default, it is killed.

Nor does a run that a shell started in the background, until it is told to.
"""

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="a guard reads /proc, which only Linux has")


def bearers(mark: Path) -> list[int]:
    """The processes whose environment names this run."""
    alive = []
    for entry in PROC.iterdir():
        try:
            if entry.name.isdigit() and f"ODA_GUARDED_RUN={mark}".encode() in (entry / "environ").read_bytes():
                alive.append(int(entry.name))
        except OSError:
            continue
    return alive


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def running(folder: Path, *options: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path, dict[str, Any]]]:
    """A run of pytest that has started a PostgreSQL and a process without end; its mark, and what it has started."""
    script, mark = folder / "test_interrupted.py", folder / "started"
    script.write_text(RUN)
    (folder / "conftest.py").write_text(IMPATIENT)
    words = ["-q", "-p", "no:cacheprovider", "-p", "xdist.plugin", "-p", "tests.conftest", *options, str(script)]
    environ = {name: value for name, value in os.environ.items() if name != MARK and not name.startswith("PYTEST_")}
    environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the others take a second of each process
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *words], env=environ | {"ODA_GUARDED_RUN": str(mark)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            assert wait_until(mark.exists)
            yield process, mark, json.loads(mark.read_text())
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "options"),
    [(signal.SIGTERM, ()), (signal.SIGINT, ("-n", "1")), (signal.SIGKILL, ("-n", "1"))],
    ids=["SIGTERM alone", "Ctrl-C with workers", "SIGKILL with workers"],
)
def test_interrupted_run__leaves_no_process_and_no_folder(
    tmp_path: Path, number: signal.Signals, options: tuple[str, ...]
) -> None:
    with running(tmp_path, *options) as (process, mark, started):
        assert len(bearers(mark)) > 3  # pytest, its guard, PostgreSQL, what has no end
        assert Path(started["folder"]).is_dir()
        process.send_signal(number)
        process.wait(timeout=180)
        assert wait_until(lambda: not bearers(mark)), bearers(mark)
        assert not Path(started["folder"]).exists()


def test_killed_worker__leaves_what_it_started_to_its_guard(tmp_path: Path) -> None:
    with running(tmp_path, "-n", "1", "--max-worker-restart", "0") as (process, mark, started):
        os.kill(started["pid"], signal.SIGKILL)
        assert wait_until(lambda: not (PROC / str(started["endless"])).exists())
        assert wait_until(lambda: not Path(started["folder"]).exists())
        process.wait(timeout=180)
        assert wait_until(lambda: not bearers(mark)), bearers(mark)


MEASURE = """
import time
from tests.kit.postgresql_server import private_server
with private_server() as server:
    print(server.folder, flush=True)
    time.sleep(600)
"""


def test_interrupted_measure__leaves_no_server_and_no_folder() -> None:
    environ = {name: value for name, value in os.environ.items() if name != MARK}
    command = [sys.executable, "-W", "ignore", "-c", MEASURE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        assert (folder / "postmaster.pid").exists()
        process.terminate()
    assert wait_until(lambda: not folder.exists())
