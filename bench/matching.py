"""Ten thousand requests compared with two lists of twenty thousand rows: ``./run bench matching [--database …]``.

The whole comparison is timed as an import makes it, reading included, but for the writing of the checks. Half the rows
are of the requests' people, one in four of them written otherwise; the others are their colleagues'. The memory is
what the comparison holds at its peak, with all the requests and with a tenth of them.
"""

import argparse
import tempfile
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from bench.population import NOTARY, OPERATOR, POLICY, mailer, name_operator, uai_of
from bench.worklist_population import FIRST, SCHOOLS, YEAR, school, write_batch
from states.validation import fold_mail, person_key
from states.vocabulary import State
from tests.kit.clock import FakeClock
from tests.kit.databases import BACKENDS, fresh_database
from workflow.app import install
from workflow.database.connection import Database
from workflow.database.file_tables import EVIDENCE_ENTRY, EVIDENCE_IMPORT, ListKind
from workflow.database.tables import ESTABLISHMENT
from workflow.engine.engine import Engine
from workflow.evidence.list_checks import AutomaticChecks, ComparisonResult

MOST_SECONDS = 20.0
BATCH = 1000
NOW, LIST_DAY = datetime(2026, 9, 14, 9, tzinfo=UTC), date(2026, 9, 14)
CHEF, APPLICATION = "Bernard Castaing", "educonnect"


def populate(database: Database, requests: int) -> None:
    """Requests that wait for both checks, ten or so a school, and the two lists, twice as long."""
    install(database, NOTARY, FakeClock(NOW))
    with database.write() as connection:
        name_operator(connection)
        connection.execute(insert(ESTABLISHMENT), [school(number) for number in range(SCHOOLS)])
        connection.execute(update(ESTABLISHMENT).values(chef_name=CHEF))
    numbers = [3 * rank for rank in range(1, requests + 1)]  # one in three waits for both checks
    for start in range(0, requests, BATCH):
        with database.write() as connection:
            write_batch(connection, [(n, YEAR, State.REQUESTED) for n in numbers[start : start + BATCH]], NOW)
    for number, kind in enumerate(ListKind, 1):
        with database.write() as connection:
            _write_list(connection, number, kind, [*numbers, *(n + 1 for n in numbers)])
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if database.is_postgresql else "ANALYZE")


def _write_list(connection: Any, number: int, kind: ListKind, people: list[int]) -> None:
    counts = dict.fromkeys(("new", "changed", "gone", "refused"), 0)
    source = {"number": number, "kind": kind.value, "list_date": LIST_DAY, "imported_at": NOW, "digest": "",
              "actor": OPERATOR.number, "rows": len(people), **counts}  # fmt: skip
    connection.execute(insert(EVIDENCE_IMPORT), [source])
    connection.execute(insert(EVIDENCE_ENTRY), [_row(number, kind, line, n) for line, n in enumerate(people, 2)])


def _row(number: int, kind: ListKind, line: int, person: int) -> dict[str, Any]:
    letters = "".join(chr(ord("a") + int(digit)) for digit in str(person))
    nom, prenom = f"NOM{letters.upper()}", FIRST[person % len(FIRST)]
    if person % 4 == 0:
        nom, prenom = prenom, nom
    row = {
        "kind": kind.value, "uai": uai_of(4_000_000 + person % SCHOOLS), "nom": nom, "prenom": prenom,
        "mail": f"rupn{person}.{YEAR.start}@ac-toulouse.fr", "usage_name": "", "other_mails": "", "begins": None,
        "ends": None, "application": "", "author": "", "first_import": number, "last_import": number, "line": line,
    }  # fmt: skip
    row |= {"folded_mail": fold_mail(str(row["mail"])), "person": person_key(nom, prenom)}
    return row | ({"application": APPLICATION, "author": CHEF} if kind is ListKind.DELEGATION else {})


def compared(database: Database) -> ComparisonResult:
    """Compare them all, and record nothing."""
    policy = replace(POLICY, delegation_applications=frozenset({APPLICATION}))
    engine = Engine(database, FakeClock(NOW), NOTARY, policy, mailer())
    return AutomaticChecks(engine, OPERATOR).run(dry_run=True)


def measure(backend: str, requests: int) -> tuple[float, float, ComparisonResult]:
    """Seconds, the peak of the memory in megabytes, and the result."""
    with tempfile.TemporaryDirectory() as folder, fresh_database(backend, Path(folder)) as database:
        populate(database, requests)
        start = time.perf_counter()
        result = compared(database)
        seconds = time.perf_counter() - start
        tracemalloc.start()
        compared(database)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        return seconds, peak, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--database", choices=[*BACKENDS, "both"], default="both")
    options = parser.parse_args()
    longest = 0.0
    for backend in BACKENDS if options.database == "both" else [options.database]:
        _, few, _ = measure(backend, options.requests // 10)
        seconds, many, result = measure(backend, options.requests)
        longest = max(longest, seconds)
        rows = 2 * options.requests
        print(f"{backend:<10} {result.requests} demandes, deux listes de {rows} lignes : {seconds:.1f} s,"
              f" {result.all_made} vérifications, {result.confident.total()} propositions ; mémoire {many:.0f} Mo,"
              f" {few:.0f} Mo pour un dixième")  # fmt: skip
    if longest > MOST_SECONDS:
        raise SystemExit(f"plus de {MOST_SECONDS:.0f} s")


if __name__ == "__main__":
    main()
