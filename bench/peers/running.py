"""One run of a peer: its processes on a database filled like ours, timed from outside."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from bench.nodes import populated
from bench.peers.environment import ROOT

LOOK_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """A module of this folder, and the query that finds a row while something is left in its queue."""

    module: str
    label: str
    unfinished: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """How many worker processes, and how many rows each works at once."""

    processes: int
    concurrency: int

    def __str__(self) -> str:
        return f"{self.processes} processus × {self.concurrency} à la fois"


@contextmanager
def _processes(python: Path, peer: Peer, setting: Setting, url: str) -> Iterator[list["subprocess.Popen[str]"]]:
    """The processes, each ready; killed afterwards, for their queue is empty by then."""
    command = [str(python), "-m", f"bench.peers.{peer.module}", url, "--concurrency", str(setting.concurrency)]
    started: list[subprocess.Popen[str]] = []
    try:
        for number in range(setting.processes):
            numbered = [*command, "--number", str(number)]
            pipe = subprocess.PIPE
            started.append(subprocess.Popen(numbered, stdin=pipe, stdout=pipe, text=True, cwd=ROOT))
            _hear(started[-1], "ready")
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def _hear(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdout
    if (line := process.stdout.readline().strip()) != word:
        raise SystemExit(f"un pair s'est arrêté : il a dit « {line} » au lieu de « {word} »")


def _tell(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdin
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def seconds(python: Path, peer: Peer, setting: Setting, requests: int) -> float:
    """From the first job put in the queue to the last one done and recorded, on a database of its own."""
    with tempfile.TemporaryDirectory() as folder, populated(requests, Path(folder)) as ours:
        url = make_url(ours).set(drivername="postgresql").render_as_string(hide_password=False)
        with (
            _processes(python, peer, setting, url) as processes,
            psycopg.connect(url, autocommit=True) as connection,
        ):
            start = time.monotonic()
            _tell(processes[0], "submit")
            _hear(processes[0], "submitted")
            for process in processes:
                _tell(process, "work")
            while connection.execute(peer.unfinished.encode()).fetchone():
                if any(process.poll() for process in processes):
                    raise SystemExit(f"{peer.label} : un processus s'est arrêté sur une erreur")
                time.sleep(LOOK_SECONDS)
            end = time.monotonic()
            _check(connection, requests)
    return end - start


def _check(connection: "psycopg.Connection[tuple[int, ...]]", requests: int) -> None:
    """Raises SystemExit unless each row has its state, its event and its mail."""
    for query in (
        "SELECT count(*) FROM delegation_request WHERE state = 'revoked'",
        "SELECT count(*) FROM event WHERE kind = 'expire'",
        "SELECT count(*) FROM outgoing_mail",
    ):
        row = connection.execute(query.encode()).fetchone()
        if row != (requests,):
            raise SystemExit(f"le pair n'a pas tout fait : {query} dit {row} au lieu de {requests}")
