"""The dispatcher's life: woken, polling, stopped, outliving a database that fails."""

import asyncio

import pytest

from notifications.delivery import dispatcher as delivery
from notifications.outbox.queue import Pause
from notifications.vocabulary import Stage
from tests.notifications.office import Office, draft

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


async def live(office: Office, *, wake: bool = False) -> None:
    """Run until one mail has arrived, then stop."""
    stop = asyncio.Event()
    running = asyncio.create_task(office.dispatcher.run(stop))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(office.enqueue, draft())
    if wake:
        await asyncio.to_thread(office.dispatcher.wake)
    for _ in range(150):
        if office.relay.received:
            break
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(running, 5)


def test_run__sends_when_woken_and_stops_when_told(office: Office) -> None:
    asyncio.run(live(office, wake=True))
    assert len(office.relay.received) == 1
    assert office.only().stage is Stage.SENT


def test_run__polling_needs_no_hint(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "POLL_SECONDS", 0.02)
    asyncio.run(live(office))
    assert len(office.relay.received) == 1


def test_wake__before_or_after_the_loop_is_harmless(office: Office) -> None:
    office.dispatcher.wake()
    for arrived in (1, 2):
        office.relay.received.clear()
        asyncio.run(live(office, wake=True))
        office.dispatcher.wake()
        assert len(office.mails()) == arrived
    assert office.send() == 0
    office.enqueue(draft())
    assert office.send() == 1


@pytest.mark.rule("R60")
def test_run__outlives_a_database_that_fails_and_logs_no_secret(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(delivery, "POLL_SECONDS", 0.01)
    desk = office.dispatcher._store
    real, failures = desk.poll, iter([True, True])

    def flaky(limit: int) -> tuple[int, Pause | None]:
        if next(failures, False):
            raise RuntimeError("S3cretAB12 must not be logged")
        return real(limit)

    monkeypatch.setattr(desk, "poll", flaky)
    asyncio.run(live(office))
    assert len(office.relay.received) == 1
    assert "S3cret" not in caplog.text
    assert "RuntimeError" in caplog.text
