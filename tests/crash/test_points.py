"""Killed at each named point of the write path and of the sweep, on both databases (R8, R10, R50)."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.kit.system import System
from tests.workflow.year_end.test_sweep import END, SEPTEMBER, live_until


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def killed_process(system: System, point: str, nth: int, scene: str, at: datetime) -> int:
    """Run the scene in a process of its own; returns how it ended."""
    arguments = [system.url, at.isoformat(), point, str(nth), scene]
    command = [sys.executable, "-m", "tests.kit.killed_process", *arguments]
    return subprocess.run(command, check=False, timeout=60).returncode


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
    assert killed_process(system, point, 1, "issue", SEPTEMBER) == -signal.SIGKILL
    assert system.dump() == before
    assert killed_process(system, "-", 0, "issue", SEPTEMBER) == 0
    assert system.state(reference) == "code_issued"
    assert len(system.mails("code_issued")) == 1
    assert system.sealed() == {reference}
    assert system.flaws() == []


@pytest.mark.rule("R10")
def test_kill__after_the_commit_is_done_once(system: System) -> None:
    reference = ready_to_issue(system)
    assert killed_process(system, "engine.after_commit", 1, "issue", SEPTEMBER) == -signal.SIGKILL
    assert system.state(reference) == "code_issued"
    after = system.dump()
    assert killed_process(system, "-", 0, "issue", SEPTEMBER) == 0, "the same key again: the same answer, nothing done"
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
    assert killed_process(system, point, 1, "tick", END) == -signal.SIGKILL
    system.clock.set(END + timedelta(hours=1))
    system.tick()
    system.tick()
    assert {row.state for row in system.requests().values()} == {"revoked"}
    assert {row.version for row in system.requests().values()} == {8}
    assert set(system.removals()) == references
    assert len(system.mails("year_end")) == 2
    assert len(system.mails("year_end_report")) == 1
    assert system.flaws() == []
