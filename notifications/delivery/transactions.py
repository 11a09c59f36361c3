"""The dispatcher's hand in the database: each method is one short transaction, called from a thread."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from notifications.delivery.attachments import JOINED_TO, Attachment, DocumentMissing, attachments_of
from notifications.delivery.message import new_message_id
from notifications.delivery.smtp import RelayTrouble
from notifications.encryption import seals
from notifications.mailer import Mailer
from notifications.messages.catalogue import CATALOGUE
from notifications.messages.mail import Mail
from notifications.outbox import circuit_breaker as pauses
from notifications.outbox import queue as claims
from notifications.outbox import queue as lapses
from notifications.outbox.circuit_breaker import Pause
from notifications.outbox.queue import Claim
from notifications.outbox.retry import RetryRules, SendOutcome, SendResult
from notifications.ports import Clock, Transactions, crash_point
from notifications.rendering import pdf as papers
from notifications.rendering.papers import PaperUnmakeable
from notifications.rendering.renderer import Unrenderable
from notifications.settings import MailSettings
from notifications.vocabulary import Fault, RelayFault, Stage
from states.commands import Code

# What several connections record at one moment is one transaction: a commit costs more than a mail.


PATIENCE = (0.5, 2.0, 5.0)
"""Seconds between two tries to write: a database that restarts must not make mails uncertain that left."""


GATHERING = 0.0005
"""Seconds left to other connections to join a commit: with one of 16 alone in it, the next would wait for both."""


@dataclass(frozen=True, slots=True)
class Begin:
    """This mail may leave from now on."""

    held: Claim


@dataclass(frozen=True, slots=True)
class Finish:
    """What came of a mail that was begun."""

    held: Claim
    outcome: SendResult


Entry = Begin | Finish


Written = bool | Stage | None
"""For a Begin: whether it may go on. For a Finish: the mail's new stage; None when somebody else decides by now."""


Write = Callable[[list[Entry]], list[Written]]


class GroupCommit:
    """Gathers the entries that come while a commit is under way, and writes them with the next."""

    def __init__(self, write: Write, gathering: float = 0) -> None:
        self._write, self._gathering = write, gathering
        self._waiting: list[tuple[Entry, asyncio.Future[Written]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def put(self, *entries: Entry) -> list[Written]:
        """Record these entries, in order and together; returns once they are committed, with what came of each."""
        loop = asyncio.get_running_loop()
        mine = [(entry, loop.create_future()) for entry in entries]
        self._waiting += mine
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._run())
        return [await future for _, future in mine]

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._gathering)
            batch, self._waiting = self._waiting, []
            try:
                written = await self._patiently([entry for entry, _ in batch])
            except BaseException as error:
                for _, future in batch:
                    future.set_exception(error)
                    future.exception()  # known to who awaits; one of them may have left meanwhile
            else:
                for (_, future), result in zip(batch, written, strict=True):
                    if not future.done():
                        future.set_result(result)

    async def _patiently(self, entries: list[Entry]) -> list[Written]:
        for wait in PATIENCE:
            try:
                return await asyncio.to_thread(self._write, entries)
            except Exception:
                await asyncio.sleep(wait)
        return await asyncio.to_thread(self._write, entries)


OnDead = Callable[[Connection, Mail], None]


OnPause = Callable[[Connection, Pause], None]


_UNWORDED = (Unrenderable, PaperUnmakeable, ValueError)


def _nothing(_: Connection, __: Any) -> None:
    """Nobody else is told."""


class MailStore:
    """Holds mails and records what came of them.

    ``on_dead`` is called in the transaction in which a mail dies, ``on_pause`` in the one in which the relay refuses
    us.
    """

    def __init__(
        self,
        database: Transactions,
        mailer: Mailer,
        settings: MailSettings,
        clock: Clock,
        on_dead: OnDead | None = None,
        on_pause: OnPause | None = None,
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._settings = settings
        self._clock = clock
        self._on_dead = on_dead or _nothing
        self._on_pause = on_pause or _nothing
        self._rules = RetryRules.of(settings)
        self._lease = timedelta(seconds=settings.lease_seconds)

    def look(self, limit: int) -> tuple[int, Pause | None]:
        """How many mails ask for something, up to ``limit``, and what the relay suffers from."""
        with self._database.read() as connection:
            return lapses.due_count(connection, self._clock.now(), limit), pauses.stored(connection)

    def cleanup_expired(self) -> None:
        """Take back what was interrupted, cancel what is too late (R57)."""
        now = self._clock.now()
        with self._database.write() as connection:
            lapses.take_back(connection, now, self._rules)
            lapses.cancel_late(connection, now)

    def take(self, limit: int) -> list[Claim]:
        """Hold the next mails, then freeze their words; one whose words cannot be made dies here, alone.

        Words are made without a transaction: on SQLite nobody else could write meanwhile.
        """
        with self._database.write() as connection:
            held = claims.hold(connection, self._clock.now(), self._lease, limit)
            crash_point("mail.claiming")
        worded: list[tuple[Claim, dict[str, Any]]] = []
        unworded: list[tuple[Claim, SendResult]] = []
        for claim in (claim for claim in held if not claim.mail.body):
            try:
                worded.append((claim, self._words(claim.mail)))
            except _UNWORDED as error:
                unworded.append((claim, SendResult(SendOutcome.DEAD, Fault.RENDERING, str(error)[:200])))
        ready = [claim for claim in held if claim.mail.body] + self._frozen(worded)
        self._bury(unworded)
        place = {claim.mail.id: position for position, claim in enumerate(held)}
        # All of a slice without words is not the end of what is due.
        return sorted(ready, key=lambda claim: place[claim.mail.id]) if ready or not held else self.take(limit)

    def _frozen(self, worded: Sequence[tuple[Claim, dict[str, Any]]]) -> list[Claim]:
        if not worded:
            return []
        with self._database.write() as connection:
            ready = claims.freeze(connection, worded)
            crash_point("mail.wording")
        return ready

    def _bury(self, unworded: Sequence[tuple[Claim, SendResult]]) -> None:
        if unworded:
            now = self._clock.now()
            with self._database.write() as connection:
                died = claims.record(connection, (), unworded, now, self._lease, self._rules)
                self._tell(connection, died.ended.values(), now)

    def _words(self, mail: Mail) -> dict[str, Any]:
        facts = CATALOGUE[mail.kind].decode(mail.context)
        context, wordings = self._mailer.mail_context, self._mailer.wordings
        rendered = self._mailer.renderer.render(mail.kind, facts, context)
        made = papers.papers_of(mail.kind, facts, context, wordings)
        return {
            "subject": rendered.subject,
            "body": rendered.body,
            "html": rendered.html,
            "papers": papers.to_json(made) if made else None,
            "message_id": new_message_id(self._settings),
            "dated_at": self._clock.now(),
        }

    def has_files(self, mail: Mail) -> bool:
        """Whether files go with this mail: making them takes a while."""
        return bool(mail.papers) or (mail.kind in JOINED_TO and bool(self._mailer.mail_context.documents))

    def files_of(self, mail: Mail) -> tuple[Attachment, ...] | SendResult:
        """The papers of this mail, made again to the byte (R69), and the documentation; or why it cannot leave."""
        at = mail.dated_at or mail.created_at
        try:
            made = [
                Attachment(filename=one.filename, content=papers.compile_paper(one, at), title=one.title)
                for one in (papers.from_json(mail.papers) if mail.papers else ())
            ]
            return (*made, *attachments_of(mail.kind, self._mailer.mail_context))
        except (PaperUnmakeable, DocumentMissing) as error:
            return SendResult(SendOutcome.DEAD, Fault.RENDERING, str(error)[:200])

    def code_of(self, mail: Mail) -> Code | SendResult:
        """The code, or the link's secret, as its seal stands now, or why there is nothing to send (R62, R72).

        Not a bare text: asyncio, told to debug, writes in its log what a thread returns (R60).
        """
        with self._database.read() as connection:
            ciphertext = seals.ciphertext_of(connection, mail.seal_id or "")
            reference = mail.reference or seals.sealed_for(connection, mail.seal_id or "")
        if ciphertext is None:
            return SendResult(SendOutcome.CANCELLED, Fault.CODE_ERASED)
        try:
            return Code(clear=self._mailer.sealer.open(ciphertext, reference))
        except seals.CodeUnreadable as error:
            return SendResult(SendOutcome.DEAD, Fault.CODE_UNREADABLE, str(error))

    def write(self, entries: list[Entry]) -> list[Written]:
        """Record what began and what came of it, in one transaction."""
        now = self._clock.now()
        begins = [entry.held for entry in entries if isinstance(entry, Begin)]
        ends = [(entry.held, entry.outcome) for entry in entries if isinstance(entry, Finish)]
        with self._database.write() as connection:
            recorded = claims.record(connection, begins, ends, now, self._lease, self._rules)
            self._tell(connection, recorded.ended.values(), now)
            crash_point("mail.recording" if ends else "mail.beginning")
        stages = {mark: mail.stage for mark, mail in recorded.ended.items()}
        return [
            entry.held.mark in recorded.begun if isinstance(entry, Begin) else stages.get(entry.held.mark)
            for entry in entries
        ]

    def give_back(self, held: Sequence[Claim]) -> None:
        """These mails wait as before: the relay is in trouble, or the dispatcher stops."""
        with self._database.write() as connection:
            claims.release(connection, held)

    def pause(self, trouble: RelayTrouble) -> tuple[Pause, bool]:
        """Everybody waits a while (R70); whether this trouble is a new one, told once."""
        with self._database.write() as connection:
            pause, is_new = pauses.trip(connection, trouble.fault, trouble.reply, self._clock.now())
            if is_new and trouble.fault not in (RelayFault.DOWN, RelayFault.BUSY):
                self._on_pause(connection, pause)
        return pause, is_new

    def resume(self) -> None:
        """The relay takes mails again."""
        with self._database.write() as connection:
            pauses.lift(connection)

    def _tell(self, connection: Connection, ended: Iterable[Mail], now: datetime) -> None:
        """Of the dead: last of all, for the journal's lock comes after the mails' wherever both are taken."""
        for mail in ended:
            if mail.stage is Stage.DEAD:
                self._on_dead(connection, mail)
                alert = self._mailer.mail_dead_alert(mail)
                self._mailer.enqueue(connection, [alert] if alert else [], now)
