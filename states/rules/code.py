"""The code: issued, extended from another request, issued again, and its last day on the server (R39 to R44)."""

from collections.abc import Iterator
from typing import Any

from states import checks
from states import refusals_rectorat as more
from states.case import Case, EraseCode, Outcome, SealCode
from states.commands import Code, ConfirmExpiry, IssueCode, ReissueCode
from states.refusals import Reason, four_eyes
from states.rules import key, person
from states.vocabulary import Change, ReissueReason, Settlement, State


def check_issue(case: Case[IssueCode]) -> Iterator[Reason]:
    command, request = case.command, case.request
    yield from _four_eyes_problems(case)
    yield from person.establishment_problems(case)
    yield from checks.problems(request, case.today, case.policy.checks_max_age_days)
    yield from key.expiry_problems(case, command.expires_on)
    if (command.code is None) == (command.extends is None):
        yield more.code_or_extension()
    elif command.code:
        yield from _code_problems(case, command.code)
        yield from key.in_use_problems(case, confirmed=command.new_key_confirmed, again=False)
    else:
        yield from key.extension_problems(case)


def _four_eyes_problems(case: Case[Any]) -> Iterator[Reason]:
    if case.policy.four_eyes and case.actor.number in case.request.acted_on_behalf:
        yield four_eyes(issued=False)


def _code_problems(case: Case[Any], code: Code) -> Iterator[Reason]:
    if not case.policy.code_format.fullmatch(code.clear):
        yield more.code_format()


def apply_issue(case: Case[IssueCode]) -> Outcome:
    command, request = case.command, case.request
    last_day = case.policy.calendar.end_of(request.school_year).last_day
    day = command.expires_on or last_day
    extends = case.facts.extended.reference if command.extends and case.facts.extended else None
    return Outcome(
        request=request.with_(
            code_issued_at=case.now,
            extends=extends,
            expires_on=day,
            expiry_seen_for=last_day,
            handed_on=None,
            issued_by=case.actor.number,
        ),
        target=State.CODE_ISSUED,
        data={
            "extends": extends,
            "expires_on": day.isoformat(),
            "new_key_confirmed": command.new_key_confirmed,
        },
        effects=(SealCode(command.code),) if command.code else (),
    )


def check_reissue(case: Case[ReissueCode]) -> Iterator[Reason]:
    command = case.command
    yield from _four_eyes_problems(case)
    yield from person.establishment_problems(case)
    yield from _code_problems(case, command.code)
    yield from key.in_use_problems(case, confirmed=command.new_key_confirmed, again=True)
    yield from _compromise_problems(case)


def _compromise_problems(case: Case[ReissueCode]) -> Iterator[Reason]:
    """A compromise is settled before any new code; a code made for it follows a report settled so (R44)."""
    reports = [r for r in case.facts.reports if r.change is Change.KEY_COMPROMISED]
    issued = case.request.code_issued_at
    if any(r.is_open for r in reports):
        yield more.report_still_open()
    elif case.command.reason is ReissueReason.COMPROMISED and not any(
        r.settlement is Settlement.REISSUED and r.settled_at and issued and r.settled_at >= issued for r in reports
    ):
        yield more.report_first()


def apply_reissue(case: Case[ReissueCode]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request.with_(code_issued_at=case.now, extends=None, handed_on=None, issued_by=case.actor.number),
        target=State.CODE_ISSUED,
        data={"reason": command.reason.value, "new_key_confirmed": command.new_key_confirmed},
        effects=(EraseCode(), SealCode(command.code)),
    )


def check_expiry(case: Case[ConfirmExpiry]) -> Iterator[Reason]:
    command, request = case.command, case.request
    yield from key.expiry_problems(case, command.expires_on)
    last_day = case.policy.calendar.end_of(request.school_year).last_day
    if (command.expires_on or last_day, last_day) == (request.expires_on, request.expiry_seen_for):
        yield more.nothing_to_tick()


def apply_expiry(case: Case[ConfirmExpiry]) -> Outcome:
    command, request = case.command, case.request
    last_day = case.policy.calendar.end_of(request.school_year).last_day
    day = command.expires_on or last_day
    return Outcome(
        request=request.with_(expires_on=day, expiry_seen_for=last_day),
        target=State.CODE_ISSUED,
        data={"expires_on": day.isoformat()},
    )
