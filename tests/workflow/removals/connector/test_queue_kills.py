"""A machine killed between the call and its record: another repeats it, and the server does it once (R82, R84)."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.forked_process import exit_code_of
from tests.kit.oda_server import oda_server
from tests.kit.system import System
from tests.workflow.removals.connector.killed_process import play_round
from tests.workflow.removals.connector.office import Office
from tests.workflow.removals.connector.test_service import START, counts


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Office]:
    with oda_server(tmp_path) as oda:
        system = System(database_url, START)
        yield Office(system, oda)
        system.close()


@pytest.mark.rule("R82", "R84")
@pytest.mark.parametrize("point", ["connector.before_call", "connector.after_call", "connector.before_commit"])
def test_kill__leaves_one_effect_and_one_confirmation(office: Office, point: str) -> None:
    [reference] = office.revoked(1)
    oda = office.oda
    pem, port = str(oda.certificate.pem), oda.port
    assert exit_code_of(play_round, office.system.url, START, point, pem, port) == -signal.SIGKILL
    assert len(oda.received) == (point != "connector.before_call")
    assert office.system.removals()[reference].outcome is None
    assert counts(office.connector.round()) == (0, 0, 0), "the dead machine's lease still runs"
    office.later(seconds=office.lease.total_seconds())
    assert counts(office.connector.round()) == (1, 0, 0)
    assert len(oda.effects) == 1
    assert len({call.key for call in oda.received}) == 1
    assert office.system.removals()[reference].outcome == "kept"
    assert office.system.flaws() == []
