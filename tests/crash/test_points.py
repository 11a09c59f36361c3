"""Killed at each named point of the write path and of the sweep, on both databases (R8, R10, R50)."""

import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from tests.kit.forked_process import exit_code_of
from tests.kit.killed_process import issue, play, tick
from tests.kit.system import System
from tests.workflow.schedule.test_tick_dated_revocations import MIDNIGHT, dated
from tests.workflow.year_end.test_service_sweep import END, SEPTEMBER, live_until


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def killed_process(system: System, point: str, scene: Callable[[System], None], at: datetime) -> int:
    """Play the scene in a process of its own; returns how it ended."""
    return exit_code_of(play, scene, system.url, at, point)


def ready_to_issue(system: System) -> str:
    """A request checked twice, one step before its code."""
    reference = system.issued(only_ready=True)
    assert system.state(reference) == "requested"
    return reference


@pytest.mark.rule("R8", "R10", "R55")
@pytest.mark.parametrize("point", ["engine.before_write", "engine.after_write", "engine.before_commit"])
def test_kill__before_the_commit_leaves_nothing(system: System, point: str) -> None:
    reference = ready_to_issue(system)
    before = system.dump()
    assert killed_process(system, point, issue, SEPTEMBER) == -signal.SIGKILL
    assert system.dump() == before
    assert killed_process(system, "", issue, SEPTEMBER) == 0
    assert system.state(reference) == "code_issued"
    assert len(system.mails("code_issued")) == 1
    assert system.sealed() == {reference}
    assert system.flaws() == []


@pytest.mark.rule("R10")
def test_kill__after_the_commit_is_done_once(system: System) -> None:
    reference = ready_to_issue(system)
    assert killed_process(system, "engine.after_commit", issue, SEPTEMBER) == -signal.SIGKILL
    assert system.state(reference) == "code_issued"
    after = system.dump()
    assert killed_process(system, "", issue, SEPTEMBER) == 0, "the same key again: the same answer, nothing done"
    assert system.dump() == after
    assert len(system.mails("code_issued")) == 1


@pytest.mark.rule("R50", "R54")
@pytest.mark.parametrize(
    "point", ["year_end.observed", "sweep.before_commit", "sweep.between_batches", "sweep.before_close"]
)
def test_kill__in_the_sweep_is_taken_up_again(system: System, point: str) -> None:
    references = {system.issued(number) for number in range(3)}
    references |= {system.issued(9, uai="0310002J", chef="chef BC")}
    live_until(system, END)
    assert killed_process(system, point, tick, END) == -signal.SIGKILL
    system.clock.set(END + timedelta(hours=1))
    system.tick()
    system.tick()
    assert {row.state for row in system.requests().values()} == {"revoked"}
    assert {row.version for row in system.requests().values()} == {8}
    assert set(system.removals()) == references
    assert len(system.mails("year_end")) == 2
    assert len(system.mails("year_end_report")) == 1
    assert system.flaws() == []


@pytest.mark.rule("R46", "R50")
@pytest.mark.parametrize("point", ["dated_revocations.before_commit", "engine.after_commit"])
def test_kill__in_the_dated_revocations_is_taken_up_again(system: System, point: str) -> None:
    reference = dated(system)
    system.tick()
    assert killed_process(system, point, tick, MIDNIGHT) == -signal.SIGKILL
    system.clock.set(MIDNIGHT + timedelta(hours=1))
    system.tick()
    assert system.state(reference) == "revoked"
    assert len(system.mails("revoked")) == 1
    assert system.flaws() == []
