"""What ends a request (R45, R47, R50) and what follows on the ODA server (R49)."""

from collections.abc import Iterator
from typing import Any

from states import refusals_follow_up as more
from states import refusals_year
from states.case import Case, CloseRemoval, Effect, EraseCode, OpenRemoval, Outcome, Scalar
from states.commands import ConfirmRemoval, Revoke
from states.facts import Request
from states.refusals import Reason
from states.removal import holders, removal_kind
from states.rules import dates
from states.vocabulary import RemovalOutcome, RevokeReason, State


def revoked(case: Case[Any], data: dict[str, Scalar], note: str) -> Outcome:
    """The common end of a request: a code not yet handed over erased, the removal task opened (R47, R61)."""
    kind = removal_kind(case.request)
    sealed = case.request.has_key and not case.request.extends and not case.request.handed_on
    effects: tuple[Effect, ...] = (EraseCode(),) if sealed else ()
    if kind:
        effects += (OpenRemoval(kind),)
    return Outcome(
        request=case.request,
        target=State.REVOKED,
        data={**data, "removal": kind.value if kind else None},
        notes={"note": note.strip()} if note.strip() else {},
        effects=effects,
    )


def check_revoke(case: Case[Revoke]) -> Iterator[Reason]:
    command = case.command
    yield from dates.note_problems("R45", command.note, required=command.reason is RevokeReason.OTHER)


def apply_revoke(case: Case[Revoke]) -> Outcome:
    command = case.command
    return revoked(case, {"reason": command.reason.value}, command.note)


def check_expire(case: Case[Any]) -> Iterator[Reason]:
    year = case.request.school_year
    if not case.policy.calendar.has_ended(year, case.now):
        yield refusals_year.year_not_ended(case.policy.calendar.end_of(year))


def apply_expire(case: Case[Any]) -> Outcome:
    last_day = case.policy.calendar.end_of(case.request.school_year).last_day
    return revoked(case, {"last_day": last_day.isoformat()}, "")


def check_removal(case: Case[ConfirmRemoval]) -> Iterator[Reason]:
    command, removal = case.command, case.facts.removal
    yield from dates.note_problems("R49", command.note)
    if removal is None:
        yield more.no_removal_open()
        return
    if removal.outcome:
        yield more.removal_confirmed(removal.outcome.label)
        return
    if command.outcome is RemovalOutcome.KEPT and not _keeping(case):
        yield more.nothing_keeps_the_key()


def _keeping(case: Case[Any]) -> list[Request]:
    return holders(case.facts.others, one_key_a_person=case.policy.one_key_a_person)


def removal_warning(case: Case[ConfirmRemoval]) -> Iterator[Reason]:
    """The key is said to be gone, and another live request relies on it (R49)."""
    if case.command.outcome is not RemovalOutcome.KEPT and (keeping := _keeping(case)):
        yield more.key_still_used(keeping, case.request)


def apply_removal(case: Case[ConfirmRemoval]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request,
        target=State.REVOKED,
        data={"outcome": command.outcome.value},
        notes={"note": command.note.strip()} if command.note.strip() else {},
        effects=(CloseRemoval(command.outcome),),
    )
