"""An interrupted run leaves nothing: neither a process, a PostgreSQL nor a folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit.process_guard import MARK, PROC

RUN = """
import subprocess, sys, time
from tests.kit.databases import postgresql_url
from tests.kit.folders import lasting_folder

def test_that_is_interrupted():
    url = postgresql_url("postgres")
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    print("STARTED", spinning.pid, lasting_folder("oda-guarded-"), flush=True)
    time.sleep(120)
"""


def bearers(run: str) -> list[int]:
    """The processes whose environment names this run."""
    alive = []
    for entry in PROC.iterdir():
        try:
            if entry.name.isdigit() and f"ODA_GUARDED_RUN={run}".encode() in (entry / "environ").read_bytes():
                alive.append(int(entry.name))
        except OSError:
            continue
    return alive


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", str, Path]]:
    """A run of pytest that has started a PostgreSQL and a process without end; its mark, its folder."""
    script = tmp_path / "test_interrupted.py"
    script.write_text(RUN)
    run = f"{os.getpid()}-{tmp_path.name}"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-s",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.conftest",
        str(script),
    ]
    environ = {name: value for name, value in os.environ.items() if name != MARK} | {"ODA_GUARDED_RUN": run}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        line = next(line for line in process.stdout if "STARTED" in line)
        try:
            yield process, run, Path(line.split()[-1])
        finally:
            process.kill()


@pytest.mark.skipif(not PROC.is_dir(), reason="a guard reads /proc, which only Linux has")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_run__leaves_no_process_and_no_folder(
    running: tuple["subprocess.Popen[str]", str, Path], number: signal.Signals
) -> None:
    process, run, folder = running
    assert len(bearers(run)) > 3  # pytest, its guard, PostgreSQL, what spins
    assert folder.is_dir()
    process.send_signal(number)
    process.wait(timeout=30)
    assert wait_until(lambda: not bearers(run)), bearers(run)
    assert not folder.exists()
