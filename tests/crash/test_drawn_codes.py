"""Killed between the drawing, the file and the mails: no code twice, and none lost (R97)."""

import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from tests.kit import drawn_codes as kit
from tests.kit.forked_process import exit_code_of, forked
from tests.kit.killed_process import play
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import SEPTEMBER
from workflow.codes.batches import list_batches, send_codes

SEED = int(os.environ.get("ODA_SEED", random.SystemRandom().randrange(10**6)))


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = kit.drawing_system(database_url, SEPTEMBER)
    for number in range(1, 4):
        system.issued(number, only_ready=True)
    yield system
    system.close()


def draw(system: System) -> None:
    kit.draw(kit.drawing(system), *sorted(system.requests()))


def last_batch(system: System) -> int:
    """PostgreSQL gives no number twice: what a kill undid leaves a hole."""
    with system.database.read() as connection:
        return list_batches(connection)[0].number


def take(system: System) -> None:
    kit.take(kit.drawing(system), last_batch(system))


def send(system: System) -> None:
    references = sorted(system.requests())
    send_codes(kit.drawing(system).engine, last_batch(system), references, system.actors["opérateur"], key="send")


def whole_work(system: System) -> None:
    """All of it, as one who is killed anywhere does it again: the keys are the same."""
    draw(system)
    take(system)
    send(system)


def killed(system: System, point: str, scene: object) -> None:
    assert exit_code_of(play, scene, system.url, SEPTEMBER, point) == -signal.SIGKILL


@pytest.mark.rule("R97", "R8", "R10")
@pytest.mark.parametrize("point", ["engine.after_write", "codes.drawn"])
def test_kill__in_the_drawing_leaves_nothing(system: System, point: str) -> None:
    before = system.dump()
    killed(system, point, draw)
    assert system.dump() == before
    whole_work(system)
    assert len(system.mails("code_issued")) == 3
    assert system.flaws() == []


@pytest.mark.rule("R97", "R10")
def test_kill__after_the_drawing_draws_nothing_else(system: System) -> None:
    killed(system, "engine.after_commit", draw)
    codes = kit.codes(system)
    assert len(codes) == 3
    whole_work(system)
    assert kit.codes(system) == codes
    with system.database.read() as connection:
        assert len(list_batches(connection)) == 1


@pytest.mark.rule("R97")
@pytest.mark.parametrize("point", ["codes.file_noted", "codes.file_made"])
def test_kill__in_the_file_lets_it_be_taken(system: System, point: str) -> None:
    draw(system)
    codes = kit.codes(system)
    killed(system, point, take)
    assert system.mails("code_issued") == []
    content = kit.take(system, last_batch(system), key="again", why="la machine s'est arrêtée").content.decode(
        "utf-8-sig"
    )
    assert all(code in content for code in codes.values())
    send(system)
    assert kit.codes(system) == codes
    assert system.flaws() == []


@pytest.mark.rule("R97", "R10", "R55")
@pytest.mark.parametrize("point", ["engine.before_commit", "engine.after_commit"])
def test_kill__in_the_sending_sends_each_once(system: System, point: str) -> None:
    draw(system)
    take(system)
    codes = kit.codes(system)
    killed(system, point, send)
    send(system)
    assert len(system.mails("code_issued")) == 3
    assert kit.codes(system) == codes
    assert {row.state for row in system.requests().values()} == {"code_issued"}
    assert system.flaws() == []


@pytest.mark.rule("R97")
def test_kill__at_random_then_once_more(system: System) -> None:
    chance = random.Random(SEED)
    for _ in range(3):
        process = forked(play, whole_work, system.url, SEPTEMBER)
        time.sleep(chance.uniform(0.3, 1.2))
        process.kill()
        process.join()
        assert len(set(kit.codes(system).values())) == len(kit.codes(system))
    before = kit.codes(system)
    draw(system)
    assert before.items() <= kit.codes(system).items(), f"seed {SEED}"
    if kit.batch(system, last_batch(system)).is_open:
        kit.take(system, last_batch(system), key="last", why="la machine s'est arrêtée")
        send(system)
    assert len(system.mails("code_issued")) == 3
    assert system.flaws() == [], f"seed {SEED}"
