"""Planning of the mails that follow from accepted decisions (R55): pure, one table of mails and their facts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from notifications.messages.catalogue import MailContext
from notifications.messages.facts import (
    ChangeReported,
    ChangeToHandle,
    CharterSigned,
    CodeIssued,
    CodeReissued,
    CodeToRead,
    ConfirmedRemoval,
    Declared,
    Delegated,
    Ended,
    KeyExtended,
    NewRequest,
    Person,
    Place,
    Question,
    RemovalConfirmed,
    RemovalReopened,
    RemovalTask,
    ReopenedRemoval,
    ReportSettled,
    Revoked,
    SentBack,
    Submitted,
    Withdrawn,
    Year,
    YearEnded,
)
from notifications.messages.operator_reports import OperatorReports
from notifications.vocabulary import Audience, Draft, Kind
from states.decision import CloseReport, OpenRemoval, OpenReport, ReopenTask, RequestEvent, SealCode, SendDrawn
from states.model import Report, key_holders
from states.rules.verification import Standing, standing
from states.school_calendar import SchoolYear
from states.vocabulary import (
    EVIDENCE_CHANGES,
    Change,
    ReissueReason,
    RemovalOutcome,
    RevokeReason,
    Role,
    Step,
    Trigger,
    WithdrawReason,
)

FactsOf = Callable[[RequestEvent, MailContext], Any]

_STEPS: Final = (Trigger.DECLARE, Trigger.RENEW, Trigger.DELEGATE, Trigger.SIGN_CHARTER)
"""The steps of an establishment before it sends its request."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Draws up the drafts that follow from requests; ``reports`` draws up those about a mail that cannot leave.

    ``is_daily``: the operators read in the day's digest what does not press (R80); ``step_receipts``: the establishment
    is sent a receipt of each of its own steps before the request is sent (R55).
    """

    reports: OperatorReports
    context: MailContext
    is_daily: bool = False
    step_receipts: bool = True

    def drafts(self, events: Iterable[RequestEvent]) -> list[Draft]:
        """The mails of these events, in their order; those of many requests come last, one an establishment (R54)."""
        drafts: list[Draft] = []
        year_ends: dict[tuple[str, SchoolYear], list[RequestEvent]] = {}
        confirmed: dict[str, list[RequestEvent]] = {}
        reopened: dict[str, list[RequestEvent]] = {}
        for event in events:
            request = event.decision.request
            if event.decision.trigger is Trigger.EXPIRE:
                year_ends.setdefault((request.uai, request.school_year), []).append(event)
            elif event.decision.trigger is Trigger.CONFIRM_REMOVAL:
                confirmed.setdefault(request.uai, []).append(event)
            else:
                if event.decision.trigger is Trigger.REOPEN_REMOVAL:
                    reopened.setdefault(request.uai, []).append(event)
                drafts.extend(self._drafts_of(event))
        drafts.extend(self._removals_confirmed(group) for group in confirmed.values())
        drafts.extend(self._removals_reopened(group) for group in reopened.values())
        drafts.extend(self._year_ended(group) for group in year_ends.values())
        return drafts

    def _drafts_of(self, event: RequestEvent) -> Iterator[Draft]:
        trigger, request = event.decision.trigger, event.request
        if trigger is Trigger.ISSUE_CODE:
            entry = (Kind.KEY_EXTENDED, key_extended) if request.is_extension else (Kind.CODE_ISSUED, code_issued)
            yield from self._to_establishment(event, *(_TO_READ if request.code_by_link else entry))
        elif trigger is Trigger.REISSUE_CODE and request.code_by_link:
            yield from self._to_establishment(event, *_TO_READ)
        elif trigger in TO_ESTABLISHMENT and self._is_told(event):
            yield from self._to_establishment(event, *TO_ESTABLISHMENT[trigger])
        if self.is_daily and not _presses(event, self.context):
            return
        if trigger is Trigger.SUBMIT:
            yield self._to_operators(event, Kind.NEW_REQUEST, new_request)
        elif trigger is Trigger.REPORT_CHANGE and event.actor.role is not Role.SCHEDULE:
            yield self._to_operators(event, Kind.CHANGE_TO_HANDLE, change_to_handle)
        elif any(isinstance(effect, OpenRemoval | ReopenTask) for effect in event.decision.effects):
            yield self._to_operators(event, Kind.REMOVAL_TASK, removal_task)

    def _is_told(self, event: RequestEvent) -> bool:
        """False for a step's receipt that the settings leave out, and for what the establishment has not reported.

        A step that an operator took for it is always told: the establishment may not have asked for it (R5).
        What the two lists say no more is the operators' to look into: the establishment is told of what follows, when
        something does (R95).
        """
        match event.decision.trigger:
            case Trigger.REPORT_CHANGE:
                return event.actor.role is not Role.SCHEDULE
            case Trigger.SETTLE_CHANGE:
                closed = _closed_report(event)
                return closed.report.change not in EVIDENCE_CHANGES or closed.revoke_on is not None
            case _:
                return self.step_receipts or event.actor.role is Role.OPERATOR or event.decision.trigger not in _STEPS

    def _to_establishment(self, event: RequestEvent, kind: Kind, facts_of: FactsOf) -> Iterator[Draft]:
        effects = event.decision.effects
        yield Draft(
            kind=kind, audience=Audience.ESTABLISHMENT, recipient=event.establishment.mailbox or "",
            context=facts_of(event, self.context), uai=event.request.uai, reference=event.request.reference,
            not_before=next((e.leaves_at for e in effects if isinstance(e, SealCode | SendDrawn)), None),
        )  # fmt: skip

    def _to_operators(self, event: RequestEvent, kind: Kind, facts_of: FactsOf) -> Draft:
        return Draft(
            kind=kind, audience=Audience.OPERATORS, recipient=self.reports.mailbox,
            context=facts_of(event, self.context), uai=event.request.uai, reference=event.request.reference,
        )  # fmt: skip

    def _year_ended(self, events: list[RequestEvent]) -> Draft:
        first = events[0]
        return Draft(
            kind=Kind.YEAR_END,
            audience=Audience.ESTABLISHMENT,
            recipient=first.establishment.mailbox or "",
            uai=first.request.uai,
            context=YearEnded(
                establishment=Place.of(first.establishment),
                year=Year.of(first.year_end),
                rupns=tuple(Ended.of(event.decision.request) for event in events),
            ),
        )

    def _removals_confirmed(self, events: list[RequestEvent]) -> Draft:
        first = events[0]
        return Draft(
            kind=Kind.REMOVAL_CONFIRMED,
            audience=Audience.ESTABLISHMENT,
            recipient=first.establishment.mailbox or "",
            uai=first.request.uai,
            reference=first.request.reference if len(events) == 1 else None,
            context=RemovalConfirmed(
                establishment=Place.of(first.establishment),
                confirmed_on=self.context.day_of(first.at),
                rupns=tuple(confirmed_removal(event) for event in events),
            ),
        )

    def _removals_reopened(self, events: list[RequestEvent]) -> Draft:
        """The mail that takes back what that of the confirmation said; the operator's words may name other requests."""
        first = events[0]
        return Draft(
            kind=Kind.REMOVAL_REOPENED,
            audience=Audience.ESTABLISHMENT,
            recipient=first.establishment.mailbox or "",
            uai=first.request.uai,
            reference=first.request.reference if len(events) == 1 else None,
            context=RemovalReopened(
                establishment=Place.of(first.establishment),
                reopened_on=self.context.day_of(first.at),
                rupns=tuple(
                    ReopenedRemoval(rupn=Person.of(event.request), reference=event.request.reference)
                    for event in events
                ),
            ),
        )


def _presses(event: RequestEvent, context: MailContext) -> bool:
    """True of what the operators cannot read on the morrow: a change that is due, a key that is compromised."""
    decision = event.decision
    if decision.trigger is Trigger.REPORT_CHANGE:
        report = _opened_report(event)
        return report.change is Change.KEY_COMPROMISED or report.effective_on <= context.day_of(event.at)
    return decision.trigger is Trigger.REVOKE and decision.data.get("reason") == RevokeReason.COMPROMISE.value


def _on_request(event: RequestEvent) -> dict[str, Any]:
    """The facts of every mail about one request."""
    return {
        "reference": event.request.reference,
        "establishment": Place.of(event.establishment),
        "rupn": Person.of(event.request),
        "year": Year.of(event.year_end),
        "by_operator": event.actor.role is Role.OPERATOR,
    }


def declared(event: RequestEvent, _: MailContext) -> Declared:
    request = event.request
    return Declared(**_on_request(event), drane_declared_on=request.drane_declared_on, renews=request.renews)


def delegated(event: RequestEvent, context: MailContext) -> Delegated:
    day = event.request.delegated_on or context.day_of(event.at)
    return Delegated(**_on_request(event), delegated_on=day)


def charter_signed(event: RequestEvent, context: MailContext) -> CharterSigned:
    request = event.request
    return CharterSigned(
        **_on_request(event),
        signed_on=request.charter_signed_on or context.day_of(event.at),
        version=request.charter_version or context.charter_version,
    )


def submitted(event: RequestEvent, context: MailContext) -> Submitted:
    declared_on = event.request.drane_declared_on
    return Submitted(**_on_request(event), submitted_on=context.day_of(event.at), drane_declared_on=declared_on)


def sent_back(event: RequestEvent, _: MailContext) -> SentBack:
    decision = event.decision
    step = Step(str(decision.data["step"]))
    return SentBack(**_on_request(event), step=step, why=decision.notes.get("why", ""))


def question(event: RequestEvent, _: MailContext) -> Question:
    return Question(**_on_request(event), question=event.decision.notes.get("question", ""))


def code_issued(event: RequestEvent, context: MailContext) -> CodeIssued:
    return CodeIssued(
        **_on_request(event),
        issued_on=context.day_of(event.at),
        expires_on=event.request.expires_on or event.year_end.last_day,
    )


def code_reissued(event: RequestEvent, context: MailContext) -> CodeReissued:
    return CodeReissued(
        **_on_request(event),
        issued_on=context.day_of(event.at),
        expires_on=event.request.expires_on or event.year_end.last_day,
        reason=ReissueReason(str(event.decision.data["reason"])),
        answers=_answered_changes(event),
    )


def code_to_read(event: RequestEvent, context: MailContext) -> CodeToRead:
    reason = event.decision.data.get("reason")
    return CodeToRead(
        **_on_request(event),
        issued_on=context.day_of(event.at),
        expires_on=event.request.expires_on or event.year_end.last_day,
        reason=ReissueReason(str(reason)) if reason else None,
        answers=_answered_changes(event),
    )


def _answered_changes(event: RequestEvent) -> tuple[Change, ...]:
    """The changes of the establishment's reports that an action settles by itself (R44, R45)."""
    changes = (effect.report.change for effect in event.decision.effects if isinstance(effect, CloseReport))
    return tuple(dict.fromkeys(change for change in changes if change not in EVIDENCE_CHANGES))


def key_extended(event: RequestEvent, _: MailContext) -> KeyExtended:
    return KeyExtended(
        **_on_request(event),
        expires_on=event.request.expires_on or event.year_end.last_day,
        serves_elsewhere=event.request.extends is None,
    )


def _opened_report(event: RequestEvent) -> Report:
    return next(effect.report for effect in event.decision.effects if isinstance(effect, OpenReport))


def _closed_report(event: RequestEvent) -> CloseReport:
    return next(effect for effect in event.decision.effects if isinstance(effect, CloseReport))


def change_reported(event: RequestEvent, context: MailContext) -> ChangeReported:
    report = _opened_report(event)
    return ChangeReported(
        **_on_request(event),
        change=report.change,
        effective_on=report.effective_on,
        is_due=report.effective_on <= context.day_of(event.at),
        delegated=event.request.delegated_on is not None,
        by_rupn=event.actor.role is Role.RUPN,
    )


def change_to_handle(event: RequestEvent, context: MailContext) -> ChangeToHandle:
    report = _opened_report(event)
    return ChangeToHandle(
        **_on_request(event),
        number=report.number,
        change=report.change,
        effective_on=report.effective_on,
        is_due=report.effective_on <= context.day_of(event.at),
        state=event.request.state,
        note=event.decision.notes.get("note", ""),
        by_rupn=event.actor.role is Role.RUPN,
    )


def report_settled(event: RequestEvent, context: MailContext) -> ReportSettled:
    decision = event.decision
    closed = _closed_report(event)
    return ReportSettled(
        **_on_request(event),
        change=closed.report.change,
        reported_on=context.day_of(closed.report.reported_at),
        settlement=closed.settlement,
        why=decision.notes.get("why", ""),
        revoke_on=closed.revoke_on,
        delegated=event.request.delegated_on is not None,
    )


def confirmed_removal(event: RequestEvent) -> ConfirmedRemoval:
    """One line of the mail: nothing tells that the key serves in another establishment (R3, R19).

    A request that renews this one keeps the key once it is verified, and not before (R48).
    """
    request = event.request
    is_kept = event.decision.data["outcome"] == RemovalOutcome.KEPT.value
    is_used_here = any(
        other.uai == request.uai
        and (other.has_key or (other.renews == request.reference and standing(other) is Standing.POSITIVE))
        for other in event.others
    )
    return ConfirmedRemoval(
        rupn=Person.of(request), reference=request.reference, kept=is_kept and is_used_here,
    )  # fmt: skip


def withdrawn(event: RequestEvent, _: MailContext) -> Withdrawn:
    decision = event.decision
    return Withdrawn(
        **_on_request(event),
        reason=WithdrawReason(str(decision.data["reason"])),
        note=decision.notes.get("note", ""),
        delegated=event.request.delegated_on is not None,
    )


def revoked(event: RequestEvent, _: MailContext) -> Revoked:
    decision, request = event.decision, event.request
    return Revoked(
        **_on_request(event),
        reason=RevokeReason(str(decision.data["reason"])),
        note=decision.notes.get("note", ""),
        had_key=request.has_key,
        delegated=request.delegated_on is not None,
        answers=_answered_changes(event),
        foreseen=event.actor.role is Role.SCHEDULE,
    )


def new_request(event: RequestEvent, context: MailContext) -> NewRequest:
    others = tuple(sorted(other.reference for other in event.others if other.is_live))
    return NewRequest(**_on_request(event), submitted_on=context.day_of(event.at), others=others)


def removal_task(event: RequestEvent, context: MailContext) -> RemovalTask:
    decision = event.decision
    is_reopened = decision.trigger is Trigger.REOPEN_REMOVAL
    reasons = WithdrawReason if decision.trigger is Trigger.WITHDRAW else RevokeReason
    keeping = key_holders(event.others, one_key_a_person=context.one_key_a_person)
    return RemovalTask(
        **_on_request(event),
        task=next(effect.kind for effect in decision.effects if isinstance(effect, OpenRemoval | ReopenTask)),
        why="" if is_reopened else reasons(str(decision.data["reason"])).label,
        note=decision.notes.get("why" if is_reopened else "note", ""),
        reopened=is_reopened,
        kept_for=tuple(sorted(other.reference for other in keeping)),
        rights_only=event.request.key_elsewhere or context.key_has_other_uses,
    )


_TO_READ: Final = (Kind.CODE_TO_READ, code_to_read)

TO_ESTABLISHMENT: Final[dict[Trigger, tuple[Kind, FactsOf]]] = {
    Trigger.DECLARE: (Kind.DECLARED, declared),
    Trigger.RENEW: (Kind.DECLARED, declared),
    Trigger.DELEGATE: (Kind.DELEGATED, delegated),
    Trigger.SIGN_CHARTER: (Kind.CHARTER_SIGNED, charter_signed),
    Trigger.SUBMIT: (Kind.SUBMITTED, submitted),
    Trigger.SEND_BACK: (Kind.SENT_BACK, sent_back),
    Trigger.ASK_QUESTION: (Kind.QUESTION, question),
    Trigger.REISSUE_CODE: (Kind.CODE_REISSUED, code_reissued),
    Trigger.REPORT_CHANGE: (Kind.CHANGE_REPORTED, change_reported),
    Trigger.SETTLE_CHANGE: (Kind.REPORT_SETTLED, report_settled),
    Trigger.WITHDRAW: (Kind.WITHDRAWN, withdrawn),
    Trigger.REVOKE: (Kind.REVOKED, revoked),
}
"""The mail to the establishment after each trigger; ``Planner`` chooses that of an issue and of a year's end."""
