"""The dispatcher's database work: short transactions, each called from a thread, grouped into few commits."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from notifications import encryption
from notifications.delivery.message import Attachment, DocumentMissing, attachments_of, has_attachments, new_message_id
from notifications.delivery.smtp import RelayTrouble
from notifications.encryption import CodeUnreadable
from notifications.mailer import Mailer
from notifications.messages.catalogue import CATALOGUE
from notifications.messages.operator_reports import is_to_report
from notifications.outbox import queue
from notifications.outbox.queue import Claim, Pause, begin_pause, end_pause, load_pause
from notifications.outbox.retry import RetryRules, SendOutcome, SendResult
from notifications.ports import Clock, Transactions, crash_point
from notifications.rendering.papers import PaperUnmakeable, compile_paper, from_json, papers_of, to_json
from notifications.rendering.renderer import Unrenderable
from notifications.settings import MailSettings
from notifications.vocabulary import Fault, Mail, RelayFault, Stage
from states.commands import Code

RETRY_SECONDS: Final = (0.5, 2.0, 5.0)
"""Waits between two tries to write: a database that restarts must not make mails uncertain that left."""
GATHER_SECONDS: Final = 0.0005
"""Time left to other connections to join a commit: with one of 16 alone in it, the next would wait for both."""


@dataclass(frozen=True, slots=True)
class Begin:
    """This mail may leave from now on."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Finish:
    """The result of a mail that was begun."""

    claim: Claim
    result: SendResult


Entry = Begin | Finish
EntryResult = bool | Stage | None
"""For a Begin: True if it may go on. For a Finish: the mail's new stage; None when somebody else decides by now."""
WriteEntries = Callable[[list[Entry]], list[EntryResult]]


class GroupCommit:
    """Gathers the entries that come while a commit is under way, and writes them with the next.

    Several connections then share one transaction: a commit costs more than a mail.
    """

    def __init__(self, write: WriteEntries, gather_seconds: float = 0) -> None:
        self._write, self._gather_seconds = write, gather_seconds
        self._waiting: list[tuple[Entry, asyncio.Future[EntryResult]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def put(self, *entries: Entry) -> list[EntryResult]:
        """Record these entries, in order and together; returns the result of each once they are committed."""
        loop = asyncio.get_running_loop()
        pairs = [(entry, loop.create_future()) for entry in entries]
        self._waiting += pairs
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._run())
        return [await future for _, future in pairs]

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._gather_seconds)
            batch, self._waiting = self._waiting, []
            try:
                results = await self._write_patiently([entry for entry, _ in batch])
            except BaseException as error:
                for _, future in batch:
                    future.set_exception(error)
                    future.exception()  # known to who awaits; one of them may have left meanwhile
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():
                        future.set_result(result)

    async def _write_patiently(self, entries: list[Entry]) -> list[EntryResult]:
        for seconds in RETRY_SECONDS:
            try:
                return await asyncio.to_thread(self._write, entries)
            except Exception:
                await asyncio.sleep(seconds)
        return await asyncio.to_thread(self._write, entries)


OnDead = Callable[[Connection, Mail], None]
OnPause = Callable[[Connection, Pause], None]
MayCancel = Callable[[Connection, datetime], bool]
IsHeld = Callable[[Connection], bool]


class MailStore:
    """Claims mails, renders them, records their results; each method is one short transaction, or two.

    ``on_dead`` is called in the transaction in which a mail dies, or a code's is cancelled for being too late,
    ``on_pause`` in the one in which the relay refuses us; ``may_cancel`` says whether the clock can be believed when it
    makes a mail late (R52); ``is_held`` whether all mails wait for a person (R116).
    """

    def __init__(
        self,
        database: Transactions,
        mailer: Mailer,
        settings: MailSettings,
        clock: Clock,
        on_dead: OnDead | None = None,
        on_pause: OnPause | None = None,
        may_cancel: MayCancel = lambda _connection, _now: True,
        is_held: IsHeld = lambda _connection: False,
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._settings = settings
        self._clock = clock
        self._on_dead = on_dead
        self._on_pause = on_pause
        self._may_cancel = may_cancel
        self._is_held = is_held
        self._rules = RetryRules.of(settings)
        self._lease = timedelta(seconds=settings.lease_seconds)

    def poll(self, limit: int) -> tuple[int, Pause | None]:
        """Tell of the dead, count the mails that are due or lost, up to ``limit``, and read the relay's pause.

        None is due while all are held.
        """
        self.report_dead()
        with self._database.read() as connection:
            due = 0 if self._is_held(connection) else queue.due_count(connection, self._clock.now(), limit)
            return due, load_pause(connection)

    def report_dead(self) -> bool:
        """Tell the operators of the mails that died: one alert a cause and a day, which names them all (R58).

        Those that die of a cause after its alert are told the next day. Returns True when there is an alert to send.
        """
        now, reports = self._clock.now(), self._mailer.reports
        with self._database.read() as connection:
            keys = {reports.dead_mails_key(fault, now) for fault in queue.unreported_faults(connection)}
            if not keys or queue.known_keys(connection, keys) == keys:
                return False
        with self._database.write() as connection:
            dead = queue.unreported(connection)
            reported = []
            for fault in Fault:
                mails = [mail for mail in dead if mail.fault is fault and is_to_report(mail)]
                if mails and self._mailer.enqueue(connection, [reports.dead_mails_alert(fault, mails, now)], now):
                    reported += mails
            queue.mark_reported(connection, [*reported, *(mail for mail in dead if not is_to_report(mail))], now)
        return bool(reported)

    def cleanup_expired(self) -> None:
        """Expire the leases of senders that died, cancel the mails that are too late (R57)."""
        now = self._clock.now()
        with self._database.write() as connection:
            queue.expire_leases(connection, now, self._rules)
            if self._may_cancel(connection, now):
                queue.cancel_late(connection, now, self._on_dead)

    def claim(self, limit: int, *, on_trial: bool = False) -> list[Claim]:
        """Claim the next mails and render those that were never claimed; one that cannot be rendered dies alone.

        ``on_trial``: see ``queue.claim``.

        Mails are rendered outside any transaction: on SQLite nobody else could write meanwhile.
        """
        with self._database.write() as connection:
            claims = queue.claim(connection, self._clock.now(), self._lease, limit, on_trial=on_trial)
            crash_point("mail.claiming")
        ready = [claim for claim in claims if claim.mail.body]
        rendered: list[tuple[Claim, dict[str, Any]]] = []
        unrenderable: list[tuple[Claim, SendResult]] = []
        for claim in claims:
            if not claim.mail.body:
                try:
                    rendered.append((claim, self._render(claim.mail)))
                except (Unrenderable, PaperUnmakeable, ValueError) as error:
                    unrenderable.append((claim, _rendering_failure(error)))
        if rendered:
            with self._database.write() as connection:
                ready += queue.store_rendering(connection, rendered)
                crash_point("mail.wording")
        if unrenderable:
            now = self._clock.now()
            with self._database.write() as connection:
                recorded = queue.record(connection, (), unrenderable, now, self._lease, self._rules)
                self._record_dead(connection, recorded.ended.values())
        position = {claim.mail.id: number for number, claim in enumerate(claims)}
        # When none of a slice can be rendered, more may still be due.
        if claims and not ready:
            return self.claim(limit, on_trial=on_trial)
        return sorted(ready, key=lambda claim: position[claim.mail.id])

    def _render(self, mail: Mail) -> dict[str, Any]:
        """Make the columns that are kept for ever: the words, the papers' facts, Message-ID and date (R56)."""
        facts = CATALOGUE[mail.kind].decode(mail.context)
        context = self._mailer.mail_context
        rendered = self._mailer.renderer.render(mail.kind, facts, context)
        papers = papers_of(mail.kind, facts, context, self._mailer.wordings)
        return {
            "subject": rendered.subject,
            "body": rendered.body,
            "html": rendered.html,
            "papers": to_json(papers) if papers else None,
            "message_id": new_message_id(self._settings),
            "dated_at": self._clock.now(),
        }

    def has_files(self, mail: Mail) -> bool:
        """Return True when files go with this mail: making them takes a while."""
        return bool(mail.papers) or has_attachments(mail.kind, self._mailer.mail_context)

    def load_files(self, mail: Mail) -> tuple[Attachment, ...] | SendResult:
        """Make the papers of this mail again, to the byte (R69), and read the documentation; or why it cannot leave."""
        at = mail.dated_at or mail.created_at
        try:
            papers = [
                Attachment(filename=paper.filename, content=compile_paper(paper, at), title=paper.title)
                for paper in (from_json(mail.papers) if mail.papers else ())
            ]
            return (*papers, *attachments_of(mail.kind, self._mailer.mail_context))
        except (PaperUnmakeable, DocumentMissing) as error:
            return _rendering_failure(error)

    def load_code(self, mail: Mail) -> Code | SendResult | None:
        """Decrypt the code, or the link's secret, as its seal stands now; or why it cannot leave (R62, R72).

        None for a mail that only announces a code, which is kept: nothing is decrypted for it (R112).

        Not a bare text: asyncio, told to debug, writes in its log what a thread returns (R60).
        """
        with self._database.read() as connection:
            sealed_for, ciphertext = encryption.load_seal(connection, mail.seal_id or "")
        if ciphertext is None:
            return SendResult(SendOutcome.CANCELLED, Fault.CODE_ERASED)
        if not CATALOGUE[mail.kind].is_sealed:
            return None
        try:
            return Code(clear=self._mailer.sealer.open(ciphertext, mail.reference or sealed_for))
        except CodeUnreadable as error:
            return SendResult(SendOutcome.DEAD, Fault.CODE_UNREADABLE, str(error))

    def write(self, entries: list[Entry]) -> list[EntryResult]:
        """Record beginnings and results, in one transaction."""
        now = self._clock.now()
        begins = [entry.claim for entry in entries if isinstance(entry, Begin)]
        ends = [(entry.claim, entry.result) for entry in entries if isinstance(entry, Finish)]
        with self._database.write() as connection:
            recorded = queue.record(connection, begins, ends, now, self._lease, self._rules)
            self._record_dead(connection, recorded.ended.values())
            crash_point("mail.recording" if ends else "mail.beginning")
        stages = {key: mail.stage for key, mail in recorded.ended.items()}
        return [
            entry.claim.key in recorded.begun if isinstance(entry, Begin) else stages.get(entry.claim.key)
            for entry in entries
        ]

    def release(self, claims: Sequence[Claim]) -> None:
        """Let these mails wait as before: the relay is in trouble, or the dispatcher stops."""
        with self._database.write() as connection:
            queue.release(connection, claims)

    def pause(self, trouble: RelayTrouble) -> tuple[Pause, bool]:
        """Make all senders wait a while (R70); the bool is True when this trouble is new."""
        now = self._clock.now()
        with self._database.write() as connection:
            if trouble.answer:
                queue.blame_relay(connection, trouble.answer, now)
            pause, is_new = begin_pause(connection, trouble.fault, trouble.reply, now)
            if self._on_pause and is_new and trouble.fault not in (RelayFault.DOWN, RelayFault.BUSY):
                self._on_pause(connection, pause)
        return pause, is_new

    def relay_refuses(self, answer: str) -> bool:
        """Return True when this answer has refused so many recipients in a row that it is the relay's (R70)."""
        with self._database.read() as connection:
            return queue.relay_refuses(connection, answer)

    def resume(self) -> bool:
        """End the pause: the relay answers again. False, and the pause stays, while it refuses all that it answers."""
        with self._database.write() as connection:
            if queue.relay_refuses(connection):
                return False
            end_pause(connection)
        return True

    def _record_dead(self, connection: Connection, mails: Iterable[Mail]) -> None:
        """Record the dead last of all: the journal's lock comes after the mails' wherever both are taken."""
        for mail in mails:
            if mail.stage is Stage.DEAD and self._on_dead:
                self._on_dead(connection, mail)


def _rendering_failure(error: Exception) -> SendResult:
    return SendResult(SendOutcome.DEAD, Fault.RENDERING, str(error)[:200])
