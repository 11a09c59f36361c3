"""The end of a school year by several machines on one PostgreSQL: ``./run bench nodes [--requests N]``.

Each node is a process of its own, with its own connections and its own program loaded. All are ready before one
barrier lets them start at the same instant; the time runs from there to the commit of the last. One node is a process
started in the same manner, so the ratio is of nodes alone. On a machine of few processors the nodes also share these
with PostgreSQL itself: the number of processors and the load are printed beside the ratio.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import func, select

from bench.population import AFTER_END, NOTARY, POLICY, YEAR, mailer, populate, year_ends
from tests.kit.clock import FakeClock
from tests.kit.databases import fresh_url
from workflow.database.connection import Database
from workflow.database.tables import IS_LIVE, REQUEST
from workflow.engine.engine import Engine
from workflow.journal import chain
from workflow.year_end.service import YearEndReporter, YearEnds

_SPAWN = multiprocessing.get_context("spawn")
READY_SECONDS = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeRun:
    """What one node did: its first and last instants, in seconds of the machine's clock, and how many it revoked."""

    start: float
    end: float
    revoked: int


def _node(url: str, barrier: Barrier, results: Any) -> None:
    database = Database(url)
    room = mailer()
    engine = Engine(database, FakeClock(AFTER_END), NOTARY, POLICY, room)
    ends, schedule = YearEnds(engine, YearEndReporter(room)), chain.schedule_actor(database)
    barrier.wait(READY_SECONDS)
    start = time.monotonic()
    revoked = ends.run(POLICY.calendar.end_of(YEAR), schedule)
    results.put(NodeRun(start=start, end=time.monotonic(), revoked=revoked))
    database.dispose()


@contextmanager
def populated(requests: int, folder: Path) -> Iterator[str]:
    """The address of a new PostgreSQL database with that many live requests, at an end of year that was foreseen."""
    with fresh_url("postgresql", folder) as url:
        database = Database(url)
        populate(database, requests)
        year_ends(database)[0].observe(chain.schedule_actor(database), "bench")
        database.dispose()
        yield url


def sweep(url: str, nodes: int) -> list[NodeRun]:
    """The sweep by that many processes, which start together. Raises SystemExit if one of them failed."""
    barrier, results = _SPAWN.Barrier(nodes), _SPAWN.Queue()
    processes = [_SPAWN.Process(target=_node, args=(url, barrier, results)) for _ in range(nodes)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("un nœud s'est arrêté sur une erreur")
    return [results.get() for _ in processes]


def check_revoked(url: str, requests: int, runs: list[NodeRun]) -> None:
    """Raises SystemExit unless every request was revoked, by one node each."""
    database = Database(url)
    with database.read() as connection:
        remaining = connection.execute(select(func.count()).select_from(REQUEST).where(IS_LIVE)).scalar_one()
    database.dispose()
    if remaining or sum(run.revoked for run in runs) != requests:
        raise SystemExit(f"{[run.revoked for run in runs]} révoquées sur {requests}, {remaining} restent")


def seconds(requests: int, nodes: int) -> tuple[float, list[NodeRun]]:
    """From the common start to the last commit, on a database of its own."""
    with tempfile.TemporaryDirectory() as folder, populated(requests, Path(folder)) as url:
        runs = sweep(url, nodes)
        check_revoked(url, requests, runs)
    return max(run.end for run in runs) - min(run.start for run in runs), runs


def load() -> str:
    """The processors and how busy they are, for whoever reads a ratio."""
    return f"{os.cpu_count()} processeurs, charge {os.getloadavg()[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs, in turn; the median ratio is printed")
    options = parser.parse_args()
    ratios = []
    for number in range(options.rounds):
        order = (1, options.nodes) if number % 2 == 0 else (options.nodes, 1)
        measures = {nodes: seconds(options.requests, nodes) for nodes in order}
        (alone, _), (many, runs) = measures[1], measures[options.nodes]
        ratios.append(alone / many)
        print(
            f"  1 nœud {options.requests / alone:6.0f}/s, {options.nodes} nœuds {options.requests / many:6.0f}/s"
            f" ({' + '.join(str(run.revoked) for run in runs)}) : {alone / many:.2f} ; {load()}"
        )
    print(
        f"postgresql {options.requests:>7} demandes : {options.nodes} nœuds vont {median(ratios):.2f} fois plus vite"
        f" qu'un (médiane de {options.rounds}, de {min(ratios):.2f} à {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
