"""The worker beside something else: it begins, ends when asked, and never dies unseen."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from tests.kit.databases import fresh_url
from tests.kit.portal import Portal, open_portal
from tests.workflow.webhooks.scene import SECRET
from workflow.database.schedule_tables import NODE
from workflow.settings.services import WebhookEndpoint
from workflow.worker import TICK_SECONDS, EveryMinute, Worker, keep_due


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        yield portal


def test_beside__ticks_at_once_and_ends_with_the_body(portal: Portal) -> None:
    ticked = threading.Event()
    with Worker(portal.app, lambda _: ticked.set()).beside():
        assert ticked.wait(20)
    assert "oda-worker" not in {thread.name for thread in threading.enumerate()}
    with portal.app.database.read() as connection:
        assert connection.execute(NODE.select()).first()


def test_beside__a_worker_that_dies_is_told_and_raised(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(*_: object) -> None:
        raise MemoryError

    event = threading.Event()
    monkeypatch.setattr("notifications.delivery.dispatcher.Dispatcher.run", die)
    with pytest.raises(MemoryError), Worker(portal.app).beside(event.set):
        assert event.wait(20)


def test_beside__the_body_s_own_error_is_not_hidden(portal: Portal) -> None:
    with pytest.raises(KeyError), Worker(portal.app).beside():
        raise KeyError("corps")


def test_worker__is_ready_before_its_first_tick_and_turns_during_it(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first tick may catch up a year's end, which takes longer than systemd waits for a start."""
    steps: list[str] = []
    turned = threading.Event()
    monkeypatch.setattr("workflow.worker.WATCH_SECONDS", 0.01)
    worker = Worker(
        portal.app, lambda _: steps.append(f"ticked {turned.wait(20)}"), turned.set, lambda: steps.append("ready")
    )
    with worker.beside():
        assert turned.wait(20)
    assert steps == ["ready", "ticked True"]


@pytest.mark.rule("R52", "R82")
@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=200)])
def test_keep_due__a_clock_set_back_stops_no_tick(ahead: timedelta) -> None:
    """APScheduler reckons its next run by the wall clock, which stood ahead; what is due in a minute is left alone."""
    scheduler = BackgroundScheduler(timezone="UTC")
    now = datetime.now(UTC)
    scheduler.add_job(print, EveryMinute(), next_run_time=now + ahead, id="put off")
    scheduler.add_job(print, EveryMinute(), next_run_time=now + timedelta(seconds=60), id="soon")
    scheduler.start(paused=True)
    try:
        keep_due(scheduler, now)
        assert {job.id: job.next_run_time - now for job in scheduler.get_jobs()} == {
            "put off": timedelta(0), "soon": timedelta(seconds=60),
        }  # fmt: skip
    finally:
        scheduler.shutdown()


@pytest.mark.rule("R52")
def test_every_minute__a_clock_that_leaps_makes_one_run_due_not_all_those_of_a_century() -> None:
    now = datetime.now(UTC)
    trigger = EveryMinute()
    assert trigger.get_next_fire_time(now - timedelta(days=36_500), now) == now + timedelta(seconds=TICK_SECONDS)


def test_worker__watches_its_jobs(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = threading.Event()
    monkeypatch.setattr("workflow.worker.WATCH_SECONDS", 0)
    monkeypatch.setattr("workflow.worker.keep_due", lambda *_: watched.set())
    with Worker(portal.app).beside():
        assert watched.wait(20)


@pytest.mark.rule("R115")
def test_tick__an_error_is_logged_with_its_number_and_its_place_and_no_text(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise KeyError("Ab12Cd34")

    monkeypatch.setattr(portal.app.ticker, "tick", fail)
    Worker(portal.app).tick()
    (record,) = [record for record in caplog.records if record.msg == "tick failed: %s"]
    assert re.fullmatch(
        r"tick failed: incident [0-9A-F]{8} : KeyError, workflow/worker\.py:\d+ > .*test_worker\.py:\d+",
        record.getMessage(),
    )
    assert "Ab12Cd34" not in caplog.text


@pytest.mark.rule("R118")
def test_webhooks__each_endpoint_waits_by_itself_and_all_end_with_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten that answer nothing must hold none of the threads by which mails are sent."""
    names = [f"logiciel-{letter}" for letter in "abcdefghij"]
    (tmp_path / "secrets").mkdir(mode=0o700)
    for name in names:
        secret = tmp_path / "secrets" / f"webhook-{name}"
        secret.write_text(SECRET)
        secret.chmod(0o600)
    endpoints = "".join(f"    - name: {name}\n      url: https://{name}.ac-toulouse.fr/oda\n" for name in names)
    threads: dict[str, str] = {}
    all_wait, answer = threading.Event(), threading.Event()

    def tell(_: Worker, endpoint: WebhookEndpoint) -> None:
        threads[endpoint.name] = threading.current_thread().name
        if len(threads) == len(names):
            all_wait.set()
        answer.wait(20)

    monkeypatch.setattr(Worker, "tell", tell)
    settings = f"webhooks:\n  endpoints:\n{endpoints}"
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=settings) as portal:
        with Worker(portal.app).beside():
            assert all_wait.wait(10)
            answer.set()
        assert {name.rpartition("_")[0] for name in threads.values()} == {"oda-webhook"}
        alive = {thread.name for thread in threading.enumerate()}
        assert alive.isdisjoint(threads.values())
