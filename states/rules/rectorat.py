"""What the rectorat does with a request: check, send back, issue, reissue (R34 to R44)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from states import checks
from states import refusals_rectorat as more
from states.case import Case, EraseCode, Outcome, SealCode
from states.commands import (
    CheckDelegation,
    CheckListing,
    Code,
    ConfirmExpiry,
    IssueCode,
    ReissueCode,
    SendBack,
)
from states.facts import Check
from states.refusals import Reason, four_eyes
from states.removal import holders
from states.rules import dates, person
from states.vocabulary import KEY_CHANGES, Change, ReissueReason, RemovalOutcome, State, Step

BEFORE_STEP = {
    Step.DECLARATION: State.DECLARED,
    Step.DELEGATION: State.DECLARED,
    Step.CHARTER: State.DELEGATED,
    Step.CONFIRMATION: State.CHARTER_SIGNED,
}


def check_check(case: Case[CheckListing | CheckDelegation]) -> Iterator[Reason]:
    command = case.command
    yield from dates.text_problems("source", "La source de la vérification", "R34", command.source)
    yield from dates.day_problems(
        "checked_on", "La vérification", "R34", command.checked_on or case.today,
        after=dates.EARLIEST, before=case.today,
    )  # fmt: skip


def apply_check(case: Case[CheckListing | CheckDelegation]) -> Outcome:
    command, request = case.command, case.request
    day = command.checked_on or case.today
    listing = isinstance(command, CheckListing)
    seen = checks.listing_sees(request) if listing else checks.delegation_sees(request)
    check = Check(command.outcome, command.source.strip(), day, seen)
    return Outcome(
        request=request.with_(listing=check) if listing else request.with_(delegation=check),
        target=State.REQUESTED,
        data={"outcome": command.outcome.value, "checked_on": day.isoformat()},
        notes={"source": check.source},
    )


def check_send_back(case: Case[SendBack]) -> Iterator[Reason]:
    command = case.command
    yield from dates.text_problems("why", "La raison du renvoi", "R38", command.why)


def apply_send_back(case: Case[SendBack]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request,
        target=BEFORE_STEP[command.step],
        data={"step": command.step.value},
        notes={"why": command.why.strip()},
    )


def check_issue(case: Case[IssueCode]) -> Iterator[Reason]:
    command, request = case.command, case.request
    yield from _four_eyes_problems(case)
    yield from person.establishment_problems(case)
    yield from checks.problems(request, case.today, case.policy.checks_max_age_days)
    yield from _expiry_problems(case, command.expires_on)
    if (command.code is None) == (command.extends is None):
        yield more.code_or_extension()
    elif command.code:
        yield from _code_problems(case, command.code)
        keeping = holders(case.facts.others, one_key_a_person=case.policy.one_key_a_person)
        if keeping and not command.new_key_confirmed:
            yield more.key_in_use(keeping)
    else:
        yield from _extension_problems(case, command)


def _four_eyes_problems(case: Case[Any]) -> Iterator[Reason]:
    if case.policy.four_eyes and case.actor.number in case.request.acted_on_behalf:
        yield four_eyes()


def _code_problems(case: Case[Any], code: Code) -> Iterator[Reason]:
    if not case.policy.code_format.fullmatch(code.clear):
        yield more.code_format()


def _extension_problems(case: Case[Any], command: IssueCode) -> Iterator[Reason]:
    source, removal = case.facts.extended, case.facts.extended_removal
    reference = command.extends or ""
    if not case.policy.one_key_a_person:
        yield more.key_scope_is_request()
    elif source is None:
        yield more.not_extendable(reference, "elle n'existe pas")
    elif source.reference == case.request.reference:
        yield more.not_extendable(reference, "c'est la demande elle-même")
    elif source.folded_mail != case.request.folded_mail and source.person != case.request.person:
        yield more.not_extendable(reference, "c'est une autre personne")
    elif not source.has_key:
        yield more.not_extendable(reference, "aucun code n'y a été émis")
    elif removal and removal.outcome and removal.outcome is not RemovalOutcome.KEPT:
        yield more.not_extendable(reference, f"sa clé n'existe plus ({removal.outcome.label})")


def _expiry_problems(case: Case[Any], day: date | None) -> Iterator[Reason]:
    if day:
        last = case.policy.calendar.end_of(case.request.school_year).last_day
        yield from dates.day_problems("expires_on", "L'expiration de la clé", "R43", day, after=case.today, before=last)


def apply_issue(case: Case[IssueCode]) -> Outcome:
    command, request = case.command, case.request
    day = command.expires_on or case.policy.calendar.end_of(request.school_year).last_day
    extends = case.facts.extended.reference if command.extends and case.facts.extended else None
    return Outcome(
        request=request.with_(code_issued_at=case.now, extends=extends, expires_on=day, handed_on=None),
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
    if command.reason is ReissueReason.COMPROMISED:
        yield from _compromise_problems(case)


def _compromise_problems(case: Case[Any]) -> Iterator[Reason]:
    about_key = [r for r in case.facts.reports if r.change in KEY_CHANGES]
    if not any(r.change is Change.KEY_COMPROMISED for r in about_key):
        yield more.report_first()
    elif any(r.is_open for r in about_key if r.change is Change.KEY_COMPROMISED):
        yield more.report_still_open()


def apply_reissue(case: Case[ReissueCode]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request.with_(code_issued_at=case.now, extends=None, handed_on=None),
        target=State.CODE_ISSUED,
        data={"reason": command.reason.value},
        effects=(EraseCode(), SealCode(command.code)),
    )


def check_expiry(case: Case[ConfirmExpiry]) -> Iterator[Reason]:
    command, request = case.command, case.request
    yield from _expiry_problems(case, command.expires_on)
    day = command.expires_on or case.policy.calendar.end_of(request.school_year).last_day
    if day == request.expires_on:
        yield more.nothing_to_tick()


def apply_expiry(case: Case[ConfirmExpiry]) -> Outcome:
    command, request = case.command, case.request
    day = command.expires_on or case.policy.calendar.end_of(request.school_year).last_day
    return Outcome(
        request=request.with_(expires_on=day), target=State.CODE_ISSUED, data={"expires_on": day.isoformat()}
    )
