"""How far an end is, seen while several machines sweep it, and after one of them died (R50, R85)."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from notifications import ports
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import END, SEPTEMBER, YEAR, live_until
from workflow.year_end.report import EndStage, YearEndProgress, progress_of

pytestmark = [pytest.mark.rule("R85"), pytest.mark.rule("R50")]
SIX = (("0310001H", "chef A"), ("0310002J", "chef BC"))


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    for number in range(6):
        uai, chef = SIX[number % 2]
        system.issued(number, uai=uai, chef=chef)
    live_until(system, END)
    yield system
    system.close()


def look(system: System) -> YearEndProgress:
    now = system.clock.now()
    with system.database.read() as connection:
        progress = progress_of(connection, system.policy, system.ends.statuses(connection, now), now)
    assert progress is not None
    return progress


def small_batches(system: System) -> None:
    system.ends._sweep._size = 1


class Killed(BaseException):
    """What a machine that dies raises nowhere."""


def test_progress__while_several_sweep_counts_each_request_once(system: System) -> None:
    readings: list[YearEndProgress] = []
    system.ends.observe(system.schedule, "a")
    end = system.policy.calendar.end_of(YEAR)
    small_batches(system)
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            readings.append(look(system))
        readings.append(look(system))

    def sweep() -> None:
        system.ends.run(end, system.schedule)

    watcher, sweepers = threading.Thread(target=watch), [threading.Thread(target=sweep) for _ in range(2)]
    for thread in (watcher, *sweepers):
        thread.start()
    for thread in sweepers:
        thread.join()
    system.ends.run(end, system.schedule)  # what each left to the other
    done.set()
    watcher.join()
    assert {reading.total for reading in readings} == {6}
    revoked = [reading.revoked for reading in readings]
    assert revoked == sorted(revoked)
    assert (readings[-1].stage, readings[-1].revoked) == (EndStage.OVER, 6)


def test_progress__after_a_kill_it_goes_on_from_there(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(system)
    real: Callable[[str], None] = ports.crash_point

    def die(name: str) -> None:
        if name == "sweep.between_batches":
            raise Killed

    monkeypatch.setattr("workflow.year_end.service.crash_point", die)
    with pytest.raises(Killed):
        system.tick()
    progress = look(system)
    assert (progress.stage, progress.revoked, progress.live) == (EndStage.RUNNING, 3, 3)
    system.clock.advance(minutes=10)
    assert look(system).stage is EndStage.STUCK
    monkeypatch.setattr("workflow.year_end.service.crash_point", real)
    system.restart()
    system.tick()
    progress = look(system)
    assert (progress.stage, progress.revoked, progress.live, progress.moved_at) == (EndStage.OVER, 6, 0, None)


def test_progress__is_worth_following_from_the_eve_until_it_is_over(system: System) -> None:
    system.clock.set(END - timedelta(days=3))
    assert (look(system).stage, look(system).is_worth_following) == (EndStage.TO_COME, False)
    system.clock.set(END - timedelta(hours=3))
    assert (look(system).stage, look(system).is_worth_following) == (EndStage.TO_COME, True)
    system.clock.set(END)
    assert look(system).is_worth_following
    system.tick()
    assert not look(system).is_worth_following


@pytest.mark.rule("R50", "R54")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_sweep__two_machines_stand_before_their_commits_at_once(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Each holds establishments of its own, which the other skips: without that lock one waits for what the other does.

    Neither sees what the other has not committed, so both would plan the same revocations; the database then makes
    one wait in the middle of its writing, and a machine that hangs there would hold up the whole year's end.
    """
    system.ends.observe(system.schedule, "a")
    end = system.policy.calendar.end_of(YEAR)
    small_batches(system)
    real: Callable[[str], None] = ports.crash_point
    both, met, errors = threading.Barrier(2, timeout=20), threading.local(), list[BaseException]()
    counts: list[int] = []

    def freeze(name: str) -> None:
        real(name)
        if name == "sweep.before_commit" and not hasattr(met, "other"):
            met.other = True
            both.wait()
            counts.append(look(system).revoked)
            both.wait()

    def sweep() -> None:
        try:
            system.ends.run(end, system.schedule)
        except BaseException as error:
            errors.append(error)

    monkeypatch.setattr("workflow.year_end.service.crash_point", freeze)
    machines = [threading.Thread(target=sweep) for _ in range(2)]
    for machine in machines:
        machine.start()
    for machine in machines:
        machine.join()
    assert errors == [], "one waited for the other"
    assert counts == [0, 0], "neither had committed"
    system.ends.run(end, system.schedule)  # what each left to the other
    assert (look(system).stage, look(system).revoked) == (EndStage.OVER, 6)
    assert system.flaws() == []
