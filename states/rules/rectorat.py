"""What the rectorat does with a request before a code: check it, or send it back (R34 to R38)."""

from collections.abc import Iterator

from states import checks
from states import refusals_rectorat as more
from states.case import Case, Outcome
from states.commands import CheckDelegation, CheckListing, SendBack
from states.facts import Check
from states.refusals import Reason
from states.rules import dates
from states.vocabulary import State, Step

BEFORE_STEP = {
    Step.DECLARATION: State.DECLARED,
    Step.DELEGATION: State.DECLARED,
    Step.CHARTER: State.DELEGATED,
    Step.CONFIRMATION: State.CHARTER_SIGNED,
}


def check_check(case: Case[CheckListing | CheckDelegation]) -> Iterator[Reason]:
    command, max_age = case.command, case.policy.checks_max_age_days
    yield from dates.text_problems("source", "La source de la vérification", "R34", command.source)
    label, earliest = checks.LISTING, checks.oldest_day(case.today, max_age)
    oldest, day = earliest, command.checked_on or case.today
    if isinstance(command, CheckDelegation):
        label, earliest = checks.DELEGATION, max(earliest, case.request.delegated_on or earliest)
    if day < oldest:
        yield more.check_too_old(label, max_age, earliest)
    else:
        yield from dates.day_problems("checked_on", label, "R34", day, after=earliest, before=case.today)


def apply_check(case: Case[CheckListing | CheckDelegation]) -> Outcome:
    command, request = case.command, case.request
    day = command.checked_on or case.today
    listing = isinstance(command, CheckListing)
    seen = checks.listing_sees(request) if listing else checks.delegation_sees(request)
    check = Check(command.outcome, command.source.strip(), day, seen)
    after = request.with_(listing=check) if listing else request.with_(delegation=check)
    return Outcome(
        request=after.with_(key_possible=True) if checks.both_positive(after) else after,
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
