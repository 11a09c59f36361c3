"""Reports of a change, and what is done of them (R32, R46)."""

from collections.abc import Iterator
from datetime import date, timedelta

from states import refusals as more
from states.commands import ReportChange, SettleChange
from states.decision import Case, CloseReport, OpenReport, Outcome
from states.model import Report
from states.refusals import Reason
from states.rules import fields as dates
from states.vocabulary import KEY_CHANGES, Settlement, State

FURTHEST = timedelta(days=730)


def check_report(case: Case[ReportChange]) -> Iterator[Reason]:
    command = case.command
    yield from dates.note_problems("R32", command.note)
    yield from dates.day_problems(
        "effective_on", "Le changement", "R32", command.effective_on,
        after=dates.EARLIEST, before=case.today + FURTHEST,
    )  # fmt: skip
    if command.change in KEY_CHANGES and not case.request.has_key:
        yield more.no_key_to_report()
    for report in case.facts.reports:
        if report.is_open and (report.change, report.effective_on) == (command.change, command.effective_on):
            yield more.already_reported(report.number)
            return


def apply_report(case: Case[ReportChange]) -> Outcome:
    command = case.command
    number = 1 + max((r.number for r in case.facts.reports), default=0)
    report = Report(number=number, change=command.change, effective_on=command.effective_on, reported_at=case.now)
    note = command.note.strip()
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


def due_on(report: Report, today: date) -> date:
    """The day on which a report asks to be handled: at once, or when it takes effect (R32)."""
    return max(report.effective_on, today)


def _chosen(case: Case[SettleChange]) -> Report | Reason:
    """The report named, or the only one that is open."""
    command = case.command
    reports = {r.number: r for r in case.facts.reports}
    if command.report is not None:
        return reports.get(command.report) or more.no_such_report(command.report)
    still_open = [r for r in reports.values() if r.is_open]
    if len(still_open) > 1:
        return more.which_report([r.number for r in still_open])
    return still_open[0] if still_open else more.no_such_report(None)


def check_settle(case: Case[SettleChange]) -> Iterator[Reason]:
    command = case.command
    yield from dates.text_problems("why", "La raison", "R46", command.why)
    chosen = _chosen(case)
    if isinstance(chosen, Reason):
        yield chosen
    elif not chosen.is_open:
        yield more.report_settled(chosen.number)
    state = case.request.state
    if command.settlement is Settlement.REVOKED and state is not State.REVOKED:
        yield more.settled_as_revoked()
    if command.settlement is Settlement.REISSUED:
        over = case.policy.calendar.has_ended(case.request.school_year, case.now)
        if over or state is not State.CODE_ISSUED:
            yield more.settled_as_reissued(year_over=over)


def apply_settle(case: Case[SettleChange]) -> Outcome:
    command, chosen = case.command, _chosen(case)
    if isinstance(chosen, Reason):
        raise LookupError(chosen.code)
    return Outcome(
        request=case.request,
        target=case.request.state,
        data={"report": chosen.number, "settlement": command.settlement.value},
        notes={"why": command.why.strip()},
        effects=(CloseReport(chosen.number, command.settlement),),
    )
