"""The demonstration's clock: set by the story, then running, and moved forward by whoever looks."""

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


# What makes the demonstration's time pass: the schedule, the mails, and the jumps that whoever looks asks for.


LOOK_S: Final = 1.0
"""How often mails are looked for: a sign-in link should not be waited for."""


TICKS: Final = 60


STEP: Final = timedelta(days=20)
"""A jump is made of such steps, each with a tick: a service that is seen alive is not held back (R52)."""


_log = logging.getLogger("oda")


class BackgroundLoop:
    """One lock around all of it: time never jumps while a mail is in hand."""

    def __init__(self, app: App, clock: DemoClock) -> None:
        self._app, self._clock = app, clock
        self._lock = threading.RLock()
        self._wake, self._stop = threading.Event(), threading.Event()

    def beat(self) -> TickResult:
        """One tick."""
        with self._lock:
            return self._app.ticker.tick()

    def deliver(self) -> int:
        """Send all that is due; returns how many the relay took."""
        with self._lock:
            return asyncio.run(self._app.dispatcher.run_once())

    def jump(self, until: datetime) -> tuple[TickResult, int]:
        """Go forward to that instant, the schedule passing on the way; returns what it did and how many mails left."""
        whole, sent = TickResult(), 0
        with self._lock:
            sent += self.deliver()
            while (now := self._clock.now()) < until:
                self._clock.set(min(now + STEP, until, self._after_the_end(now)))
                ticked = self.beat()
                for year, count in ticked.revoked.items():
                    whole.revoked[year] = whole.revoked.get(year, 0) + count
                whole.new_holds = ticked.new_holds
                whole.erased += ticked.erased
                whole.due_reports += ticked.due_reports
                whole.daily_mails += ticked.daily_mails
                sent += self.deliver()
        return whole, sent

    def _after_the_end(self, now: datetime) -> datetime:
        """The first minute of the morrow of the year's last day: when the schedule really sweeps (R50)."""
        calendar = self._app.policy.calendar
        return calendar.end_of(calendar.open_years(now)[0]).ends_at + timedelta(minutes=1)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Let time pass, in a thread, while the body runs."""
        self._clock.run()
        self._app.engine.on_commit = self._wake.set
        thread = threading.Thread(target=self._beat_on, name="oda-demo")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._wake.set()
            thread.join()

    def _beat_on(self) -> None:
        looks = 0
        while not self._stop.is_set():
            try:
                self.deliver()
                if looks % TICKS == 0:
                    self.beat()
            except Exception as error:  # as the worker does: what failed is tried again
                _log.error("tick failed: %s", type(error).__name__)
            looks += 1
            self._wake.wait(LOOK_S)
            self._wake.clear()
