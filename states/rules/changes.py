"""Reports of a change, and their settlement: by itself, or by the action that answers the report (R32, R46).

Beside them, the rectorat's question to the establishment and its answer, which change no state (R90).
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

from states import refusals
from states.commands import AnswerQuestion, AskQuestion, ReportChange, SettleChange
from states.decision import (
    EARLIEST,
    Case,
    CloseReport,
    OpenReport,
    Outcome,
    Scalar,
    day_problems,
    note_problems,
    text_problems,
)
from states.model import Report, Request
from states.refusals import Reason
from states.validation import clean_text
from states.vocabulary import (
    CODE_CHANGES,
    DATED_CHANGES,
    EVIDENCE_CHANGES,
    KEY_CHANGES,
    RUPN_CHANGES,
    Change,
    ReissueReason,
    RevokeReason,
    Role,
    Settlement,
    State,
    Trigger,
)

FURTHEST: Final = timedelta(days=730)
"""How far ahead a change may take effect."""

REISSUE_REASONS: Final = {
    Change.CODE_NOT_RECEIVED: ReissueReason.NOT_RECEIVED,
    Change.CODE_REFUSED: ReissueReason.REFUSED,
    Change.PIN_FORGOTTEN: ReissueReason.PIN_FORGOTTEN,
    Change.KEY_LOST: ReissueReason.LOST,
    Change.KEY_COMPROMISED: ReissueReason.COMPROMISED,
}
"""The reason of a new code that answers a report (R44)."""

REVOKE_REASONS: Final = {
    Change.MISSION: RevokeReason.MISSION,
    Change.DEPARTURE: RevokeReason.DEPARTURE,
    Change.ABSENCE: RevokeReason.ABSENCE,
    Change.NOT_NEEDED: RevokeReason.NOT_NEEDED,
    Change.KEY_COMPROMISED: RevokeReason.COMPROMISE,
    Change.LISTING_LOST: RevokeReason.LISTING_LOST,
    Change.DELEGATION_ENDED: RevokeReason.DELEGATION_ENDED,
    Change.NOT_RUPN: RevokeReason.MISSION,
}
"""The reason of a revocation that answers a report (R45); of another one, the operator says it in words."""


def due_on(report: Report, today: date) -> date:
    """The day on which a report asks to be handled: at once, or when it takes effect (R32)."""
    return max(report.effective_on, today)


def to_settle(request: Request, reports: Sequence[Report]) -> list[Report]:
    """The reports that may be settled: open, or by a revocation whose day has not come (R46)."""
    return [report for report in reports if report.is_open or (report.is_dated and request.is_live)]


def dated_revocation(reports: Sequence[Report]) -> Report | None:
    """The report for which the schedule revokes first; None when no revocation is foreseen (R46)."""
    dated = [report for report in reports if report.revoke_on]
    return min(dated, key=lambda report: (report.revoke_on, report.number), default=None)


def awaits_new_code(request: Request, report: Report) -> bool:
    """Return True for a report that was settled by a code still to be made: earlier versions did so (R44)."""
    issued = request.code_issued_at
    return report.settlement is Settlement.REISSUED and issued is not None and report.reported_at >= issued


def answers(case: Case[Any], settlement: Settlement, changes: Collection[Change] = tuple(Change)) -> list[CloseReport]:
    """The reports of these changes that an action settles by itself (R44, R45)."""
    reports = to_settle(case.request, case.facts.reports)
    return [CloseReport(report, settlement) for report in reports if report.change in changes]


def answered(closed: Sequence[CloseReport]) -> dict[str, Scalar]:
    """The datum of the event that settles them: their numbers; nothing for none."""
    return {"reports": ", ".join(str(effect.report.number) for effect in closed)} if closed else {}


def check_report(case: Case[ReportChange]) -> Iterator[Reason]:
    command = case.command
    yield from note_problems("R32", command.note)
    yield from day_problems(
        "effective_on", "Le changement", "R32", command.effective_on, after=EARLIEST, before=case.today + FURTHEST
    )
    if case.actor.role is not Role.OPERATOR:
        if (case.actor.role is Role.SCHEDULE) is not (command.change in EVIDENCE_CHANGES):
            yield refusals.change_of_the_lists()
        if (case.actor.role is Role.RUPN) is not (command.change in RUPN_CHANGES):
            yield refusals.change_of_the_rupn()
    if command.change in KEY_CHANGES and not case.request.has_key:
        yield refusals.no_key_to_report()
    elif command.change in CODE_CHANGES and case.request.is_extension:
        yield refusals.no_code_to_report()
    for report in case.facts.reports:
        if report.is_open and (report.change, report.effective_on) == (command.change, command.effective_on):
            yield refusals.already_reported(report.number)
            return


def apply_report(case: Case[ReportChange]) -> Outcome:
    command = case.command
    number = 1 + max((report.number for report in case.facts.reports), default=0)
    report = Report(number=number, change=command.change, effective_on=command.effective_on, reported_at=case.now)
    note = clean_text(command.note)
    return Outcome(
        request=case.request,
        target=case.request.state,
        data={
            "report": number,
            "change": command.change.value,
            "effective_on": command.effective_on.isoformat(),
        },
        notes={"note": note} if note else {},
        effects=(OpenReport(report),),
    )


def _report_to_settle(case: Case[SettleChange]) -> Report | Reason:
    """The report named, or the only one that can be settled; else the reason why there is none."""
    number = case.command.report
    reports = {report.number: report for report in case.facts.reports}
    if number is not None:
        return reports.get(number) or refusals.no_such_report(number)
    candidates = to_settle(case.request, case.facts.reports)
    candidates = [report for report in candidates if report.is_open] or candidates
    if len(candidates) > 1:
        return refusals.which_report([report.number for report in candidates])
    return candidates[0] if candidates else refusals.no_such_report(None)


def check_settle(case: Case[SettleChange]) -> Iterator[Reason]:
    command, request = case.command, case.request
    yield from text_problems("why", "La raison", "R46", command.why)
    report = _report_to_settle(case)
    if isinstance(report, Reason):
        yield report
    else:
        is_repeated = (report.settlement, report.revoke_on) == (command.settlement, command.revoke_on)
        if report not in to_settle(request, case.facts.reports) or (report.is_dated and is_repeated):
            yield refusals.report_settled(report.number)
    if command.settlement is Settlement.REVOKED and request.is_live:
        yield refusals.settled_as_revoked()
    if command.settlement is Settlement.REISSUED and isinstance(report, Report):
        since = request.code_issued_at and request.code_issued_at > report.reported_at
        if request.is_extension or not since:
            yield refusals.settled_as_reissued()
    yield from _dated_problems(case, report)


def _dated_problems(case: Case[SettleChange], report: Report | Reason) -> Iterator[Reason]:
    """A dated revocation: of a live request, from tomorrow to the year's end, for a change that can wait (R46)."""
    command, request, calendar = case.command, case.request, case.policy.calendar
    if command.settlement is not Settlement.REVOCATION_DATED:
        if command.revoke_on:
            yield refusals.day_without_revocation()
        return
    end = calendar.end_of(request.school_year)
    if not request.is_live or calendar.has_ended(request.school_year, case.now):
        yield refusals.nothing_to_revoke()
        return
    if isinstance(report, Report) and report.change not in DATED_CHANGES:
        yield refusals.not_to_be_dated(report.change)
    if command.revoke_on is None:
        yield refusals.revocation_day_missing()
    else:
        tomorrow = case.today + timedelta(days=1)
        label = "La révocation datée"
        yield from day_problems("revoke_on", label, "R46", command.revoke_on, after=tomorrow, before=end.last_day)


def apply_settle(case: Case[SettleChange]) -> Outcome:
    command, report = case.command, _report_to_settle(case)
    if isinstance(report, Reason):
        raise LookupError(report.code)
    data: dict[str, Scalar] = {"report": report.number, "settlement": command.settlement.value}
    if command.revoke_on:
        data["revoke_on"] = command.revoke_on.isoformat()
    return Outcome(
        request=case.request,
        target=case.request.state,
        data=data,
        notes={"why": clean_text(command.why)},
        effects=(CloseReport(report, command.settlement, command.revoke_on),),
    )


def check_ask(case: Case[AskQuestion]) -> Iterator[Reason]:
    yield from text_problems("question", "La question", "R90", case.command.question)
    if case.request.question_is_open:
        yield refusals.question_already_open()


def apply_ask(case: Case[AskQuestion]) -> Outcome:
    return Outcome(
        request=case.request.with_(question_asked_at=case.now, question_answered_at=None),
        target=case.request.state,
        notes={"question": clean_text(case.command.question)},
    )


def check_answer(case: Case[AnswerQuestion]) -> Iterator[Reason]:
    yield from text_problems("answer", "La réponse", "R90", case.command.answer)
    if not case.request.question_is_open:
        yield refusals.no_question_open()


def apply_answer(case: Case[AnswerQuestion]) -> Outcome:
    return Outcome(
        request=case.request.with_(question_answered_at=case.now),
        target=case.request.state,
        notes={"answer": clean_text(case.command.answer)},
    )


def without_settled_question(case: Case[Any], request: Request, target: State) -> Request:
    """A request about which a question was asked, once this is done: an operator who goes on has read the answer.

    No question outlives its request. What is done at the establishment's request, or of a whole list for the DRANE,
    says nothing of what the rectorat has read.
    """
    goes_on = case.command.on_behalf is None and case.command.trigger is not Trigger.SEND_TO_DRANE
    has_gone_on = case.actor.role is Role.OPERATOR and goes_on and request.question_answered_at
    if target is State.REVOKED or has_gone_on:
        return request.with_(question_asked_at=None, question_answered_at=None)
    return request
