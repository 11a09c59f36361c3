"""One round of sending: all that is due, over several kept connections, each mail begun and recorded on its own."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from notifications.attachments import Attachment
from notifications.claims import Claim
from notifications.desk import Desk
from notifications.feed import Feed
from notifications.ledger import GATHERING, Begin, Finish, Ledger
from notifications.mail import Mail
from notifications.masking import masked
from notifications.message import compose, usable_address
from notifications.outcomes import Outcome, Verdict
from notifications.ports import crash_point
from notifications.settings import MailSettings
from notifications.smtp import RelayConnection, RelayTrouble
from notifications.vocabulary import Fault, Stage

Files = tuple[Attachment, ...] | Outcome
"""What goes with a mail, or why it cannot leave."""

SLICE = 4
"""How many mails are held for each connection: enough that none waits for the database, few enough to stay urgent."""


class Round:
    """Sends until nothing is due, it must stop, or the relay is in ``trouble``. Good for one ``run``."""

    def __init__(
        self, desk: Desk, settings: MailSettings, relay: Callable[[], RelayConnection], must_stop: Callable[[], bool]
    ) -> None:
        self.trouble: RelayTrouble | None = None
        self.answered = asyncio.Event()
        self._desk, self._settings, self._relay, self._must_stop = desk, settings, relay, must_stop
        self._ledger = Ledger(desk.write, GATHERING if settings.connections > 1 else 0)
        self._feed = Feed(desk.take, SLICE * settings.connections)

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
            outcome = files if isinstance(files, Outcome) else await self._send(held.mail, files, relay)
        except RelayTrouble as trouble:
            self.trouble = self.trouble or trouble
            await asyncio.to_thread(self._desk.give_back, [held])
            return None
        return Finish(held, outcome)

    async def _send(self, mail: Mail, files: tuple[Attachment, ...], relay: RelayConnection) -> Outcome:
        if not usable_address(mail.recipient):
            return Outcome(Verdict.DEAD, Fault.BAD_ADDRESS)
        code: str | None = None

        async def content() -> bytes | Outcome:
            nonlocal code
            if mail.seal_id:
                found = await asyncio.to_thread(self._desk.code_of, mail)
                if isinstance(found, Outcome):
                    return found
                code = found.clear
            try:
                return compose(mail, self._settings, code, files)
            except Exception as error:  # a message that cannot be made stops no other; its words may quote the code
                return Outcome(Verdict.DEAD, Fault.RENDERING, type(error).__name__)

        try:
            outcome = await relay.deliver(mail.recipient, content)
        except RelayTrouble as trouble:
            raise RelayTrouble(trouble.fault, masked(trouble.reply, code) if code else trouble.reply) from None
        self.answered.set()
        return replace(outcome, reply=masked(outcome.reply, code)) if code else outcome
