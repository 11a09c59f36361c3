"""``kill -9`` at any time, two processes at once on one database: every request is whole or not there (R8, R9)."""

import os
import random
import subprocess
import sys
import time

import pytest

from tests.kit.world import World
from tests.workflow.test_year_end import SEPTEMBER

ROUNDS = 4


def start(world: World) -> "subprocess.Popen[str]":
    """A process that works without end, once it has begun."""
    arguments = [world.url, SEPTEMBER.isoformat(), "-", "0", "toil"]
    command = [sys.executable, "-m", "tests.kit.victim", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.rule("R8", "R9")
def test_kill__at_random_with_two_processes(database_url: str) -> None:
    seed = int(os.environ.get("ODA_SEED", random.randrange(10**6)))
    print(f"ODA_SEED={seed}")
    draw = random.Random(seed)
    world = World(database_url, SEPTEMBER)
    for _ in range(ROUNDS):
        processes = [start(world), start(world)]
        time.sleep(draw.uniform(0.05, 0.6))
        for process in processes:
            process.kill()
            process.communicate(timeout=30)
    requests = world.requests()
    assert len(requests) >= ROUNDS
    assert {(row.state, row.version) for row in requests.values()} <= {("declared", 1), ("revoked", 2)}
    assert len(world.mails("declared")) == len(requests)
    assert len(world.mails("withdrawn")) == sum(row.state == "revoked" for row in requests.values())
    assert world.flaws() == []
    world.close()
