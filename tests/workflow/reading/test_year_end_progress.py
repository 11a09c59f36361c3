"""How far an end is, seen while several machines sweep it, and after one of them died (R50, R85)."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from notifications import ports
from tests.kit.world import World
from tests.workflow.test_year_end import END, SEPTEMBER, YEAR, live_until
from workflow.year_end.report import EndStage, Progress, progress_of

pytestmark = [pytest.mark.rule("R85"), pytest.mark.rule("R50")]
SIX = (("0310001H", "chef A"), ("0310002J", "chef BC"))


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url, SEPTEMBER)
    for number in range(6):
        uai, chef = SIX[number % 2]
        world.issued(number, uai=uai, chef=chef)
    live_until(world, END)
    yield world
    world.close()


def look(world: World) -> Progress:
    now = world.clock.now()
    with world.database.read() as connection:
        seen = progress_of(connection, world.policy, world.ends.verdicts(connection, now), now)
    assert seen is not None
    return seen


def small_batches(world: World) -> None:
    world.ends._sweep._size = 1


class Killed(BaseException):
    """What a machine that dies raises nowhere."""


def test_progress__while_several_sweep_counts_each_request_once(world: World) -> None:
    seen: list[Progress] = []
    world.ends.observe(world.schedule, "a")
    end = world.policy.calendar.end_of(YEAR)
    small_batches(world)
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(look(world))
        seen.append(look(world))

    def sweep() -> None:
        world.ends.run(end, world.schedule)

    watcher, sweepers = threading.Thread(target=watch), [threading.Thread(target=sweep) for _ in range(2)]
    for thread in (watcher, *sweepers):
        thread.start()
    for thread in sweepers:
        thread.join()
    world.ends.run(end, world.schedule)  # what each left to the other
    done.set()
    watcher.join()
    assert {one.total for one in seen} == {6}
    revoked = [one.revoked for one in seen]
    assert revoked == sorted(revoked)
    assert (seen[-1].stage, seen[-1].revoked) == (EndStage.OVER, 6)


def test_progress__after_a_kill_it_goes_on_from_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(world)
    real: Callable[[str], None] = ports.crash_point

    def die(name: str) -> None:
        if name == "sweep.between_batches":
            raise Killed

    monkeypatch.setattr("workflow.year_end.sweep.crash_point", die)
    with pytest.raises(Killed):
        world.tick()
    seen = look(world)
    assert (seen.stage, seen.revoked, seen.live) == (EndStage.RUNNING, 3, 3)
    world.clock.advance(minutes=10)
    assert look(world).stage is EndStage.STUCK
    monkeypatch.setattr("workflow.year_end.sweep.crash_point", real)
    world.restart()
    world.tick()
    seen = look(world)
    assert (seen.stage, seen.revoked, seen.live, seen.moved_at) == (EndStage.OVER, 6, 0, None)


def test_progress__is_worth_following_from_the_eve_until_it_is_over(world: World) -> None:
    world.clock.set(END - timedelta(days=3))
    assert (look(world).stage, look(world).is_worth_following) == (EndStage.TO_COME, False)
    world.clock.set(END - timedelta(hours=3))
    assert (look(world).stage, look(world).is_worth_following) == (EndStage.TO_COME, True)
    world.clock.set(END)
    assert look(world).is_worth_following
    world.tick()
    assert not look(world).is_worth_following
