"""Killed at each named point of the write path and of the sweep, on both databases (R8, R10, R50)."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.kit.world import World
from tests.workflow.test_year_end import END, SEPTEMBER, live_until


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url, SEPTEMBER)
    yield world
    world.close()


def victim(world: World, point: str, nth: int, scene: str, at: datetime) -> int:
    """Run the scene in a process of its own; returns how it ended."""
    arguments = [world.url, at.isoformat(), point, str(nth), scene]
    command = [sys.executable, "-m", "tests.kit.victim", *arguments]
    return subprocess.run(command, check=False, timeout=60).returncode


def ready_to_issue(world: World) -> str:
    """A request checked twice, one step before its code."""
    reference = world.issued(only_ready=True)
    assert world.state(reference) == "requested"
    return reference


@pytest.mark.rule("R8", "R10", "R55")
@pytest.mark.parametrize("point", ["engine.before_write", "engine.after_write", "engine.before_commit"])
def test_kill__before_the_commit_leaves_nothing(world: World, point: str) -> None:
    reference = ready_to_issue(world)
    before = world.dump()
    assert victim(world, point, 1, "issue", SEPTEMBER) == -signal.SIGKILL
    assert world.dump() == before
    assert victim(world, "-", 0, "issue", SEPTEMBER) == 0
    assert world.state(reference) == "code_issued"
    assert len(world.mails("code_issued")) == 1
    assert world.sealed() == {reference}
    assert world.flaws() == []


@pytest.mark.rule("R10")
def test_kill__after_the_commit_is_done_once(world: World) -> None:
    reference = ready_to_issue(world)
    assert victim(world, "engine.after_commit", 1, "issue", SEPTEMBER) == -signal.SIGKILL
    assert world.state(reference) == "code_issued"
    after = world.dump()
    assert victim(world, "-", 0, "issue", SEPTEMBER) == 0, "the same key again: the same answer, nothing done"
    assert world.dump() == after
    assert len(world.mails("code_issued")) == 1


@pytest.mark.rule("R50", "R54")
@pytest.mark.parametrize(
    "point", ["year_end.observed", "sweep.before_commit", "sweep.between_batches", "sweep.before_close"]
)
def test_kill__in_the_sweep_is_taken_up_again(world: World, point: str) -> None:
    references = {world.issued(number) for number in range(3)}
    references |= {world.issued(9, uai="0310002J", chef="chef BC")}
    live_until(world, END)
    assert victim(world, point, 1, "tick", END) == -signal.SIGKILL
    world.clock.set(END + timedelta(hours=1))
    world.tick()
    world.tick()
    assert {row.state for row in world.requests().values()} == {"revoked"}
    assert {row.version for row in world.requests().values()} == {8}
    assert set(world.removals()) == references
    assert len(world.mails("year_end")) == 2
    assert len(world.mails("year_end_report")) == 1
    assert world.flaws() == []
