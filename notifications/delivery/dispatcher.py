"""The dispatcher: sends what is due over a few kept connections, the database reached through threads."""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from notifications.delivery.attachments import Attachment
from notifications.delivery.message import compose, masked, usable_address
from notifications.delivery.smtp import RelayConnection, RelayTrouble
from notifications.delivery.transactions import GATHERING, Begin, Finish, GroupCommit, MailStore, OnDead, OnPause
from notifications.mailer import Mailer
from notifications.messages.mail import Mail
from notifications.outbox.circuit_breaker import Pause
from notifications.outbox.queue import Claim
from notifications.outbox.retry import SendOutcome, SendResult
from notifications.ports import Clock, Transactions, crash_point
from notifications.settings import MailSettings
from notifications.vocabulary import Fault, RelayFault, Stage

# Mails held a little ahead of need, so that no connection waits for the database nor for the words.


class Prefetcher:
    """Gives mails one by one to several connections; ``take`` holds up to ``size`` more of them, in a thread."""

    def __init__(self, take: Callable[[int], list[Claim]], size: int) -> None:
        self._take = take
        self._size = size
        self._held: deque[Claim] = deque()
        self._more: asyncio.Task[None] | None = None
        self._was_short = False

    @property
    def is_empty(self) -> bool:
        """Whether the next mail has to be waited for."""
        return not self._held

    async def next(self) -> Claim | None:
        """The next mail; None when nothing is due any more. Raises what ``take`` raised."""
        asked = False
        while not self._held:
            if self._more is None:
                if asked:
                    return None
                asked = True  # by ourselves: what another asked earlier has not seen what we recorded last
                self._more = asyncio.create_task(self._fetch())
            await self._arrived(self._more)
        if self._more is None and not self._was_short and len(self._held) <= self._size // 2:
            self._more = asyncio.create_task(self._fetch())
        return self._held.popleft()

    async def rest(self) -> list[Claim]:
        """What was held and not asked for, once nobody asks any more, even when ``take`` fails by then."""
        if fetching := self._more:
            await asyncio.wait((fetching,))
            fetching.exception()  # else asyncio complains that nobody heard of it
        rest, self._held = list(self._held), deque()
        return rest

    async def _arrived(self, fetching: "asyncio.Task[None]") -> None:
        await asyncio.wait((fetching,))  # not awaited itself: one who leaves must not cancel what others wait for
        fetching.result()

    async def _fetch(self) -> None:
        try:
            taken = await asyncio.to_thread(self._take, self._size)
            self._held.extend(taken)
            self._was_short = len(taken) < self._size
        finally:
            self._more = None


# One round of sending: all that is due, over several kept connections, each mail begun and recorded on its own.


Files = tuple[Attachment, ...] | SendResult
"""What goes with a mail, or why it cannot leave."""


SLICE = 4
"""How many mails are held for each connection: enough that none waits for the database, few enough to stay urgent."""


class SendRound:
    """Sends until nothing is due, it must stop, or the relay is in ``trouble``. Good for one ``run``."""

    def __init__(
        self,
        desk: MailStore,
        settings: MailSettings,
        relay: Callable[[], RelayConnection],
        must_stop: Callable[[], bool],
    ) -> None:
        self.trouble: RelayTrouble | None = None
        self.answered = asyncio.Event()
        self._desk, self._settings, self._relay, self._must_stop = desk, settings, relay, must_stop
        self._ledger = GroupCommit(desk.write, GATHERING if settings.connections > 1 else 0)
        self._feed = Prefetcher(desk.take, SLICE * settings.connections)

    async def run(self, connections: int) -> int:
        """Send over that many connections; returns how many mails the relay took.

        One connection goes ahead, the others follow once the relay has answered it: a login refused is tried once.
        """
        first = asyncio.create_task(self._work())
        going = asyncio.create_task(self.answered.wait())
        await asyncio.wait((first, going), return_when=asyncio.FIRST_COMPLETED)
        going.cancel()
        others = (self._work() for _ in range(connections - 1)) if self.answered.is_set() else ()
        done = await asyncio.gather(first, *others, return_exceptions=True)
        rest = await self._feed.rest()
        if rest:
            await asyncio.to_thread(self._desk.give_back, rest)
        for result in done:
            if isinstance(result, BaseException):
                raise result
        return sum(result for result in done if isinstance(result, int))

    async def _work(self) -> int:
        """One connection: mail after mail; the end of one is recorded with the beginning of the next."""
        relay, sent, last = self._relay(), 0, None
        try:
            while not (self._must_stop() or self.trouble):
                if last and self._feed.is_empty:
                    sent, last = sent + await self._record(last), None
                held = await self._feed.next()
                if held is None:
                    break
                crash_point("mail.claimed")
                files: Files = ()
                if self._desk.has_files(held.mail):  # making them takes a while: the last mail does not wait for it
                    sent, last = sent + (await self._record(last) if last else 0), None
                    files = await asyncio.to_thread(self._desk.files_of, held.mail)
                *before, begun = await self._ledger.put(*((last,) if last else ()), Begin(held))
                sent, last = sent + (before == [Stage.SENT]), None
                if begun:
                    last = await self._handle(held, files, relay)
            return sent + (await self._record(last) if last else 0)
        finally:
            await relay.close()

    async def _record(self, done: Finish) -> int:
        (stage,) = await self._ledger.put(done)
        crash_point("mail.recorded")
        return int(stage is Stage.SENT)

    async def _handle(self, held: Claim, files: Files, relay: RelayConnection) -> Finish | None:
        """Send one mail that was begun; None when the relay would take none at all, and it was given back."""
        try:
            outcome = files if isinstance(files, SendResult) else await self._send(held.mail, files, relay)
        except RelayTrouble as trouble:
            self.trouble = self.trouble or trouble
            await asyncio.to_thread(self._desk.give_back, [held])
            return None
        return Finish(held, outcome)

    async def _send(self, mail: Mail, files: tuple[Attachment, ...], relay: RelayConnection) -> SendResult:
        if not usable_address(mail.recipient):
            return SendResult(SendOutcome.DEAD, Fault.BAD_ADDRESS)
        code: str | None = None

        async def content() -> bytes | SendResult:
            nonlocal code
            if mail.seal_id:
                found = await asyncio.to_thread(self._desk.code_of, mail)
                if isinstance(found, SendResult):
                    return found
                code = found.clear
            try:
                return compose(mail, self._settings, code, files)
            except Exception as error:  # a message that cannot be made stops no other; its words may quote the code
                return SendResult(SendOutcome.DEAD, Fault.RENDERING, type(error).__name__)

        try:
            outcome = await relay.deliver(mail.recipient, content)
        except RelayTrouble as trouble:
            raise RelayTrouble(trouble.fault, masked(trouble.reply, code) if code else trouble.reply) from None
        self.answered.set()
        return replace(outcome, reply=masked(outcome.reply, code)) if code else outcome


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
        self._desk = MailStore(database, mailer, settings, clock, on_dead, on_pause)
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
        await asyncio.to_thread(self._desk.cleanup_expired)
        if self._pause and self._clock.now() < self._pause.until:
            return 0
        work = SendRound(self._desk, self._settings, self._connection, self._must_stop)
        try:
            return await work.run(due)
        finally:
            await self._learn(work)

    async def _learn(self, work: SendRound) -> None:
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
