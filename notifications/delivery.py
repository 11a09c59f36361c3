"""The dispatcher: sends what is due over a few kept connections, the database reached through threads."""

import asyncio
import logging
import ssl
from contextlib import suppress
from dataclasses import replace

from notifications.circuit import Circuit, Pause
from notifications.claims import Claim
from notifications.desk import Desk, OnDead
from notifications.mail import Mail
from notifications.mailer import Mailer
from notifications.message import compose, usable_address
from notifications.outcomes import Outcome, Verdict
from notifications.ports import Clock, Transactions, crash_point
from notifications.rendering import MASK, Unrenderable
from notifications.settings import MailSettings
from notifications.smtp import RelayConnection, RelayTrouble
from notifications.vocabulary import Fault, Stage

POLL_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Dispatcher:
    """Sends mails until told to stop, or once. Several may run, on several machines, on one database.

    ``password`` is the relay's; ``on_dead`` is called in the transaction in which a mail dies; ``tls_context`` None
    trusts the system's authorities.
    """

    def __init__(
        self,
        database: Transactions,
        mailer: Mailer,
        settings: MailSettings,
        clock: Clock,
        *,
        on_dead: OnDead | None = None,
        password: str | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._desk = Desk(database, mailer, settings, clock, on_dead)
        self._settings = settings
        self._clock = clock
        self._password = password
        self._tls_context = tls_context
        self._circuit = Circuit()
        self._stop: asyncio.Event | None = None
        self._waker: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    @property
    def pause(self) -> Pause | None:
        """What the relay suffers from; None as long as it takes mails."""
        return self._circuit.pause

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
                try:
                    await self.run_once()
                except Exception as error:  # the loop outlives a database that is busy or away
                    _log.error("mails wait: %s", type(error).__name__)
                await _first_of(stop, wake)
                wake.clear()
        finally:
            self._waker = self._stop = None

    async def run_once(self) -> int:
        """Send all that is due now; returns how many the relay took.

        Sends nothing while the relay is in trouble: see ``pause``.
        """
        due = await asyncio.to_thread(self._desk.due_count, self._settings.connections)
        if not due:
            return 0
        await asyncio.to_thread(self._desk.keep_house)
        if self._circuit.is_open(self._clock.now()):
            return 0
        done = await asyncio.gather(*(self._work() for _ in range(due)), return_exceptions=True)
        failures = [result for result in done if isinstance(result, BaseException)]
        if failures:
            raise failures[0]
        return sum(result for result in done if isinstance(result, int))

    async def _work(self) -> int:
        """One connection's round: mail after mail, until none is due."""
        relay = RelayConnection(self._settings, self._password, self._tls_context)
        sent = 0
        try:
            while not self._must_stop() and (held := await asyncio.to_thread(self._desk.take)):
                crash_point("mail.claimed")
                sent += await self._handle(held, relay) is Stage.SENT
        finally:
            await relay.close()
        return sent

    def _must_stop(self) -> bool:
        return bool(self._stop and self._stop.is_set()) or self._circuit.is_open(self._clock.now())

    async def _handle(self, held: Claim, relay: RelayConnection) -> Stage | None:
        try:
            outcome = await self._send(held.mail, relay)
        except RelayTrouble as trouble:
            await asyncio.to_thread(self._desk.give_back, held)
            if self._circuit.trip(trouble, self._clock.now()):
                _log.warning("mails wait: %s", trouble)
            return None
        stage = await asyncio.to_thread(self._desk.record, held, outcome)
        crash_point("mail.recorded")
        return stage

    async def _send(self, mail: Mail, relay: RelayConnection) -> Outcome:
        if not usable_address(mail.recipient):
            return Outcome(Verdict.DEAD, Fault.BAD_ADDRESS)
        code: str | None = None

        async def content() -> bytes | Outcome:
            nonlocal code
            if mail.seal_id:
                found = await asyncio.to_thread(self._desk.code_of, mail)
                if isinstance(found, Outcome):
                    return found
                code = found
            try:
                return compose(mail, self._settings, code)
            except (ValueError, Unrenderable) as error:
                return Outcome(Verdict.DEAD, Fault.RENDERING, type(error).__name__)

        outcome = await relay.deliver(mail.recipient, content)
        self._circuit.reset()
        return replace(outcome, reply=outcome.reply.replace(code, MASK)) if code else outcome


async def _first_of(*events: asyncio.Event) -> None:
    """Rest until one of these events, 2 s at most."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
