"""Two machines at the end of a year: one is killed, the database restarts, and nothing of it shows (R50, R54, R82).

ODA_SWEEP_REQUESTS says how many requests: 300 by default, in batches as much smaller; 100,000 to judge.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bench.population import POLICY, YEAR
from tests.kit.postgresql_server import PrivateServer, private_server
from tests.kit.worker_processes import Installation, is_frozen, send_signal, stopped
from workflow.database.schedule_tables import NODE
from workflow.database.tables import REQUEST
from workflow.year_end.report import revoked_so_far
from workflow.year_end.service import BATCH

REQUESTS = int(os.environ.get("ODA_SWEEP_REQUESTS", "300"))
SIZE = min(BATCH, REQUESTS // 3)
MIDDLE = max(1, REQUESTS // SIZE // 4)
"""At which of its batches a machine meets its fate."""
LONG = 60 + REQUESTS / 100
"""Seconds that a whole end may take, on a machine that is busy with other things."""


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as server:
        yield server


@pytest.fixture(scope="module")
def expected(server: PrivateServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """What one machine leaves that nothing befalls."""
    alone = Installation(
        tmp_path_factory.mktemp("quiet") / "installation", server.make_database("oda_quiet"), REQUESTS, batch=SIZE
    )
    with alone.node("seul") as process:
        alone.waits(Installation.is_over, LONG)
        assert stopped(process) == 0
    state = alone.end_state()
    alone.close()
    return state


@pytest.mark.rule("R50", "R54", "R82")
def test_end__one_machine_killed_and_the_database_restarted_is_as_without(
    server: PrivateServer, expected: dict[str, list[object]], tmp_path: Path
) -> None:
    assert len(expected["requests"]) == REQUESTS
    two = Installation(tmp_path / "two", server.make_database("oda_stormy"), REQUESTS, batch=SIZE)
    begun = time.monotonic()
    with (
        two.node("un", "sweep.before_commit", MIDDLE) as first,
        two.node("deux", "sweep.before_commit", MIDDLE, signal.SIGSTOP) as second,
    ):
        first.join(LONG)
        assert first.exitcode == -signal.SIGKILL
        two.waits(lambda _: is_frozen(second), LONG)
        with two.database.read() as connection:
            live = connection.execute(select(REQUEST.c.reference).where(REQUEST.c.state != "revoked")).all()
        assert live, "both were in the middle"
        server.restart()  # under a machine that holds a transaction open
        send_signal(second, signal.SIGCONT)
        two.waits(Installation.is_over, LONG)
        assert second.exitcode is None, "the one that is left never stopped"
        two.waits(lambda installation: "tick failed: " in installation.log("deux"), 5)
        assert stopped(second) == 0
    print(f"{REQUESTS} requests, two machines, one killed, a restart: {time.monotonic() - begun:.0f} s")
    end_state = two.end_state()
    assert {name: len(rows) for name, rows in end_state.items()} == {name: len(rows) for name, rows in expected.items()}
    assert end_state == expected
    assert two.flaws() == []
    two.close()


@pytest.mark.rule("R82", "R85")
def test_end__two_machines_share_it_and_its_progress_counts_both(server: PrivateServer, tmp_path: Path) -> None:
    both = Installation(tmp_path / "both", server.make_database("oda_both"), REQUESTS, batch=SIZE)
    end = POLICY.calendar.end_of(YEAR)
    with (
        both.node("un", "sweep.between_batches", 1, signal.SIGSTOP) as first,
        both.node("deux", "sweep.between_batches", 1, signal.SIGSTOP) as second,
    ):
        both.waits(lambda _: is_frozen(first) and is_frozen(second), LONG)
        with both.database.read() as connection:
            revoked = connection.execute(select(REQUEST.c.reference).where(REQUEST.c.state == "revoked")).all()
            assert revoked_so_far(connection, end) == len(revoked) == 2 * SIZE, "one batch each, and no request twice"
            hosts = connection.execute(select(NODE.c.host).where(NODE.c.heard_at.is_not(None))).scalars()
            assert set(hosts) == {"un", "deux"}
        send_signal(first, signal.SIGCONT)
        send_signal(second, signal.SIGCONT)
        both.waits(Installation.is_over, LONG)
        assert (stopped(first), stopped(second)) == (0, 0)
    with both.database.read() as connection:
        assert revoked_so_far(connection, end) == REQUESTS
    assert both.flaws() == []
    both.close()


@pytest.mark.rule("R50", "R54", "R82")
def test_end__two_machines_in_the_middle_of_a_batch_have_each_their_own(
    server: PrivateServer, expected: dict[str, list[object]], tmp_path: Path
) -> None:
    """Neither waits for the other, nor meets what it wrote: whoever has an establishment's row has its requests."""
    both = Installation(tmp_path / "both", server.make_database("oda_frozen"), REQUESTS, batch=SIZE)
    with (
        both.node("un", "sweep.before_commit", 1, signal.SIGSTOP) as first,
        both.node("deux", "sweep.before_commit", 1, signal.SIGSTOP) as second,
    ):
        both.waits(lambda _: is_frozen(first) and is_frozen(second), LONG)
        send_signal(first, signal.SIGCONT)
        send_signal(second, signal.SIGCONT)
        both.waits(Installation.is_over, LONG)
        assert (stopped(first), stopped(second)) == (0, 0)
    assert both.end_state() == expected
    assert [name for name in ("un", "deux") if "failed" in both.log(name)] == []
    assert both.flaws() == []
    both.close()
