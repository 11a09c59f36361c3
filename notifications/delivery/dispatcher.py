"""The dispatcher: sends the mails that are due over a few kept connections; threads do the database's work."""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from notifications.delivery.message import Attachment, compose, mask_code
from notifications.delivery.smtp import RelayConnection, RelayTrouble
from notifications.delivery.transactions import (
    GATHER_SECONDS,
    Begin,
    Finish,
    GroupCommit,
    IsHeld,
    MailStore,
    MayCancel,
    OnDead,
    OnPause,
)
from notifications.mailer import Mailer
from notifications.outbox.queue import Claim, Pause
from notifications.outbox.retry import SendOutcome, SendResult, relay_fault
from notifications.ports import Clock, Transactions, crash_point, words_of
from notifications.settings import MailSettings
from notifications.vocabulary import Fault, RelayFault, Stage
from states.validation import mail_problem

POLL_SECONDS = 2.0
CLAIMS_EACH: Final = 4
"""Mails claimed for each connection: enough that none waits for the database, few enough to stay urgent."""
TRIALS: Final = 2
"""Mails given to a relay that was in trouble before it is so again: one that it has refused, and another."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """Sends mails until told to stop, or once. Several may run, on several machines, on one database.

    ``password`` is the relay's; ``on_dead`` is called in the transaction in which a mail dies, ``on_pause`` in the one
    in which all stops because the relay refuses us (R70); ``may_cancel`` says whether the clock that makes a mail late
    can be believed (R52); ``is_held`` whether all mails wait for a person (R116); ``tls_context`` None trusts the
    system's authorities.
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
        may_cancel: MayCancel = lambda _connection, _now: True,
        is_held: IsHeld = lambda _connection: False,
        password: str | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._store = MailStore(database, mailer, settings, clock, on_dead, on_pause, may_cancel, is_held)
        self._settings = settings
        self._clock = clock
        self._password = password
        self._tls_context = tls_context
        self._pause: Pause | None = None
        self._stop: asyncio.Event | None = None
        self._waker: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    @property
    def pause(self) -> Pause | None:
        """The relay's pause, as last seen; None as long as it takes mails."""
        return self._pause

    def wake(self) -> None:
        """Hint, from any thread, that there may be something to send: polling is the truth."""
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
                    _log.error("mails wait: %s", words_of(error))
                waits = [asyncio.ensure_future(event.wait()) for event in (stop, wake)]
                await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        finally:
            self._waker = self._stop = None

    async def run_once(self) -> int:
        """Send all that is due now; returns how many mails the relay took.

        Sends nothing while the relay is in trouble, whoever noticed it: see ``pause``.
        """
        due, self._pause = await asyncio.to_thread(self._store.poll, self._settings.connections)
        if not due:
            return 0
        await asyncio.to_thread(self._store.cleanup_expired)
        if self._pause and self._clock.now() < self._pause.until:
            return 0
        sending = SendRound(
            self._store,
            self._settings,
            connect=lambda: RelayConnection(self._settings, self._password, self._tls_context),
            must_stop=lambda: bool(self._stop and self._stop.is_set()),
            on_trial=bool(self._pause),
        )
        try:
            sent = await sending.run(due)
        finally:
            if sending.trouble:  # the state of the relay, as this round met it, is stored for all senders
                self._pause, is_new = await asyncio.to_thread(self._store.pause, sending.trouble)
                is_outage = sending.trouble.fault in (RelayFault.DOWN, RelayFault.BUSY)
                if is_new:
                    _log.log(logging.WARNING if is_outage else logging.ERROR, "mails wait: %s", sending.trouble)
            elif sending.answered.is_set() and self._pause and await asyncio.to_thread(self._store.resume):
                self._pause = None
        if not self._pause and await asyncio.to_thread(self._store.report_dead):
            sent += await self.run_once()  # the alert leaves at once, from a machine that runs once a minute too
        return sent


class SendRound:
    """Sends until nothing is due, it must stop, or the relay is in ``trouble``. Good for one ``run``.

    Each mail is begun and recorded on its own, over several kept connections. A relay ``on_trial``, that was in
    trouble, is so again once it has refused ``TRIALS`` mails without taking one (R70).
    """

    def __init__(
        self,
        store: MailStore,
        settings: MailSettings,
        connect: Callable[[], RelayConnection],
        must_stop: Callable[[], bool],
        *,
        on_trial: bool = False,
    ) -> None:
        self.trouble: RelayTrouble | None = None
        self.answered = asyncio.Event()
        self._on_trial, self._refusals = on_trial, 0
        self._suspected: RelayTrouble | None = None
        self._store, self._settings, self._connect, self._must_stop = store, settings, connect, must_stop
        self._commits = GroupCommit(store.write, GATHER_SECONDS if settings.connections > 1 else 0)
        self._claims = Prefetcher(partial(store.claim, on_trial=on_trial), CLAIMS_EACH * settings.connections)

    async def run(self, connections: int) -> int:
        """Send over that many connections; returns how many mails the relay took.

        One connection goes ahead, the others follow once the relay has answered it: a login refused is tried once.
        """
        first = asyncio.create_task(self._work())
        answered = asyncio.create_task(self.answered.wait())
        await asyncio.wait((first, answered), return_when=asyncio.FIRST_COMPLETED)
        answered.cancel()
        others = (self._work() for _ in range(connections - 1)) if self.answered.is_set() else ()
        results = await asyncio.gather(first, *others, return_exceptions=True)
        self.trouble = self.trouble or self._suspected
        if unused := await self._claims.rest():
            await asyncio.to_thread(self._store.release, unused)
        sent = 0
        for result in results:
            if isinstance(result, BaseException):
                raise result
            sent += result
        return sent

    async def _work(self) -> int:
        """Send mail after mail over one connection; the end of one is recorded with the beginning of the next."""
        connection, sent, last = self._connect(), 0, None
        try:
            while not (self._must_stop() or self.trouble):
                if last and self._claims.is_empty:
                    sent, last = sent + await self._record(last), None
                claim = await self._claims.next()
                if claim is None:
                    break
                crash_point("mail.claimed")
                files: tuple[Attachment, ...] | SendResult = ()
                if self._store.has_files(claim.mail):  # making them takes a while: the last mail does not wait for it
                    sent, last = sent + (await self._record(last) if last else 0), None
                    files = await asyncio.to_thread(self._store.load_files, claim.mail)
                *before, begun = await self._commits.put(*((last,) if last else ()), Begin(claim))
                sent, last = sent + (before == [Stage.SENT]), None
                if begun:
                    last = await self._send(claim, files, connection)
                if last and last.result.answer:
                    await self._record(last)
                    await self._dispute(last.result)
                    last = None
            return sent + (await self._record(last) if last else 0)
        finally:
            await connection.close()

    async def _record(self, finish: Finish) -> int:
        (stage,) = await self._commits.put(finish)
        crash_point("mail.recorded")
        return int(stage is Stage.SENT)

    async def _dispute(self, refusal: SendResult) -> None:
        """Judge by the other mails a recorded refusal that may be the relay's (R70)."""
        if await asyncio.to_thread(self._store.relay_refuses, refusal.answer):
            self._refusals += 1
            self._suspected = RelayTrouble(relay_fault(refusal.answer), refusal.reply, refusal.answer)
            if not self._on_trial or self._refusals >= TRIALS:
                self.trouble = self.trouble or self._suspected
        else:
            self.answered.set()

    async def _send(
        self, claim: Claim, files: tuple[Attachment, ...] | SendResult, connection: RelayConnection
    ) -> Finish | None:
        """Send one mail that was begun; None when the relay would take none at all, and the mail was released."""
        if isinstance(files, SendResult):
            return Finish(claim, files)
        if mail_problem(claim.mail.recipient):
            return Finish(claim, SendResult(SendOutcome.DEAD, Fault.BAD_ADDRESS))
        code: str | None = None

        async def content() -> bytes | SendResult:
            nonlocal code
            if claim.mail.seal_id:
                opened = await asyncio.to_thread(self._store.load_code, claim.mail)
                if isinstance(opened, SendResult):
                    return opened
                code = opened.clear if opened else None
            try:
                return compose(claim.mail, self._settings, code, files)
            except Exception as error:  # a message that cannot be made stops no other; its words may quote the code
                return SendResult(SendOutcome.DEAD, Fault.RENDERING, type(error).__name__)

        try:
            result = await connection.deliver(claim.mail.recipient, content)
        except RelayTrouble as trouble:
            reply = mask_code(trouble.reply, code) if code else trouble.reply
            self.trouble = self.trouble or RelayTrouble(trouble.fault, reply)
            await asyncio.to_thread(self._store.release, [claim])
            return None
        if not result.answer:
            self.answered.set()
        if result.outcome is SendOutcome.SENT:
            self._on_trial, self._suspected = False, None
        return Finish(claim, replace(result, reply=mask_code(result.reply, code)) if code else result)


class Prefetcher:
    """Gives claims one by one to several connections, and claims up to ``size`` more ahead of need, in a thread.

    No connection then waits for the database nor for the rendering.
    """

    def __init__(self, claim: Callable[[int], list[Claim]], size: int) -> None:
        self._claim = claim
        self._size = size
        self._ready: deque[Claim] = deque()
        self._fetching: asyncio.Task[None] | None = None
        self._was_short = False

    @property
    def is_empty(self) -> bool:
        """True if the next mail has to be waited for."""
        return not self._ready

    async def next(self) -> Claim | None:
        """The next mail; None when nothing is due any more. Raises what ``claim`` raised."""
        has_fetched = False
        while not self._ready:
            fetching = self._fetching
            if fetching is None:
                if has_fetched:
                    return None
                has_fetched = True  # by ourselves: a fetch of another began before what we recorded last
                fetching = self._begin()
            await asyncio.wait((fetching,))  # not awaited itself: one who leaves must not cancel what others wait for
            fetching.result()
        if self._fetching is None and not self._was_short and len(self._ready) <= self._size // 2:
            self._begin()
        return self._ready.popleft()

    async def rest(self) -> list[Claim]:
        """Take back the claims that nobody asked for, once nobody asks any more, even when ``claim`` fails by then."""
        if fetching := self._fetching:
            await asyncio.wait((fetching,))
        rest, self._ready = list(self._ready), deque()
        return rest

    def _begin(self) -> asyncio.Task[None]:
        """Fetch ahead; a failure that nobody waited for is met again by the next fetch."""
        self._fetching = fetching = asyncio.create_task(self._fetch())
        fetching.add_done_callback(lambda done: done.cancelled() or done.exception())  # else asyncio complains
        return fetching

    async def _fetch(self) -> None:
        try:
            claims = await asyncio.to_thread(self._claim, self._size)
            self._ready.extend(claims)
            self._was_short = len(claims) < self._size
        finally:
            self._fetching = None
