"""The demonstration's clock, and the loop that makes its time pass: the schedule, the mails, the visitor's jumps."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from workflow.app import App
from workflow.schedule.tick import TickResult

DELIVERY_INTERVAL_S: Final = 1.0
"""The pause between two deliveries: nobody should wait for a sign-in link."""

DELIVERIES_A_TICK: Final = 60

JUMP_STEP: Final = timedelta(days=20)
"""A jump is made of such steps, each with a tick: a service that is seen alive is not held back (R52)."""

SWEPT_AFTER: Final = timedelta(minutes=1)
"""The schedule really sweeps in the first minute after the year's last day (R50)."""

_log = logging.getLogger("oda")


class DemoClock:
    """Stands still until ``run``; then runs as time does, from wherever it is set."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)
        self._since: float | None = None

    def now(self) -> datetime:
        at, since = self._at, self._since
        return at if since is None else at + timedelta(seconds=time.monotonic() - since)

    def set(self, at: datetime) -> None:
        """Go to this instant."""
        self._at = at.astimezone(UTC)
        if self._since is not None:
            self._since = time.monotonic()

    def run(self) -> None:
        """Let time pass from now on."""
        self._since = time.monotonic()


class BackgroundLoop:
    """Ticks and sends, under one lock: time never jumps while a mail is being sent."""

    def __init__(self, app: App, clock: DemoClock) -> None:
        self._app, self._clock = app, clock
        self._lock = threading.RLock()
        self._wake, self._stop = threading.Event(), threading.Event()

    def tick(self) -> TickResult:
        """Run the schedule once."""
        with self._lock:
            return self._app.ticker.tick()

    def deliver(self) -> int:
        """Send all that is due; return how many mails the relay took."""
        with self._lock:
            return asyncio.run(self._app.dispatcher.run_once())

    def jump(self, until: datetime) -> tuple[TickResult, int]:
        """Go forward to that instant, the schedule passing on the way; return what it did and how many mails left."""
        total, sent, calendar = TickResult(), 0, self._app.policy.calendar
        with self._lock:
            sent += self.deliver()
            while (now := self._clock.now()) < until:
                year_end = calendar.end_of(calendar.open_years(now)[0]).ends_at
                self._clock.set(min(now + JUMP_STEP, until, year_end + SWEPT_AFTER))
                result = self.tick()
                for year, count in result.revoked.items():
                    total.revoked[year] = total.revoked.get(year, 0) + count
                total.new_holds = result.new_holds
                total.erased += result.erased
                total.due_reports += result.due_reports
                total.daily_mails += result.daily_mails
                sent += self.deliver()
        return total, sent

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let time pass, in a thread, while the body runs."""
        self._clock.run()
        self._app.engine.on_commit = self._wake.set
        thread = threading.Thread(target=self._run, name="oda-demo")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._wake.set()
            thread.join()

    def _run(self) -> None:
        deliveries = 0
        while not self._stop.is_set():
            try:
                self.deliver()
                if deliveries % DELIVERIES_A_TICK == 0:
                    self.tick()
            except Exception as error:  # as the worker does: what failed is tried again
                _log.error("tick failed: %s", type(error).__name__)
            deliveries += 1
            self._wake.wait(DELIVERY_INTERVAL_S)
            self._wake.clear()
