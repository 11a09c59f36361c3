"""The end of a school year beside its floor, in one run: ``./run bench sweep [--requests N] [--database …]``.

The floor writes the same rows to the same tables, with the same database guards and durability, by ``executemany``
in batches of 1,000, one transaction a batch, each event's hash computed; it reads nothing and knows no rule.
"""

import argparse
import resource
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from bench.floor import durability, floor
from bench.population import POLICY, YEAR, populate, year_ends
from states.rules.schedule import BrakeDecision
from tests.kit.databases import BACKENDS, fresh_database
from workflow.database.connection import Database


def rules(database: Database) -> tuple[float, int]:
    """Seconds that one tick's sweep takes, and how many it revoked."""
    ends, schedule = year_ends(database)
    ready = [j.end for j in ends.observe(schedule, "bench") if j.verdict is BrakeDecision.RUN]
    start = time.perf_counter()
    revoked = sum(ends.run(end, schedule) for end in ready)
    return time.perf_counter() - start, revoked


@dataclass
class Round:
    """One pair of runs, on two databases filled alike: seconds, and the process's peak in megabytes, with what the
    sweep added to it."""

    seconds: float
    floor: float
    peak: float
    memory: float
    durability: str

    @property
    def ratio(self) -> float:
        return self.seconds / self.floor


def peak() -> float:
    """The most memory that this process ever held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(backend: str, requests: int) -> Round:
    """The sweep, then its floor, so that warm caches favour the floor."""
    with tempfile.TemporaryDirectory() as folder:
        with fresh_database(backend, Path(folder)) as database:
            populate(database, requests)
            before = peak()
            seconds, revoked = rules(database)
            after = peak()
        if revoked != requests:
            raise SystemExit(f"{revoked} révoquées au lieu de {requests}")
        with fresh_database(backend, Path(folder)) as database:
            populate(database, requests)
            return Round(seconds, floor(database), after, after - before, durability(database))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--database", choices=[*BACKENDS, "both"], default="both")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs; the median ratio is printed")
    options = parser.parse_args()
    print(f"fin de {YEAR}, le {POLICY.calendar.end_of(YEAR).ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    for backend in BACKENDS if options.database == "both" else [options.database]:
        rounds = [measure(backend, options.requests) for _ in range(options.rounds)]
        middle = sorted(rounds, key=lambda measure: measure.ratio)[len(rounds) // 2]
        ratios = ", ".join(f"{measure.ratio:.2f}" for measure in rounds)
        print(
            f"{backend:<10} {options.requests:>7} demandes : {middle.seconds / options.requests * 1e6:6.1f} µs chacune,"
            f" plancher {middle.floor / options.requests * 1e6:6.1f} µs, rapport médian {middle.ratio:.2f} ({ratios}) ;"
            f" mémoire +{max(measure.memory for measure in rounds):.0f} Mo, pic {rounds[0].peak:.0f} Mo ;"
            f" {middle.durability}"
        )


if __name__ == "__main__":
    main()
