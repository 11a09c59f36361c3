"""The code: issued, extended from another request, issued again, and its last day on the server (R39 to R44)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from states import french
from states import refusals as more
from states.commands import Code, ConfirmExpiry, IssueCode, ReissueCode
from states.decision import Case, EraseCode, Outcome, SealCode
from states.model import Request
from states.refusals import Reason, four_eyes
from states.rules import declaration as person
from states.rules import fields as dates
from states.rules import verification as checks
from states.rules.revocation import holders
from states.vocabulary import Change, ReissueReason, RemovalOutcome, Settlement, State

# The key that a person has already: in use elsewhere, extended, and the last day that it bears (R40, R42, R43).


def _keeping(case: Case[Any]) -> list[Request]:
    """The person's other live requests that rely on the same key."""
    return holders(case.facts.others, one_key_a_person=case.policy.one_key_a_person)


def in_use_problems(case: Case[Any], *, confirmed: bool, again: bool) -> Iterator[Reason]:
    """A new code would reset a key in use (R42); ``again``: it replaces one of the same request."""
    keeping = _keeping(case)
    if keeping and not confirmed:
        yield more.key_in_use(keeping, case.request, again=again)


def extension_problems(case: Case[IssueCode]) -> Iterator[Reason]:
    """The key of ``extends`` is the person's and still works (R40)."""
    if not case.policy.one_key_a_person:
        yield more.key_scope_is_request()
    elif whys := list(_obstacles(case)):
        yield more.not_extendable(case.command.extends or "", " ; ".join(whys))


def _obstacles(case: Case[IssueCode]) -> Iterator[str]:
    source, request = case.facts.extended, case.request
    if source is None:
        yield "cette demande n'existe pas"
    elif source.reference == request.reference:
        yield "c'est la demande elle-même"
    elif source.folded_mail != request.folded_mail and source.person != request.person:
        yield "c'est une autre personne"
    elif not source.has_key:
        yield "aucun code n'y a été émis"
    else:
        yield from _faults(case, source)


def _faults(case: Case[IssueCode], source: Request) -> Iterator[str]:
    """Why a key that was given does not work any more, or must not."""
    removal = case.facts.extended_removal
    if removal and removal.outcome and removal.outcome is not RemovalOutcome.KEPT:
        yield f"sa clé n'existe plus ({removal.outcome.label})"
    if source.expires_on and source.expires_on < case.today:
        yield f"sa clé a expiré le {french.day(source.expires_on)}"
    if any(r.is_open and r.change is Change.KEY_COMPROMISED for r in case.facts.extended_reports):
        yield "sa clé est signalée compromise, et ce n'est pas réglé"


def expiry_problems(case: Case[Any], day: date | None) -> Iterator[Reason]:
    """From today to the year's end, or to the latest day of another live request that relies on the key (R43)."""
    if day:
        end = case.policy.calendar.end_of(case.request.school_year).last_day
        last = max([end, *(r.expires_on for r in _keeping(case) if r.expires_on)])
        yield from dates.day_problems("expires_on", "L'expiration de la clé", "R43", day, after=case.today, before=last)


def check_issue(case: Case[IssueCode]) -> Iterator[Reason]:
    command, request = case.command, case.request
    yield from _four_eyes_problems(case)
    yield from person.establishment_problems(case)
    yield from checks.check_problems(request, case.today, case.policy.checks_max_age_days).values()
    yield from expiry_problems(case, command.expires_on)
    if (command.code is None) == (command.extends is None):
        yield more.code_or_extension()
    elif command.code:
        yield from _code_problems(case, command.code)
        yield from in_use_problems(case, confirmed=command.new_key_confirmed, again=False)
    else:
        yield from extension_problems(case)


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
    yield from in_use_problems(case, confirmed=command.new_key_confirmed, again=True)
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
    yield from expiry_problems(case, command.expires_on)
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
