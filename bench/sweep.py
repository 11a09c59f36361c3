"""The end of a school year beside its floor, in one run: ``./run bench sweep [--requests N] [--database …]``.

The floor writes the same rows to the same tables, with the same database guards and durability, by ``executemany``
in batches of 1,000, one transaction a batch, each event's hash computed; it reads nothing and knows no rule.
"""

import argparse
import resource
import tempfile
import time
from datetime import UTC
from pathlib import Path
from typing import Any

from bench.floor import durability, floor
from bench.population import POLICY, YEAR, populate, year_ends
from states.brake import Verdict
from tests.kit.databases import BACKENDS, fresh_database
from workflow.database import Database


def rules(database: Database) -> tuple[float, int]:
    """Seconds that one tick's sweep takes, and how many it revoked."""
    ends, schedule = year_ends(database)
    ready = [j.end for j in ends.observe(schedule, "bench") if j.verdict is Verdict.RUN]
    start = time.perf_counter()
    revoked = sum(ends.run(end, schedule) for end in ready)
    return time.perf_counter() - start, revoked


def measure(backend: str, requests: int) -> dict[str, Any]:
    """Both, on two fresh databases filled alike; the floor second, so that caches favour it."""
    with tempfile.TemporaryDirectory() as folder:
        with fresh_database(backend, Path(folder)) as database:
            populate(database, requests)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            seconds, revoked = rules(database)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        if revoked != requests:
            raise SystemExit(f"{revoked} révoquées au lieu de {requests}")
        with fresh_database(backend, Path(folder)) as database:
            populate(database, requests)
            settings = durability(database)
            lowest = floor(database)
    return {"seconds": seconds, "floor": lowest, "ratio": seconds / lowest, "memory": grown, "durability": settings}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--database", choices=[*BACKENDS, "both"], default="both")
    options = parser.parse_args()
    print(f"fin de {YEAR}, le {POLICY.calendar.end_of(YEAR).ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    for backend in BACKENDS if options.database == "both" else [options.database]:
        found = measure(backend, options.requests)
        each = found["seconds"] / options.requests * 1e6
        lowest = found["floor"] / options.requests * 1e6
        print(
            f"{backend:<10} {options.requests:>7} demandes : {each:6.1f} µs chacune, plancher {lowest:6.1f} µs,"
            f" rapport {found['ratio']:.2f} ; mémoire +{found['memory']:.0f} Mo ; {found['durability']}"
        )


if __name__ == "__main__":
    main()
