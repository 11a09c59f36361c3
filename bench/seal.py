"""The daily seal over 100,000 requests beside the check of the same journal: ``./run bench seal [--requests N]``.

The first seal covers and keeps every head; the next one reads them all again, and keeps the few that changed. Its
memory is the peak of the seal alone.
"""

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bench.population import BORN, NOTARY, POLICY, populate
from tests.kit.clock import FakeClock
from tests.kit.databases import BACKENDS, fresh_database
from workflow.journal.seal_checks import SealVerifier
from workflow.journal.sealing import JournalSealer
from workflow.journal.verification import Verifier
from workflow.settings.secrets import SIGNING_KEY, Keyring, Secrets, generate

MOST = 0.3
"""The part of the check's time that a seal may take."""


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure(backend: str, requests: int) -> float:
    """Print what each part takes; return the ratio of an ordinary day's seal to the check."""
    with tempfile.TemporaryDirectory() as name, fresh_database(backend, Path(name)) as database:
        populate(database, requests)
        generate(Path(name) / "secrets")
        clock = FakeClock(BORN + timedelta(days=1))
        keyring = Keyring(Secrets(Path(name) / "secrets"), SIGNING_KEY)
        sealer = JournalSealer(database, NOTARY, clock, POLICY.calendar, keyring, None)
        first = seconds(sealer.seal_day)
        clock.advance(days=1)
        day = seconds(sealer.seal_day)
        clock.advance(days=1)
        tracemalloc.start()
        sealer.seal_day()
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        with database.read() as connection:
            today = POLICY.calendar.today(clock.now())
            check = seconds(lambda: list(Verifier(connection, NOTARY).flaws()))
            by_seals = seconds(lambda: SealVerifier(connection, today).check())
    print(
        f"{backend:<10} {requests} demandes : vérifier {check:.1f} s, premier sceau {first:.1f} s, sceau d'un jour"
        f" {day:.1f} s (rapport {day / check:.2f}, {peak:.1f} Mo au plus), vérifier par les sceaux {by_seals:.1f} s"
    )
    return day / check


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--database", choices=[*BACKENDS, "both"], default="both")
    options = parser.parse_args()
    backends = BACKENDS if options.database == "both" else [options.database]
    worst = max(measure(backend, options.requests) for backend in backends)
    print(f"le plus grand rapport est {worst:.2f} (au plus {MOST})")
    if worst > MOST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
