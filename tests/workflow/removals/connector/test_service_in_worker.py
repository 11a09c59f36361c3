"""The connector within a running service: a server that hangs delays neither the tick nor the stop (R84)."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.databases import fresh_url
from tests.kit.oda_server import OdaServer, drips, oda_server
from tests.kit.portal import STAFF, Portal, open_portal
from workflow.schedule.tick import Ticker, TickResult
from workflow.worker import Worker

pytestmark = pytest.mark.rule("R84")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OdaServer]:
    with oda_server(tmp_path, host="127.0.0.1") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate.pem))
        yield server


@pytest.fixture
def portal(tmp_path: Path, server: OdaServer) -> Iterator[Portal]:
    settings = server.installed_in(tmp_path, timeout_seconds="2")
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=settings) as portal:
        for number in (1, 2, 3):
            reference = portal.issued(number)
            portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
        yield portal


def test_worker__ticks_and_stops_while_the_server_hangs(portal: Portal, server: OdaServer) -> None:
    server.will(drips(), drips(), drips())
    worker = Worker(portal.app)
    ticked = threading.Event()
    with worker.beside():
        for _ in range(200):
            if server.received or ticked.wait(0.05):
                break
        assert server.received, "the call is made by the service itself"
        worker.tick()  # while the call hangs
        ticked.set()
    assert len(server.received) == 1, "stopped after the call in hand"
    assert portal.app.connector
    assert portal.app.connector.rests_until is not None


@pytest.mark.rule("R82")
def test_worker__asks_nothing_while_its_clock_is_off(
    portal: Portal, server: OdaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(portal.app)
    with monkeypatch.context() as off:
        off.setattr(Ticker, "tick", lambda _self: TickResult(clock_skew=timedelta(minutes=5)))
        worker.tick()
        worker.call()
    assert server.received == []
    worker.tick()
    worker.call()
    assert len(server.effects) == 3


def test_worker__survives_what_the_connector_raises(
    portal: Portal, server: OdaServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise MemoryError("Nomb Prénom")

    monkeypatch.setattr("workflow.removals.connector.service.Connector.round", fails)
    Worker(portal.app).call()
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("calls failed: incident ")
    assert " : MemoryError, " in message
    assert "Nomb" not in message
    assert server.received == []
