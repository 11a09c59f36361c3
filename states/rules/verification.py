"""Whether a check of a list still counts (R34 to R37)."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from states import refusals
from states import refusals as more
from states.commands import CheckDelegation, CheckListing, SendBack
from states.decision import Case, Outcome
from states.model import Check, Request
from states.refusals import Reason
from states.rules import fields as dates
from states.validation import person_key
from states.vocabulary import CheckOutcome, Labelled, State, Step, Trigger

LISTING = "La vérification de la liste des RUPN"


DELEGATION = "La vérification de la délégation"


class Standing(Labelled):
    """What the two checks say together, but for their age, which changes while nothing happens (R35, R36)."""

    TO_DO = "to_do", "à faire"
    NEGATIVE = "negative", "négatives"
    POSITIVE = "positive", "positives"


def _digest(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:32]


def listing_sees(request: Request) -> str:
    """A digest of what a check of the list of RUPN looks at (R35)."""
    return _digest(request.nom, request.prenom, request.mail, request.school_year)


def delegation_sees(request: Request) -> str:
    """A digest of what a check of the delegation looks at, the chef who made it included (R35, R37)."""
    return _digest(
        request.nom,
        request.prenom,
        request.mail,
        request.school_year,
        request.delegated_on,
        request.delegation_why,
        person_key(request.chef_name, ""),
    )


def _problem(check: Check | None, label: str, seen: str, today: date, max_age: int) -> Reason | None:
    if check is None:
        return refusals.check_missing(label)
    if check.outcome is not CheckOutcome.POSITIVE:
        return refusals.check_negative(label)
    if check.seen != seen:
        return refusals.check_void(label)
    if check.checked_on < oldest_day(today, max_age):
        return refusals.check_too_old(label, max_age)
    return None


def check_problems(request: Request, today: date, max_age_days: int) -> dict[Trigger, Reason]:
    """The checks that do not count today, by the trigger that makes each, with the reason (R35 to R37).

    Empty when both allow a code (R39).
    """
    listing = _problem(request.listing, LISTING, listing_sees(request), today, max_age_days)
    delegation = _problem(request.delegation, DELEGATION, delegation_sees(request), today, max_age_days)
    reasons = {Trigger.CHECK_LISTING: listing, Trigger.CHECK_DELEGATION: delegation}
    return {trigger: reason for trigger, reason in reasons.items() if reason}


def with_chef(request: Request, name: str) -> Request:
    """The request under this chef: the first name known leaves a check as current as it was (R37)."""
    after, check = request.with_(chef_name=name), request.delegation
    if check is None or person_key(request.chef_name, "") or check.seen != delegation_sees(request):
        return after
    return after.with_(delegation=replace(check, seen=delegation_sees(after)))


def oldest_day(today: date, max_age_days: int) -> date:
    """The earliest day of a check that still counts today (R36)."""
    return today - timedelta(days=max_age_days)


def both_positive(request: Request) -> bool:
    """Whether both checks are positive, at any age: a key may be enabled from then on (R47)."""
    return all(c is not None and c.outcome is CheckOutcome.POSITIVE for c in (request.listing, request.delegation))


def standing(request: Request) -> Standing:
    """What both checks say of the request as it is now: TO_DO when one is missing or saw something else (R35)."""
    both = (request.listing, request.delegation)
    if any(check is not None and check.outcome is CheckOutcome.NEGATIVE for check in both):
        return Standing.NEGATIVE
    seen = (listing_sees(request), delegation_sees(request))
    current = all(check is not None and check.seen == now for check, now in zip(both, seen, strict=True))
    return Standing.POSITIVE if current else Standing.TO_DO


def oldest(request: Request) -> date | None:
    """The earlier day of the two checks, of which the age is counted; None while one is missing (R36)."""
    if request.listing is None or request.delegation is None:
        return None
    return min(request.listing.checked_on, request.delegation.checked_on)


# What the rectorat does with a request before a code: check it, or send it back (R34 to R38).


BEFORE_STEP = {
    Step.DECLARATION: State.DECLARED,
    Step.DELEGATION: State.DECLARED,
    Step.CHARTER: State.DELEGATED,
    Step.CONFIRMATION: State.CHARTER_SIGNED,
}


def check_check(case: Case[CheckListing | CheckDelegation]) -> Iterator[Reason]:
    command, max_age = case.command, case.policy.checks_max_age_days
    yield from dates.text_problems("source", "La source de la vérification", "R34", command.source)
    label, earliest = LISTING, oldest_day(case.today, max_age)
    oldest, day = earliest, command.checked_on or case.today
    if isinstance(command, CheckDelegation):
        label, earliest = DELEGATION, max(earliest, case.request.delegated_on or earliest)
    if day < oldest:
        yield more.check_too_old(label, max_age, earliest)
    else:
        yield from dates.day_problems("checked_on", label, "R34", day, after=earliest, before=case.today)


def apply_check(case: Case[CheckListing | CheckDelegation]) -> Outcome:
    command, request = case.command, case.request
    day = command.checked_on or case.today
    listing = isinstance(command, CheckListing)
    seen = listing_sees(request) if listing else delegation_sees(request)
    check = Check(command.outcome, command.source.strip(), day, seen)
    after = request.with_(listing=check) if listing else request.with_(delegation=check)
    return Outcome(
        request=after.with_(key_possible=True) if both_positive(after) else after,
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
