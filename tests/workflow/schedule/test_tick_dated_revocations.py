"""A revocation on a day that an operator set: done by the schedule at 0 h, once, under the clock's own checks (R46)."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from states import commands as c
from states.vocabulary import Change, Settlement
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import END, SEPTEMBER, YEAR, live_until
from workflow.database.schedule_tables import OCCURRENCE
from workflow.schedule.tick import dated_revocation_key, revoke_dated

DAY = date(2026, 9, 20)
MIDNIGHT = datetime(2026, 9, 19, 22, tzinfo=UTC)
"""Of that day, in Toulouse."""


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def dated(system: System, number: int = 1, day: date = DAY) -> str:
    """A request with a key, whose RUPN leaves on that day: the operators have dated its revocation."""
    reference = system.issued(number)
    system.accept(c.ReportChange(reference=reference, change=Change.DEPARTURE, effective_on=day), "chef A")
    settle = c.SettleChange(
        reference=reference, settlement=Settlement.REVOCATION_DATED, why="il part ce jour-là", revoke_on=day
    )
    system.accept(settle, "opérateur")
    return reference


@pytest.mark.rule("R46")
@pytest.mark.parametrize("down", [timedelta(seconds=4), timedelta(hours=3), timedelta(weeks=3)])
def test_dated__once_at_midnight_however_long_the_service_was_down(system: System, down: timedelta) -> None:
    reference = dated(system)
    system.clock.set(MIDNIGHT - timedelta(seconds=2))
    assert system.tick().dated == 0
    assert system.state(reference) == "code_issued"
    system.restart()
    system.clock.set(MIDNIGHT - timedelta(seconds=2) + down)
    assert system.tick().dated == 1
    assert system.state(reference) == "revoked"
    system.restart()
    assert system.tick().dated == 0
    assert system.requests()[reference].version == 10
    assert set(system.removals()) == {reference}
    (mail,) = system.mails("revoked")
    assert '"foreseen":true' in mail.context
    assert len(system.mails("removal_task")) == len(system.mails("report_settled")) == 1
    assert [(row.settlement, row.revoke_on) for row in system.reports()] == [("revoked", None)]
    with system.database.read() as connection:
        keys = connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key.like("revocation:%"))).scalars()
        assert list(keys) == [dated_revocation_key(reference)]
    assert system.flaws() == []


@pytest.mark.rule("R46")
def test_dated__not_when_it_was_settled_otherwise_before(system: System) -> None:
    unmoved, moved = dated(system, 1), dated(system, 2)
    system.accept(c.SettleChange(reference=unmoved, settlement=Settlement.NO_EFFECT, why="il reste"), "opérateur")
    later = c.SettleChange(
        reference=moved, settlement=Settlement.REVOCATION_DATED, why="un mois de plus", revoke_on=date(2026, 10, 20)
    )
    system.accept(later, "opérateur")
    system.clock.set(MIDNIGHT + timedelta(hours=8))
    assert system.tick().dated == 0
    assert {row.state for row in system.requests().values()} == {"code_issued"}


@pytest.mark.rule("R46", "R52")
def test_dated__never_under_a_clock_that_is_not_believed(system: System) -> None:
    """Sixty days without a sign of life: nothing, until the clock has run on for a day."""
    reference = dated(system)
    system.tick()
    system.clock.advance(days=60)
    ticked = system.tick()
    assert (ticked.dated, ticked.clock_fault is not None) == (0, True)
    assert system.state(reference) == "code_issued"
    system.clock.advance(hours=25)
    assert system.tick().dated == 1


@pytest.mark.rule("R46", "R51")
def test_dated__follows_the_years_end_once_the_year_has_ended(system: System) -> None:
    """One mail an establishment then, and the brake holds it as it holds the others."""
    reference = dated(system, day=date(2027, 8, 25))
    live_until(system, END - timedelta(days=10))
    system.tick()
    system.clock.set(END + timedelta(days=3))
    ticked = system.tick()
    assert (ticked.revoked, ticked.dated) == ({YEAR: 1}, 0)
    assert system.state(reference) == "revoked"
    assert (len(system.mails("year_end")), system.mails("revoked")) == (1, [])


@pytest.mark.rule("R46", "R82")
def test_dated__by_several_machines_at_once_is_done_once(system: System) -> None:
    references = [dated(system, number) for number in range(1, 6)]
    system.clock.set(MIDNIGHT + timedelta(minutes=1))
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(revoke_dated(system.engine, system.schedule))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == len(references)
    assert {system.requests()[reference].version for reference in references} == {10}
    assert len(system.mails("revoked")) == len(references)
    assert system.flaws() == []
