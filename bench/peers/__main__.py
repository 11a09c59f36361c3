"""The end of a school year beside a task queue and a durable-workflow engine: ``./run bench peers [--requests N]``.

The same rows in the same tables of the same PostgreSQL, under the same guards and durability. The peers (procrastinate
and DBOS, pinned beside this file) do each row as a job of its own, in a transaction of its own: its state, its event
with its hash, its mail. Ours also opens each removal and counts each establishment; it writes one mail for all the
requests of an establishment, and reports. Each side is timed once its program is loaded, connected and ready; a peer's
time begins when its jobs are put in the queue. Settings are tried on fewer rows, and each peer keeps its best; the
queue is also measured as it comes, one worker that takes one job at a time.
"""

import argparse
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

from bench import nodes
from bench.peers.environment import NotInstalled, pinned, python
from bench.peers.running import Peer, Setting, seconds

QUEUE = Peer(
    module="task_queue", label=pinned("procrastinate"),
    unfinished="SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing') LIMIT 1",
)  # fmt: skip
DURABLE = Peer(
    module="durable", label=pinned("dbos"),
    unfinished="SELECT 1 FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING') LIMIT 1",
)  # fmt: skip
AS_IT_COMES = Setting(processes=1, concurrency=1)
"""What procrastinate's worker does when nothing is asked of it."""
SETTINGS = (
    Setting(processes=1, concurrency=10), Setting(processes=1, concurrency=30), Setting(processes=2, concurrency=10),
    Setting(processes=2, concurrency=30), Setting(processes=4, concurrency=10),
)  # fmt: skip


def best(interpreter: Path, peer: Peer, requests: int) -> Setting:
    """The setting that does most rows a second, each tried once; all are printed."""
    rates = {setting: requests / seconds(interpreter, peer, setting, requests) for setting in SETTINGS}
    chosen = max(rates, key=lambda setting: rates[setting])
    print(f"{peer.label}, essais sur {requests} lignes : "
          + ", ".join(f"{setting} {speed:.0f}/s" for setting, speed in rates.items())
          + f" ; retenu : {chosen}", flush=True)  # fmt: skip
    return chosen


def compare(interpreter: Path, theirs: dict[str, tuple[Peer, Setting]], requests: int, rounds: int) -> None:
    """Each round: ours by one node and by two, then each of theirs; every other round in the other order."""
    turns: dict[str, Callable[[], float]] = {
        "1 nœud": partial(_ours, requests, 1), "2 nœuds": partial(_ours, requests, 2),
    }  # fmt: skip
    ours = tuple(turns)
    for label, (peer, setting) in theirs.items():
        turns[label] = partial(seconds, interpreter, peer, setting, requests)
    ratios: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        order = list(turns) if number % 2 == 0 else list(reversed(turns))
        took = {label: turns[label]() for label in order}
        for mine, other in product(ours, theirs):
            ratios.setdefault((mine, other), []).append(took[other] / took[mine])
        print("  " + ", ".join(f"{label} {requests / took[label]:.0f}/s" for label in turns) + f" ; {nodes.load()}",
              flush=True)  # fmt: skip
    for (mine, other), values in ratios.items():
        text = ", ".join(f"{ratio:.1f}" for ratio in values)
        print(f"{requests} lignes, {mine} à côté de {other} : {median(values):.1f} fois plus vite ({text})")


def _ours(requests: int, count: int) -> float:
    return nodes.seconds(requests, count)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--tries", type=int, default=2000, help="rows on which each setting of the peers is tried")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    try:
        interpreter = python()
    except NotInstalled as refusal:
        raise SystemExit(str(refusal)) from None
    theirs = {f"{QUEUE.label} ({AS_IT_COMES})": (QUEUE, AS_IT_COMES)}
    for peer in (QUEUE, DURABLE):
        chosen = best(interpreter, peer, options.tries)
        theirs[f"{peer.label} ({chosen})"] = (peer, chosen)
    compare(interpreter, theirs, options.requests, options.rounds)


if __name__ == "__main__":
    main()
