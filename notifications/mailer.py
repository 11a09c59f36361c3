"""The facade of notifications: the mails and codes of accepted decisions, in the caller's transaction (R55)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from notifications import encryption
from notifications.encryption import Sealer
from notifications.messages.catalogue import MailContext
from notifications.messages.operator_reports import OperatorReports
from notifications.messages.planning import Planner
from notifications.outbox import queue, store
from notifications.outbox.retry import RetryRules
from notifications.rendering.environment import TemplateLoader, own_wordings
from notifications.rendering.renderer import Renderer
from notifications.settings import MailSettings
from notifications.vocabulary import Draft, Erasure, Kind, Mail
from states.decision import DrawAndSeal, EraseCode, RequestEvent, SealCode, SendDrawn
from states.vocabulary import Trigger

_ERASED_BY = {
    Trigger.CONFIRM_HANDOVER: Erasure.HANDED_OVER,
    Trigger.REISSUE_CODE: Erasure.REPLACED,
    Trigger.DRAW_CODE: Erasure.REPLACED,
    Trigger.TAKE_BACK_CODE: Erasure.TAKEN_BACK,
    Trigger.OPEN_CODE: Erasure.READ,
}

_DRAWN_ANEW: Final = 100


class Mailer:
    """Plans and stores mails, seals and erases codes. Holds no state but its settings: share it freely.

    ``renderer`` renders mails from ``wordings``, by default this package's own templates (R68). ``reports`` draws up
    the mails to the operators. ``draw_code`` draws a code (R97); without it, none can be. ``on_dead`` is called
    for each mail stored dead for want of a mailbox, and for each whose code is erased because it was kept too long, in
    the same transaction (R15, R58, R61); what needs this mailer to be made, as the journal does, is put there after.
    """

    code_statuses = staticmethod(store.code_statuses)
    erase_links = staticmethod(encryption.erase)

    def __init__(
        self,
        settings: MailSettings,
        mail_context: MailContext,
        sealer: Sealer,
        wordings: TemplateLoader | None = None,
        *,
        draw_code: Callable[[], str] | None = None,
        on_dead: Callable[[Connection, Mail], None] | None = None,
    ) -> None:
        self.settings = settings
        self.mail_context = mail_context
        self.sealer = sealer
        self.wordings = wordings or own_wordings()
        self.renderer = Renderer(self.wordings)
        self.reports = OperatorReports(settings.operators_mailbox, mail_context.timezone)
        self.on_dead = on_dead
        self._draw_code = draw_code
        lease = timedelta(seconds=settings.lease_seconds)
        self.longest_wait = max(RetryRules.of(settings).longest, lease)
        self._planner = Planner(
            self.reports, mail_context, is_daily=settings.operators == "daily", step_receipts=settings.step_receipts
        )

    def drafts(self, events: Iterable[RequestEvent]) -> list[Draft]:
        """The mails that follow from these accepted decisions. Pure: a preview uses it too (R53)."""
        return self._planner.drafts(events)

    def handle(self, connection: Connection, events: Sequence[RequestEvent], now: datetime) -> None:
        """Erase and seal the codes, then enqueue the mails: all in the caller's transaction.

        Raises CodeLeaving when a code to take back is being sent at this very moment.
        """
        for run in _runs(events):
            if taken_back := [e.request.reference for e in run if e.decision.trigger is Trigger.TAKE_BACK]:
                queue.cancel_obsolete(connection, Kind.NEW_REQUEST, taken_back)
            self._erase(connection, run, now)
            codes = self._codes(run)
            sealed = encryption.seal(connection, self.sealer, codes, now) if codes else {}
            if leaving := [e.request.reference for e in run if _has(e, SendDrawn)]:
                sealed |= encryption.kept_seals(connection, leaving)
            self.enqueue(connection, self.drafts(run), now, sealed=sealed)

    def _erase(self, connection: Connection, run: Sequence[RequestEvent], now: datetime) -> None:
        erased: dict[Erasure, list[str]] = {}
        for event in run:
            if _has(event, EraseCode):
                why = _ERASED_BY.get(event.decision.trigger, Erasure.REVOKED)
                erased.setdefault(why, []).append(event.request.reference)
        drawn = {event.request.reference for event in run if event.before and event.before.drawn_in is not None}
        if on_the_way := [r for r in erased.get(Erasure.TAKEN_BACK, ()) if r not in drawn]:
            encryption.hold_back(connection, on_the_way)
        for why, references in erased.items():
            encryption.erase(connection, references, why, now)

    def _codes(self, run: Sequence[RequestEvent]) -> dict[str, str]:
        """The codes to seal, by reference: those that were typed, and those that are drawn now, no two alike."""
        codes: dict[str, str] = {}
        drawn: set[str] = set()
        for event in run:
            for effect in event.decision.effects:
                if isinstance(effect, SealCode):
                    codes[event.request.reference] = effect.code.clear
                elif isinstance(effect, DrawAndSeal):
                    codes[event.request.reference] = self._draw(drawn)
        return codes

    def _draw(self, others: set[str]) -> str:
        """A code that is none of the others, as far as the form of codes allows; it joins them."""
        if self._draw_code is None:
            raise LookupError("no code can be drawn: the settings say that codes are typed")
        code = self._draw_code()
        for _ in range(_DRAWN_ANEW):
            if code not in others:
                break
            code = self._draw_code()
        others.add(code)
        return code

    def erase_overdue(self, connection: Connection, before: datetime, now: datetime) -> int:
        """Erase the codes sealed before this instant and cancel their unsent mails (R61, R62); returns how many codes.

        Nobody asked for it: each mail that will not leave is told to the journal (R58).
        """
        cancelled = encryption.mails_of_overdue(connection, before)
        count = encryption.erase_overdue(connection, before, now)
        if self.on_dead:
            for mail in store.load_mails(connection, cancelled):
                self.on_dead(connection, mail)
        return count

    def send_link(self, connection: Connection, draft: Draft, secret: str, now: datetime) -> None:
        """Store the mail of a sign-in link, its secret sealed for ``draft.sealed_for`` (R72)."""
        sealed = encryption.seal(connection, self.sealer, {draft.sealed_for or "": secret}, now)
        self.enqueue(connection, [draft], now, sealed=sealed)

    def enqueue(
        self, connection: Connection, drafts: Iterable[Draft], now: datetime, *, sealed: Mapping[str, str] | None = None
    ) -> int:
        """Store drafts, each dedupe key once; returns how many are new. ``sealed``: see ``store.enqueue``."""
        stored = store.enqueue(connection, drafts, now, context=self.mail_context, seals=sealed)
        if self.on_dead:
            for mail in stored.born_dead:
                self.on_dead(connection, mail)
        return stored.new

    def release_future(self, connection: Connection, now: datetime) -> None:
        """Let go what a clock that was ahead put off for longer than any delay: mails, leases, the relay's pause."""
        queue.release_future(connection, now, self.longest_wait)


def _has(event: RequestEvent, effect: type[SealCode | DrawAndSeal | SendDrawn | EraseCode]) -> bool:
    return any(isinstance(each, effect) for each in event.decision.effects)


def _runs(events: Sequence[RequestEvent]) -> Iterator[Sequence[RequestEvent]]:
    """Cut the events wherever a code sealed in this batch is erased again, so that erasing finds it."""
    start, sealed = 0, set[str]()
    for position, event in enumerate(events):
        reference = event.decision.request.reference
        for effect in event.decision.effects:
            if isinstance(effect, EraseCode) and reference in sealed:
                yield events[start:position]
                start, sealed = position, set()
            if isinstance(effect, SealCode | DrawAndSeal):
                sealed.add(reference)
    if events:
        yield events[start:]
