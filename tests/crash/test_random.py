"""``kill -9`` at any time, two processes at once on one database: every request is whole or not there (R8, R9)."""

import multiprocessing
import os
import random
import time
from multiprocessing.process import BaseProcess

import pytest

from tests.kit.forked_process import forked
from tests.kit.killed_process import endless_work, play
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import SEPTEMBER

ROUNDS = 4


def start(system: System) -> BaseProcess:
    """A process that works without end, once it has begun."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with receiver, sender:
        process = forked(play, endless_work, system.url, SEPTEMBER, "", 1, sender)
        assert receiver.poll(60)
    return process


@pytest.mark.rule("R8", "R9")
def test_kill__at_random_with_two_processes(database_url: str) -> None:
    seed = int(os.environ.get("ODA_SEED", random.randrange(10**6)))
    print(f"ODA_SEED={seed}")
    draw = random.Random(seed)
    system = System(database_url, SEPTEMBER)
    for _ in range(ROUNDS):
        processes = [start(system), start(system)]
        time.sleep(draw.uniform(0.05, 0.6))
        for process in processes:
            process.kill()
            process.join(30)
    requests = system.requests()
    assert len(requests) >= ROUNDS
    assert {(row.state, row.version) for row in requests.values()} <= {("declared", 1), ("revoked", 2)}
    assert len(system.mails("declared")) == len(requests)
    assert len(system.mails("withdrawn")) == sum(row.state == "revoked" for row in requests.values())
    assert system.flaws() == []
    system.close()
