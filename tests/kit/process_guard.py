"""End what a test process leaves behind when it dies without cleaning up: Ctrl-C, SIGTERM, SIGKILL, a killed worker.

A guard is a small process that waits for the end of its test process, which it sees as the end of a pipe: no way of
dying escapes it. It then ends every process that bears the test process's mark in its environment, with all that
descends from it, and removes the folders that were named to it. Linux only (/proc); elsewhere nothing guards.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

MARK = "ODA_TEST_PROCESS"
PROC = Path("/proc")
SERVER_STOPS_IN_S = 5.0
"""How long a PostgreSQL may take to stop by itself, which gives back its shared memory."""

_pipe: list[int] = []


def start_guard() -> None:
    """Mark this process's children to come, and have them ended when it ends."""
    if _pipe or not PROC.is_dir():
        return
    mark = f"{os.getpid()}-{uuid.uuid4().hex}"
    environ = {name: value for name, value in os.environ.items() if name != MARK}
    read, write = os.pipe()
    with open(read, "rb") as stdin:
        command = [sys.executable, "-I", "-S", __file__, mark]
        guard = subprocess.Popen(command, stdin=stdin, env=environ, start_new_session=True)
    guard.returncode = 0  # it outlives this process: nobody waits for it
    _pipe.append(write)
    os.environ[MARK] = mark


def remove_at_end(folder: Path) -> None:
    """Have the guard, if there is one, remove this folder when this process has ended."""
    for write in _pipe:
        os.write(write, f"{folder}\n".encode())


def marked(mark: str) -> list[int]:
    """The processes that bear this mark, and all that descends from them; no guard."""
    children: dict[int, list[int]] = {}
    bearers = []
    for pid in _pids():
        try:
            if Path(__file__).name.encode() in (PROC / str(pid) / "cmdline").read_bytes():
                continue  # a guard ends by itself, once it has done what it is for
            parent = int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
            if f"{MARK}={mark}".encode() in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                bearers.append(pid)
        except (OSError, ValueError):  # it has just ended, or is not ours
            continue
        children.setdefault(parent, []).append(pid)
    family = dict.fromkeys(bearers)
    for pid in bearers:
        family |= dict.fromkeys(_descendants(pid, children))
    return list(family)


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _descendants(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    for child in children.get(pid, ()):
        yield child
        yield from _descendants(child, children)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            continue


def _is_server(pid: int) -> bool:
    try:
        return (PROC / str(pid) / "comm").read_text().startswith("postgres")
    except OSError:
        return False


def end_all(mark: str, folders: Iterable[str]) -> None:
    """End every process of this mark, databases gently, and remove the folders."""
    servers = [pid for pid in marked(mark) if _is_server(pid)]
    _signal((pid for pid in marked(mark) if pid not in servers), signal.SIGKILL)
    _signal(servers, signal.SIGCONT)
    _signal(servers, signal.SIGQUIT)
    until = time.monotonic() + SERVER_STOPS_IN_S
    while marked(mark) and time.monotonic() < until:
        time.sleep(0.05)
    while marked(mark) and time.monotonic() < until + SERVER_STOPS_IN_S:
        _signal(marked(mark), signal.SIGKILL)
        time.sleep(0.05)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folders = [line.rstrip("\n") for line in sys.stdin]
    end_all(sys.argv[1], folders)


if __name__ == "__main__":
    main()
