"""Lives drawn at random: each day's figures are what the requests themselves said on that day (R99)."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import initialize, invariant, run_state_machine_as_test
from sqlalchemy import select, update

from states.school_calendar import SchoolYear
from tests.kit.clock import FakeClock
from tests.stateful.machine import Life
from tests.workflow.figures.test_ledger import ledger
from workflow.database.journal_tables import EVENT
from workflow.database.tables import ESTABLISHMENT
from workflow.figures.account import FiguresReader

EXAMPLES = int(os.environ.get("ODA_STATEFUL_EXAMPLES", "4"))
STATES = ("declared", "delegated", "charter_signed", "requested", "code_issued", "revoked")
SEEN = (*STATES, "handed_over", "extended", "late_checks", "late_steps", "late_handovers", "keys", "establishments")
Key = tuple[date, str, str]


class WatchedClock(FakeClock):
    """A clock that has somebody look before it moves."""

    def __init__(self, now: datetime, look: Callable[[], None]) -> None:
        super().__init__(now)
        self._look = look

    def set(self, now: datetime) -> None:
        self._look()
        super().set(now)

    def advance(self, **delta: float) -> None:
        if any(delta.values()):
            self._look()
        super().advance(**delta)


class CountedLife(Life):
    """The same people; every night somebody counts by hand what the tables will have to say of that day for ever."""

    @initialize()
    def begin(self) -> None:
        self.seen: dict[Key, Counter[str]] = {}
        super().begin(by_link=False)
        with self.system.database.write() as connection:
            lycee = update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == "0310002J")
            connection.execute(lycee.values(departement="12"))
        self.system.clock = self.system.engine.clock = WatchedClock(self.now, self.look)

    @invariant()
    def catch_up(self) -> None:
        if hasattr(self, "system") and len(self.seen) % 3 == 0:
            ledger(self.system).catch_up()

    def look(self) -> None:
        """See what is so before the time moves: of each day, what was seen last remains."""
        day = self.system.policy.calendar.today(self.now)
        for (place, year), counts in by_hand(self.system, day).items():
            self.seen[day, place, year] = counts

    def teardown(self) -> None:
        if not hasattr(self, "system"):
            return
        try:
            self.look()
            self.compare_figures()
        finally:
            super().teardown()

    def compare_figures(self) -> None:
        own, calendar = ledger(self.system), self.system.policy.calendar
        for _ in range(2):
            with self.system.database.read() as connection:
                reader = FiguresReader(connection, own, calendar, None)
                for (day, place, year), expected in self.seen.items():
                    figures = reader.at(day, SchoolYear.stored(year)).places[place]
                    assert {name: figures.count(name) for name in SEEN} == {name: expected[name] for name in SEEN}, day
            own.rebuild()
            assert own.verify() == []


def by_hand(system: Any, today: date) -> dict[tuple[str, str], Counter[str]]:
    """What the rows of the requests say now, by département and school year: one after the other, without a table."""
    with system.database.read() as connection:
        expired = set(connection.execute(select(EVENT.c.stream).where(EVENT.c.kind == "expire")).scalars())
        places = {row.uai: row.departement for row in connection.execute(select(ESTABLISHMENT))}
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    live = set()
    for request in system.requests().values():
        key = places[request.uai], request.school_year
        is_extended = request.extends is not None or request.key_elsewhere
        has_code = request.state == "code_issued"
        waits = (today - system.policy.calendar.today(request.since)).days
        counts[key] += Counter(
            {
                request.state: 1,
                "handed_over": has_code and request.handed_on is not None,
                "extended": has_code and is_extended,
                "late_checks": request.state == "requested" and waits > 10,
                "late_steps": request.state in STATES[:3] and waits > system.policy.timetable.stalled[-1],
                "late_handovers": has_code and not is_extended and request.handed_on is None
                and waits > system.policy.timetable.handover[-1],
                "keys": request.code_issued_at is not None
                and (request.state != "revoked" or request.reference in expired),
                "establishments": request.state != "revoked" and (request.uai, request.school_year) not in live,
            }
        )  # fmt: skip
        if request.state != "revoked":
            live.add((request.uai, request.school_year))
    return counts


@pytest.mark.rule("R99")
def test_figures__are_those_of_each_day_whatever_has_happened_since(backend: str) -> None:
    machine = type("CountedLife", (CountedLife,), {"backend": backend})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES if backend == "sqlite" else max(1, EXAMPLES // 4), stateful_step_count=30,
            deadline=None, print_blob=True, derandomize="CI" in os.environ,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
