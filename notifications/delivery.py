"""The dispatcher: sends what is due over a few kept connections, the database reached through threads."""

import asyncio
import logging
import ssl
from contextlib import suppress

from notifications.desk import Desk, OnDead, OnPause
from notifications.mailer import Mailer
from notifications.pauses import Pause
from notifications.ports import Clock, Transactions
from notifications.rounds import Round
from notifications.settings import MailSettings
from notifications.smtp import RelayConnection
from notifications.vocabulary import RelayFault

POLL_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Dispatcher:
    """Sends mails until told to stop, or once. Several may run, on several machines, on one database.

    ``password`` is the relay's; ``on_dead`` is called in the transaction in which a mail dies, ``on_pause`` in the one
    in which all stops because the relay refuses us (R70); ``tls_context`` None trusts the system's authorities.
    """

    def __init__(
        self,
        database: Transactions,
        mailer: Mailer,
        settings: MailSettings,
        clock: Clock,
        *,
        on_dead: OnDead | None = None,
        on_pause: OnPause | None = None,
        password: str | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._desk = Desk(database, mailer, settings, clock, on_dead, on_pause)
        self._settings = settings
        self._clock = clock
        self._password = password
        self._tls_context = tls_context
        self._pause: Pause | None = None
        self._stop: asyncio.Event | None = None
        self._waker: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    @property
    def pause(self) -> Pause | None:
        """What the relay suffers from, as last seen; None as long as it takes mails."""
        return self._pause

    def wake(self) -> None:
        """A hint, from any thread, that there may be something to send: polling is the truth."""
        if self._waker:
            loop, event = self._waker
            with suppress(RuntimeError):  # the loop may just have closed
                loop.call_soon_threadsafe(event.set)

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due every 2 s until ``stop`` is set; mails being sent are finished first."""
        wake = asyncio.Event()
        self._waker, self._stop = (asyncio.get_running_loop(), wake), stop
        try:
            while not stop.is_set():
                wake.clear()
                try:
                    await self.run_once()
                except Exception as error:  # the loop outlives a database that is busy or away
                    _log.error("mails wait: %s", type(error).__name__)
                await _first_of(stop, wake)
        finally:
            self._waker = self._stop = None

    async def run_once(self) -> int:
        """Send all that is due now; returns how many the relay took.

        Sends nothing while the relay is in trouble, whoever noticed it: see ``pause``.
        """
        due, self._pause = await asyncio.to_thread(self._desk.look, self._settings.connections)
        if not due:
            return 0
        await asyncio.to_thread(self._desk.keep_house)
        if self._pause and self._clock.now() < self._pause.until:
            return 0
        work = Round(self._desk, self._settings, self._connection, self._must_stop)
        try:
            return await work.run(due)
        finally:
            await self._learn(work)

    async def _learn(self, work: Round) -> None:
        """What this round showed of the relay is kept for all who send."""
        if work.trouble:
            self._pause, is_new = await asyncio.to_thread(self._desk.pause, work.trouble)
            is_ours = work.trouble.fault not in (RelayFault.DOWN, RelayFault.BUSY)
            if is_new:
                _log.log(logging.ERROR if is_ours else logging.WARNING, "mails wait: %s", work.trouble)
        elif work.answered.is_set() and self._pause:
            await asyncio.to_thread(self._desk.resume)
            self._pause = None

    def _connection(self) -> RelayConnection:
        return RelayConnection(self._settings, self._password, self._tls_context)

    def _must_stop(self) -> bool:
        return bool(self._stop and self._stop.is_set())


async def _first_of(*events: asyncio.Event) -> None:
    """Rest until one of these events, 2 s at most."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
