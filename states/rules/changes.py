"""Reports of a change, and their settlement (R32, R46)."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from states import refusals
from states.commands import ReportChange, SettleChange
from states.decision import Case, CloseReport, OpenReport, Outcome
from states.model import Report
from states.refusals import Reason
from states.rules.fields import EARLIEST, day_problems, note_problems, text_problems
from states.validation import clean_text
from states.vocabulary import KEY_CHANGES, Settlement, State

FURTHEST: Final = timedelta(days=730)
"""How far ahead a change may take effect."""


def due_on(report: Report, today: date) -> date:
    """The day on which a report asks to be handled: at once, or when it takes effect (R32)."""
    return max(report.effective_on, today)


def check_report(case: Case[ReportChange]) -> Iterator[Reason]:
    command = case.command
    yield from note_problems("R32", command.note)
    yield from day_problems(
        "effective_on", "Le changement", "R32", command.effective_on, after=EARLIEST, before=case.today + FURTHEST
    )
    if command.change in KEY_CHANGES and not case.request.has_key:
        yield refusals.no_key_to_report()
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
    """The report named, or the only one that is open; else the reason why there is none."""
    number = case.command.report
    reports = {report.number: report for report in case.facts.reports}
    if number is not None:
        return reports.get(number) or refusals.no_such_report(number)
    still_open = [report for report in reports.values() if report.is_open]
    if len(still_open) > 1:
        return refusals.which_report([report.number for report in still_open])
    return still_open[0] if still_open else refusals.no_such_report(None)


def check_settle(case: Case[SettleChange]) -> Iterator[Reason]:
    command, state = case.command, case.request.state
    yield from text_problems("why", "La raison", "R46", command.why)
    report = _report_to_settle(case)
    if isinstance(report, Reason):
        yield report
    elif not report.is_open:
        yield refusals.report_settled(report.number)
    if command.settlement is Settlement.REVOKED and state is not State.REVOKED:
        yield refusals.settled_as_revoked()
    if command.settlement is Settlement.REISSUED:
        year_over = case.policy.calendar.has_ended(case.request.school_year, case.now)
        if year_over or state is not State.CODE_ISSUED:
            yield refusals.settled_as_reissued(year_over=year_over)


def apply_settle(case: Case[SettleChange]) -> Outcome:
    command, report = case.command, _report_to_settle(case)
    if isinstance(report, Reason):
        raise LookupError(report.code)
    return Outcome(
        request=case.request,
        target=case.request.state,
        data={"report": report.number, "settlement": command.settlement.value},
        notes={"why": clean_text(command.why)},
        effects=(CloseReport(report.number, command.settlement),),
    )
