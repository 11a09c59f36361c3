"""The worker: ticks every minute, asks the connector, dispatches mails, until it is told to stop.

APScheduler only calls it each minute, with a memory store: what is due is computed from the data, so a run that was
missed, doubled or late does no harm (docs/adr/0004). It reckons by the wall clock: ``keep_due`` watches, by a counter
that no clock sets back, that the next run is never farther than a minute away.

systemd is told by ``sd_notify`` that this process is ready, then that each of its loops turns. Nothing is told, and
nothing fails, where ``NOTIFY_SOCKET`` is not in the environment.
"""

import asyncio
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger

from notifications.delivery.probe import read_certificate
from notifications.ports import words_of
from notifications.vocabulary import RelayCertificate
from workflow.app import App
from workflow.database.connection import refuse_other_machine, this_host
from workflow.health.report import TickFailure
from workflow.schedule.nodes import record_certificate, refusal
from workflow.schedule.tick import TickResult
from workflow.settings.services import WebhookEndpoint

LONGEST_TURN_S: Final = 60
"""Seconds after which a loop that has not turned is stuck: the portal's turns each second, the worker's every ten."""

TICK_SECONDS = 60

WEBHOOKS_SECONDS: Final = 5
"""How often what is due to another system is looked for."""

WATCH_SECONDS: Final = 10

CERTIFICATE_SECONDS: Final = 3600
"""How often the relay's certificate is looked at."""

CERTIFICATE_AGAIN_SECONDS: Final = 60
"""The same while it is not seen or not admitted, so that what was mended is known within two minutes."""

MOST_CALLS: Final = 10_000
"""Calls of the connector in one round, or to one other system, which stops at once when the service does."""

_log = logging.getLogger("oda")


class Worker:
    """The scheduler and the dispatcher of one process: any number may run on PostgreSQL, one machine on SQLite."""

    def __init__(
        self,
        app: App,
        on_tick: Callable[[TickResult], None] = lambda _: None,
        on_turn: Callable[[], None] = lambda: None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_turn`` is called every ten seconds while its loop turns, ``on_ready`` before its first tick."""
        self._app = app
        self._on_tick, self._on_turn, self._on_ready = on_tick, on_turn, on_ready
        self._stopping = threading.Event()
        self._may_act = True
        app.engine.on_commit = app.dispatcher.wake

    def check_place(self) -> None:
        """Raise OtherMachine when another machine ticks on this SQLite file."""
        if self._app.database.is_postgresql:
            return
        with self._app.database.read() as connection:
            refuse_other_machine(connection, self._app.clock.now(), this_host())

    def tick(self) -> None:
        """Tick once. An error never stops the scheduler: it is logged by its class, and the next tick tries again."""
        try:
            with self._app.database.background():
                self.check_place()
                result = self._app.ticker.tick()
                self._may_act = result.may_act
                if result.clock_skew is not None:
                    _log.error("%s", refusal(result.clock_skew))
                self._on_tick(result)
                self._app.export_journal.catch_up()
            self._app.health.record_tick(TickFailure() if result.failures else None)
            self._app.dispatcher.wake()
            if self._app.supervisor_call and result.is_well:
                self._app.supervisor_call.begin()
        except Exception as error:
            self._app.health.record_tick(TickFailure.of(error))
            _log.error("tick failed: %s", words_of(error))

    def call(self) -> None:
        """Ask the ODA server for what is due (R84), beside the tick: a slow server delays nothing but itself.

        Nothing on a machine whose clock is off (R82).
        """
        if self._app.connector is None or not self._may_act:
            return
        try:
            with self._app.database.background():
                self.check_place()
                calls = self._app.connector.round(MOST_CALLS, self._stopping.is_set)
            if calls.total:
                _log.info("calls: %d confirmed, %d wait, %d refused", calls.confirmed, calls.waiting, calls.refused)
        except Exception as error:
            _log.error("calls failed: %s", words_of(error))

    async def watch_certificate(self) -> None:
        """Look at the relay's certificate from time to time (R115), in the loop: a slow relay delays no tick nor stop.

        Nothing on a machine whose clock is off (R82), nor while a restoration is held (R116).
        """
        while True:
            is_seen = self._may_act and await self._look_at_certificate()
            await asyncio.sleep(CERTIFICATE_SECONDS if is_seen else CERTIFICATE_AGAIN_SECONDS)

    async def _look_at_certificate(self) -> bool:
        """Return True once a certificate is admitted, or where none is shown."""
        settings = self._app.settings.mail
        certificate = await read_certificate(settings)
        if certificate is None and settings.relay.security != "none":
            return False

        def record() -> None:
            with self._app.database.background(), self._app.database.write() as connection:
                record_certificate(connection, self._app.machine or this_host(), certificate or RelayCertificate())

        try:
            await asyncio.to_thread(record)
        except Exception as error:
            _log.error("certificate not recorded: %s", words_of(error))
            return False
        return certificate is None or certificate.refused is None

    def tell(self, endpoint: WebhookEndpoint) -> None:
        """Tell another system what is due (R118), in a turn of its own: a slow one delays nobody but itself.

        Nothing on a machine whose clock is off (R82).
        """
        if self._app.webhooks is None or not self._may_act:
            return
        try:
            with self._app.database.background():
                self.check_place()
                self._app.webhooks.send_due(endpoint, MOST_CALLS, self._stopping.is_set)
        except Exception as error:
            _log.error("webhook %s failed: %s", endpoint.name, words_of(error))

    def run(self) -> None:
        """Tick at once, which catches up, then every minute; return on SIGINT, SIGTERM or SIGHUP."""
        self.check_place()
        asyncio.run(self._until_signalled())

    @contextmanager
    def beside(self, on_failure: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Run in a thread while the body, which listens to the signals, runs; mails being sent are finished.

        ``on_failure`` is called, in that thread, when the worker stops by itself; its error is raised at the end.
        """
        self.check_place()
        failures: list[BaseException] = []
        stopping = threading.Event()

        def work() -> None:
            try:
                asyncio.run(self._until_set(stopping))
            except BaseException as error:
                failures.append(error)
                on_failure()

        thread = threading.Thread(target=work, name="oda-worker")
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            self._app.dispatcher.wake()
            thread.join()
        if failures:
            raise failures[0]

    async def _until_signalled(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def end() -> None:
            self._app.database.hurry()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # not under nohup
                loop.add_signal_handler(number, end)
        await self._work(stop)

    async def _until_set(self, stopping: threading.Event) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def pass_on() -> None:
            await asyncio.to_thread(stopping.wait)
            stop.set()

        listening = loop.create_task(pass_on())
        try:
            await self._work(stop)
        finally:
            stopping.set()
            await listening

    async def _work(self, stop: asyncio.Event) -> None:
        scheduler = BackgroundScheduler(timezone="UTC")
        turning = asyncio.create_task(_each(WATCH_SECONDS, self._on_turn))  # first: a tick that catches up takes long
        try:
            self._on_ready()
            await self._tick_and_send(scheduler, stop)
        finally:
            turning.cancel()

    async def _tick_and_send(self, scheduler: BackgroundScheduler, stop: asyncio.Event) -> None:
        await asyncio.to_thread(self.tick)
        options: dict[str, Any] = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        scheduler.add_job(self.tick, EveryMinute(), **options)
        if self._app.connector:
            now = datetime.now(UTC)
            scheduler.add_job(self.call, EveryMinute(), next_run_time=now, **options)
        scheduler.start()
        watching = asyncio.create_task(_each(WATCH_SECONDS, lambda: keep_due(scheduler, datetime.now(UTC))))
        looking = asyncio.create_task(self.watch_certificate())
        endpoints = self._app.settings.webhooks.endpoints
        # Threads of the endpoints alone: in the loop's own, some slow ones would stop the mails.
        threads = ThreadPoolExecutor(max(1, len(endpoints)), thread_name_prefix="oda-webhook")

        async def keep_telling(endpoint: WebhookEndpoint) -> None:
            while not self._stopping.is_set():
                await asyncio.get_running_loop().run_in_executor(threads, self.tell, endpoint)
                await asyncio.sleep(WEBHOOKS_SECONDS)

        telling = [asyncio.create_task(keep_telling(each)) for each in endpoints]
        try:
            with self._app.database.background():
                await self._app.dispatcher.run(stop)
        finally:
            watching.cancel()
            looking.cancel()
            self._stopping.set()
            for task in telling:
                task.cancel()
            await asyncio.to_thread(scheduler.shutdown)
            await asyncio.to_thread(threads.shutdown)


class EveryMinute(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A minute after each run, whatever was missed: APScheduler's own interval counts every run of a clock's leap."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:  # noqa: ARG002
        return now + timedelta(seconds=TICK_SECONDS)


def keep_due(scheduler: BaseScheduler, now: datetime) -> None:
    """Make due at once each job whose next run a clock that was ahead has put farther than an interval away."""
    for job in scheduler.get_jobs():
        if job.next_run_time and job.next_run_time - now > timedelta(seconds=TICK_SECONDS + WATCH_SECONDS):
            job.modify(next_run_time=now)


class ServiceManager:
    """The one that started this process. Its ``WatchdogSec`` restarts a process of which one loop is stuck."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._clock = clock
        self._turned: dict[str, float] = {}

    def ready(self) -> None:
        """Tell that what comes after this service may start."""
        self._send("READY=1")

    def loop(self, name: str) -> Callable[[], None]:
        """Return what this loop calls at each turn; from now on the process is alive while every loop turns."""

        def turn() -> None:
            self._turned[name] = now = self._clock()
            if all(now - last <= LONGEST_TURN_S for last in list(self._turned.values())):
                self._send("WATCHDOG=1")

        self._turned[name] = self._clock()
        return turn

    def _send(self, state: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address)


async def _each(seconds: float, action: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        action()
