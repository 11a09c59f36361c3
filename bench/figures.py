"""The page of the figures over 100,000 requests and 600,000 events beside the worklist's page over the same:
``./run bench figures [--requests N] [--database …]``.

Whole pages, by the framework's own test client, in turn. The tables of counts are made first, by the pass that the
schedule makes; a few thousand events are fresh, and counted by the page itself.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import insert, select

from bench.population import NOTARY, OPERATOR
from bench.portal_list import side_by_side
from bench.worklist_population import populate
from notifications.sql import batches
from states.vocabulary import State
from tests.kit.databases import BACKENDS, fresh_url
from tests.kit.portal import STAFF, open_portal
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT
from workflow.database.tables import REQUEST
from workflow.journal.chain import ChainHead

MOST = 3.0
"""By how many times the page may take longer than the worklist's."""

EVENTS = 6
"""Of each request, its birth and its last step included."""

WORKLIST = "/rectorat"
PAGES = {
    "deux dates d'une année": "/rectorat/chiffres?annee=2026-2027",
    "une année passée": "/rectorat/chiffres?annee=2025-2026",
    "un an d'écart": "/rectorat/chiffres",
}


@contextmanager
def browsing(backend: str, requests: int) -> Iterator[TestClient]:
    """An operator's browser on a portal with so many requests, each with its life."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with fresh_url(backend, folder) as url, open_portal(folder, url) as portal:
            now = portal.clock.now()
            populate(portal.app.database, requests, now)
            live(portal.app.database, now)
            begun = time.perf_counter()
            portal.app.figures.catch_up()
            print(f"{backend:<10} {EVENTS * requests} événements comptés en {time.perf_counter() - begun:.1f} s")
            yield portal.client(STAFF)


def live(database: Database, now: datetime) -> None:
    """The steps of each request between its birth and now: checks, the code, its hand-over, and one more."""
    columns = (REQUEST.c.reference, REQUEST.c.state, REQUEST.c.created_at)
    with database.read() as connection:
        requests = list(connection.execute(select(*columns)))
    for batch in batches(enumerate(requests)):
        rows = [
            event
            for number, (reference, state, born) in batch
            for event in _events(number, reference, state, born, now)
        ]
        with database.write() as connection:
            connection.execute(insert(EVENT), rows)


def _events(number: int, reference: str, state: str, born: datetime, now: datetime) -> Iterator[dict[str, Any]]:
    kinds = ["check_listing", "check_delegation", "issue_code", "confirm_handover"]
    if state not in (State.CODE_ISSUED.value, State.REVOKED.value):
        kinds[2:] = ["ask_question", "answer_question"]
    for step, kind in enumerate(kinds, start=1):
        at = min(born.astimezone(UTC) + timedelta(days=step * (1 + number % 17), minutes=number % 600), now)
        data = {"handed_on": at.date().isoformat()} if kind == "confirm_handover" else {}
        yield NOTARY.event((reference, ChainHead("0" * 64, 2 + step - 1)), kind, (state, state), OPERATOR, at, data, [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--database", choices=[*BACKENDS, "both"], default="both")
    options = parser.parse_args()
    ratios = []
    for backend in BACKENDS if options.database == "both" else [options.database]:
        with browsing(backend, options.requests) as client:
            for name, address in PAGES.items():
                worklist, figures = side_by_side((client, WORKLIST), (client, address), options.rounds)
                ratios.append(figures / worklist)
                print(f"{backend:<10} {name:<24} {figures * 1e3:6.1f} ms, la liste {worklist * 1e3:6.1f} ms : rapport"
                      f" {figures / worklist:.2f}")  # fmt: skip
    print(f"le plus grand rapport est {max(ratios):.2f} (au plus {MOST})")
    if max(ratios) > MOST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
