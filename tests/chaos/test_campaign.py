"""A short campaign on each database: processes killed, a relay that fails, people who act, and nothing lost or twice.

``ODA_SEED`` plays another one; an hour is ``python -m tests.chaos --seconds 3600``.
"""

import os
from collections import Counter
from collections.abc import Callable
from copy import copy
from pathlib import Path

import pytest

from tests.chaos.campaign import Plan, run
from tests.chaos.invariants import Books
from tests.chaos.logs import kinds_of_lines, unforeseen
from tests.chaos.report import text_of, write

SEEDS = {"sqlite": 20261130, "postgresql": 20261201}


@pytest.mark.rule("R9", "R10", "R50", "R56", "R60", "R82")
def test_campaign__nothing_is_lost_and_nothing_is_done_twice(backend: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("ODA_SEED", SEEDS[backend]))
    plan = Plan(seed=seed, database=backend, seconds=5, establishments=3, pause=(0.05, 0.3), has_year_end=False)
    outcome = run(plan, tmp_path / "campaign")
    assert write(outcome, tmp_path / "report").read_text(encoding="utf-8").startswith("Campagne de chaos")
    assert outcome.holds, f"ODA_SEED={seed}\n{text_of(outcome)}" + "\n".join(outcome.log)
    assert outcome.actions["declare"], "nobody could act"
    assert outcome.faults.total() > 2, "a storm in a glass of water"
    assert breaches_of_false_books(outcome.books) == []


def breaches_of_false_books(books: Books) -> list[str]:
    """What of these falsifications the invariants let pass: none is allowed."""
    sent = next(mail for mail in books.mails if (mail.kind, mail.stage, mail.doubted_at) == ("declared", "sent", None))
    falsified: dict[str, Callable[[Books], object]] = {
        "a mail taken twice": lambda false: false.copies.update([sent.message_id]),
        "a mail lost on its way": lambda false: false.copies.subtract([sent.message_id]),
        "a mail never written": lambda false: false.mails.remove(sent),
        "a mail written twice": lambda false: false.mails.append(sent),
        "an event without its action": lambda false: false.keys.pop(),
        "an action without its event": lambda false: false.events.pop(),
        "an event written twice": lambda false: false.events.append(false.events[-1]),
        "a removal from nowhere": lambda false: false.removals.update(["ODA-2027-99999"]),
    }
    passed = []
    for name, falsify in falsified.items():
        false = copy(books)
        false.mails, false.events, false.keys = [*books.mails], [*books.events], [*books.keys]
        false.copies, false.removals = Counter(books.copies), Counter(books.removals)
        falsify(false)
        passed += [name] if all(invariant.holds for invariant in false.all()) else []
    return passed


def test_logs__a_traceback_is_seen_and_what_a_database_away_gives_is_not(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text(
        "2027-08-31 23:59:58+0200 erreur : les courriels attendent : La base ne répond pas (OperationalError)\n"
        "2027-08-31 23:59:59+0200 erreur : une page n'a pas pu être faite : KeyError\n"
        "Traceback (most recent call last):\n"
    )
    kinds = kinds_of_lines([log, log])
    assert unforeseen(kinds) == [
        "2 fois : erreur : une page n'a pas pu être faite : KeyError",
        "2 fois : Traceback (most recent call last):",
    ]
    assert unforeseen(Counter()) == []
