"""The two checks of the rectorat before a code: recorded, valid or not, and sending back (R34 to R38).

The RUPN whom it checked it also tells to the DRANE, which keeps the list: additions, corrections, removals (R96).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from states import refusals
from states.commands import CheckDelegation, CheckListing, SendBack, SendToDrane
from states.decision import Case, Outcome, Scalar, day_problems, text_problems
from states.model import Check, Evidence, Request
from states.refusals import Reason
from states.validation import chef_key, clean_text
from states.vocabulary import DRANE_MOVEMENTS, CheckOutcome, DraneStanding, Labelled, Role, State, Step, Trigger

LISTING: Final = "La vérification de la liste des RUPN"

DELEGATION: Final = "La vérification de la délégation"

BEFORE_STEP: Final = {
    Step.DECLARATION: State.DECLARED,
    Step.DELEGATION: State.DECLARED,
    Step.CHARTER: State.DELEGATED,
    Step.CONFIRMATION: State.CHARTER_SIGNED,
}
"""The state to which a request goes back, by the step to redo (R38)."""

_DIGEST: Final = re.compile(r"[0-9a-f]{16}(\.[0-9a-f]{16}){4}")


class Standing(Labelled):
    """The result of the two checks together, but for their age, which changes while nothing happens (R35, R36)."""

    TO_DO = "to_do", "à faire"
    NEGATIVE = "negative", "négatives"
    POSITIVE = "positive", "positives"


def listing_digest(request: Request) -> str:
    """A digest of the data that a check of the list of RUPN looks at (R35)."""
    return digest_of_parts(_of_listing(request).values())


def delegation_digest(request: Request) -> str:
    """A digest of the data that a check of the delegation looks at, its chef included (R35, R37)."""
    return digest_of_parts(_of_delegation(request).values())


def _of_listing(request: Request) -> dict[str, object]:
    """The data that a check of the list looks at, by their names in a sentence."""
    return {
        "le nom du RUPN": request.nom, "son prénom": request.prenom, "son adresse": request.mail,
        "l'année scolaire": request.school_year,
    }  # fmt: skip


def _of_delegation(request: Request) -> dict[str, object]:
    return _of_listing(request) | {
        "la date de la délégation": request.delegated_on, "sa raison": request.delegation_why,
        "le chef d'établissement": chef_key(request.chef_name),
    }  # fmt: skip


def digest_of_parts(parts: Iterable[object]) -> str:
    """The digests of the parts, by full stops: the one that changed can be named."""
    return ".".join(hashlib.sha256(str(part).encode()).hexdigest()[:16] for part in parts)


def _changed_since(check: Check, parts: dict[str, object]) -> list[str] | None:
    """The changes since a check: empty when that cannot be told, None when nothing has."""
    together = "\x1f".join(map(str, parts.values()))  # an earlier version made one digest of all the parts at once
    former = hashlib.sha256(together.encode()).hexdigest()[:32]
    if check.digest in (digest_of_parts(parts.values()), former):
        return None
    seen = check.digest.split(".")
    if len(seen) != len(parts):
        return []
    return [name for (name, part), digest in zip(parts.items(), seen, strict=True) if digest_of_parts([part]) != digest]


def check_problems(request: Request, today: date, max_age_days: int) -> dict[Trigger, Reason]:
    """The checks that do not count today, by the trigger that makes each, with the reason (R35 to R37).

    Empty when both allow a code (R39).
    """
    listing = _problem(request.listing, LISTING, _of_listing(request), today, max_age_days)
    delegation = _problem(request.delegation, DELEGATION, _of_delegation(request), today, max_age_days)
    reasons = {Trigger.CHECK_LISTING: listing, Trigger.CHECK_DELEGATION: delegation}
    return {trigger: reason for trigger, reason in reasons.items() if reason}


def _problem(
    check: Check | None, label: str, parts: dict[str, object], today: date, max_age_days: int
) -> Reason | None:  # fmt: skip
    if check is None:
        return refusals.check_missing(label)
    if (changed := _changed_since(check, parts)) is not None:
        return refusals.check_void(label, changed)
    if check.outcome is not CheckOutcome.POSITIVE:
        return refusals.check_negative(label)
    if check.checked_on < oldest_valid_day(today, max_age_days):
        return refusals.check_too_old(label, max_age_days)
    return None


def oldest_valid_day(today: date, max_age_days: int) -> date:
    """The earliest day of a check that still counts today (R36)."""
    return today - timedelta(days=max_age_days)


def standing(request: Request) -> Standing:
    """The result of both checks as the request is now: TO_DO when one is missing or saw something else (R35)."""
    checks = current_checks(request)
    if any(check.outcome is CheckOutcome.NEGATIVE for check in checks):
        return Standing.NEGATIVE
    return Standing.POSITIVE if len(checks) == 2 else Standing.TO_DO


def current_checks(request: Request) -> list[Check]:
    """The checks that saw the request as it is now, whatever their result: the others are to be made (R35)."""
    seen = ((request.listing, _of_listing(request)), (request.delegation, _of_delegation(request)))
    return [check for check, parts in seen if check is not None and _changed_since(check, parts) is None]


def earlier_check_day(request: Request) -> date | None:
    """The earlier day of the two checks, from which their age counts; None while one is missing (R36)."""
    if request.listing is None or request.delegation is None:
        return None
    return min(request.listing.checked_on, request.delegation.checked_on)


def with_chef(request: Request, name: str) -> Request:
    """The request under this chef: the first name known leaves a check as current as it was (R37)."""
    after, check = request.with_(chef_name=name), request.delegation
    if check is None or chef_key(request.chef_name) or _changed_since(check, _of_delegation(request)) is not None:
        return after
    return after.with_(delegation=replace(check, digest=delegation_digest(after)))


def check_check(case: Case[CheckListing | CheckDelegation]) -> Iterator[Reason]:
    command, max_age_days = case.command, case.policy.checks_max_age_days
    is_automatic = command.evidence is not None and command.evidence.automatic
    is_positive = command.outcome is CheckOutcome.POSITIVE
    if is_automatic is not (case.actor.role is Role.SCHEDULE) or (is_automatic and not is_positive):
        yield refusals.not_an_automatic_check()
    yield from text_problems("source", "La source de la vérification", "R34", command.source)
    oldest_day, day = oldest_valid_day(case.today, max_age_days), command.checked_on or case.today
    label, earliest = LISTING, oldest_day
    if isinstance(command, CheckDelegation):
        label, earliest = DELEGATION, max(oldest_day, case.request.delegated_on or oldest_day)
    if day < oldest_day:
        yield refusals.check_too_old(label, max_age_days, earliest)
    else:
        yield from day_problems("checked_on", label, "R34", day, after=earliest, before=case.today)


def apply_check(case: Case[CheckListing | CheckDelegation]) -> Outcome:
    """Record the check; once both are positive, at any age, a key may be enabled from then on (R47)."""
    command, request = case.command, case.request
    day, source, evidence = command.checked_on or case.today, clean_text(command.source), command.evidence
    seen = listing_digest(request) if isinstance(command, CheckListing) else delegation_digest(request)
    check = Check(command.outcome, source, day, seen)
    if evidence:
        check = replace(check, entry=evidence.entry, automatic=evidence.automatic)
    request = request.with_(**{"listing" if isinstance(command, CheckListing) else "delegation": check})
    checks = (request.listing, request.delegation)
    if all(check is not None and check.outcome is CheckOutcome.POSITIVE for check in checks):
        request = request.with_(key_possible=True)
    return Outcome(
        request=request,
        target=State.REQUESTED,
        data={"outcome": command.outcome.value, "checked_on": day.isoformat(), **_data_of(evidence)},
        notes={"source": source},
    )


def _data_of(evidence: Evidence | None) -> dict[str, Scalar]:
    """The data of an event that say from which row of which list a check was made (R94)."""
    if evidence is None:
        return {}
    data: dict[str, Scalar] = {
        "list_number": evidence.list_number, "list_entry": evidence.entry, "list_line": evidence.line,
    }  # fmt: skip
    return data | ({"automatic": True} if evidence.automatic else {"list_score": evidence.score})


def check_send_back(case: Case[SendBack]) -> Iterator[Reason]:
    yield from text_problems("why", "La raison du renvoi", "R38", case.command.why)


def apply_send_back(case: Case[SendBack]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request,
        target=BEFORE_STEP[command.step],
        data={"step": command.step.value},
        notes={"why": clean_text(command.why)},
    )


def drane_digest(request: Request) -> str:
    """A digest of what the DRANE is sent of a RUPN."""
    return digest_of_parts(_of_drane(request).values())


def _of_drane(request: Request) -> dict[str, object]:
    return {
        "le nom": request.nom, "le prénom": request.prenom, "l'adresse": request.mail,
        "l'établissement": request.uai, "l'année scolaire": request.school_year,
    }  # fmt: skip


def changed_for_drane(request: Request) -> list[str]:
    """The corrections since the DRANE was sent this RUPN, in words; empty when nothing was, or nothing was sent."""
    parts, seen = _of_drane(request), request.drane_seen.split(".")
    if len(seen) != len(parts):
        return []
    return [name for (name, part), digest in zip(parts.items(), seen, strict=True) if digest_of_parts([part]) != digest]


def drane_standing(request: Request) -> DraneStanding:
    """The news that the DRANE has yet to be sent: a later change of what it has is a correction, an end a removal."""
    if not request.is_live:
        return DraneStanding.TO_REMOVE if request.drane_seen else DraneStanding.NOTHING
    if not request.drane_seen:
        return DraneStanding.TO_ADD
    return DraneStanding.UP_TO_DATE if request.drane_seen == drane_digest(request) else DraneStanding.TO_CORRECT


def check_send_to_drane(case: Case[SendToDrane]) -> Iterator[Reason]:
    command, request = case.command, case.request
    what, opening = _what(case), case.policy.calendar.accepts_from(request.school_year)
    is_new = (command.seen or drane_digest(request)) != request.drane_seen
    if what not in DRANE_MOVEMENTS:
        yield refusals.nothing_for_drane(request)
    elif command.seen and not _DIGEST.fullmatch(command.seen):
        yield refusals.bad_field("seen", "L'empreinte", "n'est pas celle d'une ligne de la liste", "R96")
    elif what is DraneStanding.TO_REMOVE and request.is_live:
        yield refusals.not_to_remove_from_drane()
    elif not (request.drane_seen if what is DraneStanding.TO_REMOVE else is_new):
        yield refusals.nothing_for_drane(request)
    day = command.sent_on or case.today
    yield from day_problems("sent_on", "La transmission à la DRANE", "R96", day, after=opening, before=case.today)


def _what(case: Case[SendToDrane]) -> DraneStanding:
    return case.command.what or drane_standing(case.request)


def apply_send_to_drane(case: Case[SendToDrane]) -> Outcome:
    """Bind what the DRANE now holds; the rectorat's first transmission is the declaration (R25)."""
    command, request, what = case.command, case.request, _what(case)
    day = command.sent_on or case.today
    if what is DraneStanding.TO_REMOVE:
        request = request.with_(drane_sent_on=day, drane_seen="")
    else:
        declared_on = request.drane_declared_on or day
        seen = command.seen or drane_digest(request)
        request = request.with_(drane_sent_on=day, drane_seen=seen, drane_declared_on=declared_on)
    return Outcome(
        request=request, target=request.state, data={"transmitted": what.value, "transmitted_on": day.isoformat()}
    )
