"""The mail room's door: what follows from accepted decisions, in the caller's transaction (R55)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from notifications.encryption import seals
from notifications.encryption.seals import Sealer
from notifications.messages import operator_reports as reports
from notifications.messages.catalogue import MailContext
from notifications.messages.facts import DepartementCount
from notifications.messages.mail import Draft, Mail
from notifications.messages.planning import Planner
from notifications.outbox import admin as fates
from notifications.outbox import store as enqueue
from notifications.rendering.environment import TemplateLoader, own_wordings
from notifications.rendering.renderer import Renderer
from notifications.settings import MailSettings
from notifications.vocabulary import Erasure
from states.decision import EraseCode, RequestEvent, SealCode
from states.model import Establishment, Request
from states.school_calendar import YearEnd
from states.vocabulary import CodeStatus, Trigger

_ERASED_BY = {
    Trigger.CONFIRM_HANDOVER: Erasure.HANDED_OVER,
    Trigger.REISSUE_CODE: Erasure.REPLACED,
}


class Mailer:
    """Who is told what, and what becomes of the codes. Holds no state but its settings: share it freely.

    ``renderer`` makes the words of mails from ``wordings``, this package's own templates unless told (R68).
    ``on_born_dead`` is told of each mail stored dead for want of a mailbox, in the same transaction (R15, R58); who
    needs this mailer to be made, as the journal does, is put there afterwards.
    """

    def __init__(
        self,
        settings: MailSettings,
        mail_context: MailContext,
        sealer: Sealer,
        wordings: TemplateLoader | None = None,
        *,
        on_born_dead: Callable[[Connection, Mail], None] | None = None,
    ) -> None:
        self.settings = settings
        self.mail_context = mail_context
        self.sealer = sealer
        self.wordings = wordings or own_wordings()
        self.renderer = Renderer(self.wordings)
        self.on_born_dead = on_born_dead
        self._planner = Planner(settings.operators_mailbox, mail_context)

    def drafts(self, events: Iterable[RequestEvent]) -> list[Draft]:
        """Which mails follow from these accepted decisions. Pure: a preview uses it too (R53)."""
        return self._planner.drafts(events)

    def handle(self, connection: Connection, events: Sequence[RequestEvent], now: datetime) -> None:
        """Erase and seal the codes, then enqueue the mails: all in the caller's transaction."""
        for run in _runs(events):
            self._react(connection, run, now)

    def _react(self, connection: Connection, events: Sequence[RequestEvent], now: datetime) -> None:
        erased: dict[Erasure, list[str]] = {}
        codes: dict[str, str] = {}
        for event in events:
            decision = event.decision
            for effect in decision.effects:
                if isinstance(effect, EraseCode):
                    why = _ERASED_BY.get(decision.trigger, Erasure.REVOKED)
                    erased.setdefault(why, []).append(decision.request.reference)
                elif isinstance(effect, SealCode):
                    codes[decision.request.reference] = effect.code.clear
        for why, references in erased.items():
            seals.erase(connection, references, why, now)
        sealed = seals.create(connection, self.sealer, codes, now)
        self._store(connection, self.drafts(events), now, sealed)

    def send_link(self, connection: Connection, draft: Draft, secret: str, now: datetime) -> None:
        """Store the mail of a sign-in link, its secret sealed for ``draft.sealed_for`` (R72)."""
        sealed = seals.create(connection, self.sealer, {draft.sealed_for or "": secret}, now)
        self._store(connection, [draft], now, sealed)

    def erase_links(self, connection: Connection, sealed_for: Iterable[str], why: Erasure, now: datetime) -> int:
        """Erase the secrets of these sign-in links, and cancel what of them has not left (R72)."""
        return seals.erase(connection, sealed_for, why, now)

    def enqueue(self, connection: Connection, drafts: Iterable[Draft], now: datetime) -> int:
        """Store other drafts, each dedupe key once; returns how many are new."""
        return self._store(connection, drafts, now, {})

    def _store(self, connection: Connection, drafts: Iterable[Draft], now: datetime, sealed: dict[str, str]) -> int:
        stored = enqueue.enqueue(connection, drafts, now, context=self.mail_context, seals=sealed)
        if self.on_born_dead:
            for mail in stored.born_dead:
                self.on_born_dead(connection, mail)
        return stored.new

    def erase_overdue(self, connection: Connection, before: datetime, now: datetime) -> int:
        """Erase the codes sealed before that instant, and cancel what of them has not left (R61, R62)."""
        return seals.erase_overdue(connection, before, now)

    def code_statuses(self, connection: Connection, requests: Iterable[Request]) -> dict[str, CodeStatus]:
        """The fate of each request's code, by reference (R58)."""
        return fates.code_statuses(connection, requests)

    def year_end_report(
        self,
        year_end: YearEnd,
        *,
        revoked: int,
        establishments: int,
        removals: int,
        questions: int,
        without_mailbox: Sequence[Establishment] = (),
        departements: Sequence[DepartementCount] = (),
    ) -> Draft:
        """The one mail to the operators at a year's end (R54); see ``reports.year_end_report``."""
        return reports.year_end_report(
            self.settings.operators_mailbox, year_end, revoked=revoked, establishments=establishments,
            removals=removals, questions=questions, without_mailbox=without_mailbox, departements=departements,
        )  # fmt: skip

    def brake_alert(self, year_end: YearEnd, *, requests: int, why: str) -> Draft:
        """The alert of a year's end held back (R52); ``why`` is a French clause without a full stop."""
        return reports.brake_alert(self.settings.operators_mailbox, year_end, requests=requests, why=why)

    def clock_alert(self, machine: str, skew: timedelta, since: datetime) -> Draft:
        """The alert of a machine whose clock is off (R82); ``skew`` is positive when its clock is fast."""
        timezone = self.mail_context.timezone
        return reports.clock_alert(self.settings.operators_mailbox, machine, skew, since, timezone)

    def mail_dead_alert(self, mail: Mail) -> Draft | None:
        """The alert of a dead mail (R58); None when it was itself for the operators."""
        return reports.mail_dead_alert(self.settings.operators_mailbox, mail)


def _runs(events: Sequence[RequestEvent]) -> Iterator[Sequence[RequestEvent]]:
    """The events cut wherever a code sealed in this batch is erased again, so that erasing finds it."""
    start, sealed = 0, set[str]()
    for position, event in enumerate(events):
        reference = event.decision.request.reference
        for effect in event.decision.effects:
            if isinstance(effect, EraseCode) and reference in sealed:
                yield events[start:position]
                start, sealed = position, set()
            if isinstance(effect, SealCode):
                sealed.add(reference)
    if events:
        yield events[start:]
