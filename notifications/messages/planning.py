"""Which mails follow from what was accepted (R55): pure, the catalogue of who is told what as one table."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from notifications.messages import facts as c
from notifications.messages.catalogue import MailContext
from notifications.messages.facts import Ended, MailUndeliverable, YearEnded
from notifications.messages.mail import Draft
from notifications.vocabulary import CODE_KINDS, Audience, Fault, Kind
from states.decision import OpenRemoval, OpenReport, RequestEvent
from states.model import Establishment, Report, Request
from states.rules.revocation import key_holders
from states.school_calendar import SchoolYear, YearEnd
from states.vocabulary import ReissueReason, RemovalKind, RevokeReason, Role, Step, Trigger, WithdrawReason

# The frozen facts of each mail, taken from what happened.


Fact = Any


def place(establishment: Establishment) -> c.Place:
    return c.Place(uai=establishment.uai, nom=establishment.nom, commune=establishment.commune)


def person(request: Request) -> c.Person:
    return c.Person(nom=request.nom, prenom=request.prenom, mail=request.mail)


@lru_cache(maxsize=32)
def year(end: YearEnd) -> c.Year:
    return c.Year(label=str(end.school_year), last_day=end.last_day, is_default=end.is_default)


def _step(event: RequestEvent) -> dict[str, Any]:
    """What every mail about one request says."""
    request = event.request
    return {
        "reference": request.reference,
        "establishment": place(event.establishment),
        "rupn": person(request),
        "year": year(event.year_end),
        "by_operator": event.actor.role is Role.OPERATOR,
    }


def declared(event: RequestEvent, _: MailContext) -> c.Declared:
    request = event.request
    return c.Declared(**_step(event), drane_declared_on=request.drane_declared_on, renews=request.renews)


def delegated(event: RequestEvent, context: MailContext) -> c.Delegated:
    day = event.request.delegated_on or context.day_of(event.at)
    return c.Delegated(**_step(event), delegated_on=day)


def charter_signed(event: RequestEvent, context: MailContext) -> c.CharterSigned:
    request = event.request
    return c.CharterSigned(
        **_step(event),
        signed_on=request.charter_signed_on or context.day_of(event.at),
        version=request.charter_version or context.charter_version,
    )


def submitted(event: RequestEvent, context: MailContext) -> c.Submitted:
    declared_on = event.request.drane_declared_on
    return c.Submitted(**_step(event), submitted_on=context.day_of(event.at), drane_declared_on=declared_on)


def sent_back(event: RequestEvent, _: MailContext) -> c.SentBack:
    decision = event.decision
    return c.SentBack(**_step(event), step=Step.of(str(decision.data["step"])), why=decision.notes.get("why", ""))


def code_issued(event: RequestEvent, context: MailContext) -> c.CodeIssued:
    return c.CodeIssued(
        **_step(event),
        issued_on=context.day_of(event.at),
        expires_on=event.request.expires_on or event.year_end.last_day,
    )


def code_reissued(event: RequestEvent, context: MailContext) -> c.CodeReissued:
    return c.CodeReissued(
        **_step(event),
        issued_on=context.day_of(event.at),
        expires_on=event.request.expires_on or event.year_end.last_day,
        reason=ReissueReason.of(str(event.decision.data["reason"])),
    )


def key_extended(event: RequestEvent, _: MailContext) -> c.KeyExtended:
    return c.KeyExtended(**_step(event), expires_on=event.request.expires_on or event.year_end.last_day)


def _report(event: RequestEvent) -> Report:
    return next(effect.report for effect in event.decision.effects if isinstance(effect, OpenReport))


def change_reported(event: RequestEvent, context: MailContext) -> c.ChangeReported:
    report = _report(event)
    return c.ChangeReported(
        **_step(event),
        change=report.change,
        effective_on=report.effective_on,
        is_due=report.effective_on <= context.day_of(event.at),
        delegated=event.request.delegated_on is not None,
    )


def change_to_handle(event: RequestEvent, context: MailContext) -> c.ChangeToHandle:
    report = _report(event)
    return c.ChangeToHandle(
        **_step(event),
        number=report.number,
        change=report.change,
        effective_on=report.effective_on,
        is_due=report.effective_on <= context.day_of(event.at),
        state=event.request.state,
        note=event.decision.notes.get("note", ""),
    )


def withdrawn(event: RequestEvent, _: MailContext) -> c.Withdrawn:
    decision = event.decision
    return c.Withdrawn(
        **_step(event),
        reason=WithdrawReason.of(str(decision.data["reason"])),
        note=decision.notes.get("note", ""),
        delegated=event.request.delegated_on is not None,
    )


def revoked(event: RequestEvent, _: MailContext) -> c.Revoked:
    decision, request = event.decision, event.request
    return c.Revoked(
        **_step(event),
        reason=RevokeReason.of(str(decision.data["reason"])),
        note=decision.notes.get("note", ""),
        had_key=request.has_key,
        delegated=request.delegated_on is not None,
    )


def new_request(event: RequestEvent, context: MailContext) -> c.NewRequest:
    others = tuple(sorted(other.reference for other in event.others if other.is_live))
    return c.NewRequest(**_step(event), submitted_on=context.day_of(event.at), others=others)


def removal_task(event: RequestEvent, context: MailContext) -> c.RemovalTask:
    decision = event.decision
    withdrawal = decision.trigger is Trigger.WITHDRAW
    reason = str(decision.data["reason"])
    keeping = key_holders(event.others, one_key_a_person=context.one_key_a_person)
    return c.RemovalTask(
        **_step(event),
        task=_removal_kind(event),
        why=(WithdrawReason.of(reason) if withdrawal else RevokeReason.of(reason)).label,
        note=decision.notes.get("note", ""),
        kept_for=tuple(sorted(other.reference for other in keeping)),
    )


def _removal_kind(event: RequestEvent) -> RemovalKind:
    return next(effect.kind for effect in event.decision.effects if isinstance(effect, OpenRemoval))


Facts = Callable[[RequestEvent, MailContext], Any]


TO_ESTABLISHMENT: Final[dict[Trigger, tuple[Kind, Facts]]] = {
    Trigger.DECLARE: (Kind.DECLARED, declared),
    Trigger.RENEW: (Kind.DECLARED, declared),
    Trigger.DELEGATE: (Kind.DELEGATED, delegated),
    Trigger.SIGN_CHARTER: (Kind.CHARTER_SIGNED, charter_signed),
    Trigger.SUBMIT: (Kind.SUBMITTED, submitted),
    Trigger.SEND_BACK: (Kind.SENT_BACK, sent_back),
    Trigger.REISSUE_CODE: (Kind.CODE_REISSUED, code_reissued),
    Trigger.REPORT_CHANGE: (Kind.CHANGE_REPORTED, change_reported),
    Trigger.WITHDRAW: (Kind.WITHDRAWN, withdrawn),
    Trigger.REVOKE: (Kind.REVOKED, revoked),
}
"""What the establishment is told of each trigger; of an issue and of a year's end, see below."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Draws up drafts. ``operators`` is the operators' mailbox."""

    operators: str
    context: MailContext

    def drafts(self, events: Iterable[RequestEvent]) -> list[Draft]:
        """The mails of these events, in their order; expirations come last, one mail an establishment (R54)."""
        drafts: list[Draft] = []
        ending: dict[tuple[str, SchoolYear], list[RequestEvent]] = {}
        for event in events:
            if event.decision.trigger is Trigger.EXPIRE:
                request = event.decision.request
                ending.setdefault((request.uai, request.school_year), []).append(event)
            else:
                drafts.extend(self._of(event))
        drafts.extend(self._year_ended(together) for together in ending.values())
        return drafts

    def _of(self, event: RequestEvent) -> Iterator[Draft]:
        trigger, request = event.decision.trigger, event.request
        if trigger is Trigger.ISSUE_CODE:
            kind: Kind | None = Kind.KEY_EXTENDED if request.extends else Kind.CODE_ISSUED
            facts: Facts = key_extended if request.extends else code_issued
        else:
            kind, facts = TO_ESTABLISHMENT.get(trigger, (None, declared))
        if kind:
            yield from self._to_establishment(event, kind, facts(event, self.context))
        if trigger is Trigger.SUBMIT:
            yield self._to_operators(event, Kind.NEW_REQUEST, new_request)
        elif trigger is Trigger.REPORT_CHANGE:
            yield self._to_operators(event, Kind.CHANGE_TO_HANDLE, change_to_handle)
        elif any(isinstance(effect, OpenRemoval) for effect in event.decision.effects):
            yield self._to_operators(event, Kind.REMOVAL_TASK, removal_task)

    def _to_establishment(self, event: RequestEvent, kind: Kind, facts: Fact) -> Iterator[Draft]:
        mailbox = event.establishment.mailbox or ""
        uai, reference = event.request.uai, event.request.reference
        draft = Draft(kind=kind, audience=Audience.ESTABLISHMENT, recipient=mailbox, context=facts, uai=uai,
                      reference=reference)  # fmt: skip
        yield draft
        if not mailbox:
            yield not_written(self.operators, draft)

    def _to_operators(self, event: RequestEvent, kind: Kind, facts: Facts) -> Draft:
        request = event.request
        return Draft(kind=kind, audience=Audience.OPERATORS, recipient=self.operators,
                     context=facts(event, self.context), uai=request.uai, reference=request.reference)  # fmt: skip

    def _year_ended(self, together: list[RequestEvent]) -> Draft:
        first = together[0]
        return Draft(
            kind=Kind.YEAR_END,
            audience=Audience.ESTABLISHMENT,
            recipient=first.establishment.mailbox or "",
            uai=first.request.uai,
            context=YearEnded(
                establishment=place(first.establishment),
                year=year(first.year_end),
                rupns=tuple(ended(event.decision.request) for event in together),
            ),
        )


def ended(request: Request) -> Ended:
    """One RUPN among those of a year that ends."""
    return Ended(
        rupn=person(request),
        reference=request.reference,
        had_key=request.has_key,
        delegated=request.delegated_on is not None,
    )


def not_written(operators: str, lost: Draft) -> Draft:
    """The operators' task when an establishment cannot be written to: the mail ``lost`` has no recipient (R15)."""
    return Draft(
        kind=Kind.MAIL_UNDELIVERABLE,
        audience=Audience.OPERATORS,
        recipient=operators,
        uai=lost.uai,
        reference=lost.reference,
        dedupe_key=f"{lost.dedupe_key}:no-mailbox" if lost.dedupe_key else None,
        about=lost,
        context=MailUndeliverable(
            mail=None,
            title=lost.kind.label,
            establishment=lost.context.establishment,
            reference=lost.reference,
            recipient="",
            fault=Fault.NO_MAILBOX.label,
            code_lost=lost.kind in CODE_KINDS,
        ),
    )
