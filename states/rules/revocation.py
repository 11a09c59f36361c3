"""The end of a request (R45, R47, R50), and what is left to remove on the ODA server (R48, R49)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from states import french, refusals
from states.commands import ConfirmRemoval, ReopenRemoval, Revoke
from states.decision import (
    Case,
    CloseRemoval,
    Effect,
    EraseCode,
    OpenRemoval,
    Outcome,
    ReopenTask,
    Scalar,
    note_problems,
    text_problems,
)
from states.model import Facts, Policy, Removal, Request
from states.refusals import Reason
from states.rules.changes import answered, answers, dated_revocation, to_settle
from states.rules.verification import Standing, standing
from states.school_calendar import SchoolCalendar
from states.validation import clean_text
from states.vocabulary import Action, RemovalKind, RemovalOutcome, RevokeReason, Role, Settlement, State


@dataclass(frozen=True, slots=True)
class RemovalTodo:
    """The action, the references for which the key is kept, and the date that it must then bear.

    ``to_verify``: some of the person's requests are known by the same name only, not by the same address;
    ``following``: those that have no key yet, for which one would be made again; ``renewed_by``: those, renewed and
    verified, to which the key is still to be extended.
    """

    action: Action
    kept_for: tuple[str, ...] = ()
    expires_on: date | None = None
    to_verify: bool = False
    following: tuple[str, ...] = ()
    renewed_by: tuple[str, ...] = ()

    @property
    def outcome(self) -> RemovalOutcome:
        """The outcome of whoever does exactly this."""
        return RemovalOutcome.REMOVED if self.action is Action.REMOVE_KEY else RemovalOutcome.KEPT

    @property
    def sentence(self) -> str:
        """The whole of it for an operator, in French."""
        parts = [self.action.label[0].upper() + self.action.label[1:]]
        if self.kept_for:
            parts[0] += f" (elle sert à {french.listing(list(self.kept_for))})"
        if self.expires_on:
            parts.append(f"expiration à porter : {french.day(self.expires_on)}")
        if self.renewed_by:
            several = len(self.renewed_by) > 1
            parts.append(f"étendre la clé {'aux demandes' if several else 'à la demande'}"
                         f" {french.listing(list(self.renewed_by))},"
                         f" {'renouvelées et vérifiées' if several else 'renouvelée et vérifiée'}")  # fmt: skip
        if self.following:
            references = french.listing(list(self.following))
            several = len(self.following) > 1
            parts.append(f"{'les demandes' if several else 'la demande'} {references}"
                         f" {'suivent' if several else 'suit'}, sans clé pour l'instant")  # fmt: skip
        if self.to_verify:
            parts.append("vérifier qu'il s'agit bien de la même personne")
        return " ; ".join(parts) + "."


def removal_kind(request: Request) -> RemovalKind | None:
    """The task that a revocation opens: none when no key can exist (R47)."""
    if request.has_key:
        return RemovalKind.REMOVE_RIGHTS
    return RemovalKind.KEY_ENABLED if request.key_possible else None


def ended_with_its_year(request: Request, removal: Removal | None, calendar: SchoolCalendar) -> bool:
    """Return True when a key served until its school year's end, and was not taken away before (R40, R48)."""
    if removal is None or removal.opened_at is None or not request.has_key:
        return False
    last_day = calendar.end_of(request.school_year).last_day
    return calendar.today(removal.opened_at) > min(last_day, request.expiry_seen_for or last_day)


def verified_renewals(facts: Facts, policy: Policy) -> list[Request]:
    """The later requests in the same establishment that keep the key of a request ended with its year (R48).

    Both of their checks are positive, and were recent when they were made; the key is still to be extended to them.
    """
    request = facts.request
    if request is None or not policy.one_key_a_person:
        return []
    if not ended_with_its_year(request, facts.removal, policy.calendar):
        return []
    return [
        other
        for other in facts.others
        if other.uai == request.uai
        and other.state is State.REQUESTED
        and request.school_year < other.school_year
        and standing(other) is Standing.POSITIVE
    ]


def key_serves_elsewhere(request: Request, policy: Policy) -> bool:
    """Return True when the key may have uses that this software does not know: its rights go, not itself (R48)."""
    return request.key_elsewhere or policy.key_has_other_uses


def removal_todo(request: Request, facts: Facts, policy: Policy) -> RemovalTodo:
    """The action that a revoked request asks for, given the person's other requests today (R48).

    Computed, never stored.
    """
    live = [other for other in facts.others if policy.one_key_a_person and other.is_live]
    holders = [other for other in live if other.has_key]
    renewals = verified_renewals(facts, policy)
    keeping = [*holders, *renewals]
    elsewhere = all(other.uai != request.uai for other in keeping)
    days = [holder.expires_on for holder in holders if holder.expires_on]
    days += [policy.calendar.end_of(renewal.school_year).last_day for renewal in renewals]
    if keeping:
        action = Action.KEEP_KEY if elsewhere else Action.CHANGE_EXPIRY
    else:
        action = Action.REMOVE_RIGHTS if key_serves_elsewhere(request, policy) else Action.REMOVE_KEY
    return RemovalTodo(
        action,
        tuple(sorted(holder.reference for holder in holders)),
        max(days, default=None),
        any(other.folded_mail != request.folded_mail for other in live),
        tuple(sorted(other.reference for other in live if not other.has_key and other not in renewals)),
        tuple(sorted(renewal.reference for renewal in renewals)),
    )


def end_request(case: Case[Any], data: dict[str, Scalar], note: str) -> Outcome:
    """End a request: erase a code not yet handed over, open the removal task (R47, R61)."""
    kind = removal_kind(case.request)
    has_sealed_code = case.request.has_key and not case.request.is_extension and not case.request.handed_on
    effects: tuple[Effect, ...] = (EraseCode(),) if has_sealed_code else ()
    if kind:
        effects += (OpenRemoval(kind),)
    return Outcome(
        request=case.request,
        target=State.REVOKED,
        data={**data, "removal": kind.value if kind else None},
        notes={"note": clean_text(note)} if clean_text(note) else {},
        effects=effects,
    )


IN_WORDS: Final = (RevokeReason.REFUSAL, RevokeReason.ERROR, RevokeReason.OTHER)
"""Reasons that say nothing without their words: no administration refuses without saying why (R45)."""


def check_revoke(case: Case[Revoke]) -> Iterator[Reason]:
    """An operator at any time; the schedule on the day that an operator set, while the year runs (R46)."""
    command = case.command
    yield from note_problems("R45", command.note, required=command.reason in IN_WORDS)
    if case.actor.role is Role.SCHEDULE:
        dated = dated_revocation(case.facts.reports)
        is_due = dated is not None and dated.revoke_on is not None and dated.revoke_on <= case.today
        if not is_due or case.policy.calendar.has_ended(case.request.school_year, case.now):
            yield refusals.no_dated_revocation()


def apply_revoke(case: Case[Revoke]) -> Outcome:
    """End the request, and settle the reports that are still open: the revocation answers them (R45)."""
    closed = answers(case, Settlement.REVOKED)
    data: dict[str, Scalar] = {"reason": case.command.reason.value}
    outcome = end_request(case, data | answered(closed), case.command.note)
    return replace(outcome, effects=(*outcome.effects, *closed))


def early_revocation_warnings(case: Case[Revoke]) -> Iterator[Reason]:
    """Warn who revokes before the day that a report announced (R45)."""
    for report in to_settle(case.request, case.facts.reports):
        if report.effective_on > case.today:
            yield refusals.revoked_before_its_day(report)


def check_expire(case: Case[Any]) -> Iterator[Reason]:
    year, calendar = case.request.school_year, case.policy.calendar
    if not calendar.has_ended(year, case.now):
        yield refusals.year_not_ended(calendar.end_of(year))


def apply_expire(case: Case[Any]) -> Outcome:
    last_day = case.policy.calendar.end_of(case.request.school_year).last_day
    return end_request(case, {"last_day": last_day.isoformat()}, "")


def check_removal(case: Case[ConfirmRemoval]) -> Iterator[Reason]:
    command, removal = case.command, case.facts.removal
    yield from note_problems("R49", command.note)
    if removal is None:
        yield refusals.no_removal_open()
    elif removal.outcome:
        yield refusals.removal_confirmed(removal.outcome.label)


def key_still_used_warning(case: Case[ConfirmRemoval]) -> Iterator[Reason]:
    """Warn when the key is said to be gone, and another live request relies on it, or was to keep it (R49)."""
    if case.command.outcome is RemovalOutcome.KEPT:
        return
    if holders := case.key_holders:
        yield refusals.key_still_used(holders, case.request)
    if renewals := verified_renewals(case.facts, case.policy):
        yield refusals.key_awaited(renewals, case.request)


def apply_removal(case: Case[ConfirmRemoval]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request,
        target=State.REVOKED,
        data={"outcome": command.outcome.value},
        notes={"note": clean_text(command.note)} if clean_text(command.note) else {},
        effects=(CloseRemoval(command.outcome),),
    )


def check_reopening(case: Case[ReopenRemoval]) -> Iterator[Reason]:
    removal = case.facts.removal
    yield from text_problems("why", "La raison", "R49", case.command.why)
    if removal is None:
        yield refusals.no_removal_open()
    elif removal.outcome is None:
        yield refusals.removal_still_open()


def apply_reopening(case: Case[ReopenRemoval]) -> Outcome:
    """Undo a confirmation, which stays in the journal; the task waits again, for a person or the connector."""
    removal = case.facts.removal
    return Outcome(
        request=case.request,
        target=State.REVOKED,
        data={"outcome": removal.outcome.value if removal and removal.outcome else None},
        notes={"why": clean_text(case.command.why)},
        effects=(ReopenTask(removal.kind),) if removal else (),
    )
