"""The end of a request (R45, R47, R50), and what is left to remove on the ODA server (R48, R49)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from states import french, refusals
from states.commands import ConfirmRemoval, Revoke
from states.decision import Case, CloseRemoval, Effect, EraseCode, OpenRemoval, Outcome, Scalar
from states.model import Request
from states.refusals import Reason
from states.rules.fields import note_problems
from states.validation import clean_text
from states.vocabulary import Labelled, RemovalKind, RemovalOutcome, RevokeReason, State


class Action(Labelled):
    """The operator's task on the ODA server."""

    REMOVE_KEY = "remove_key", "supprimer la clé"
    KEEP_KEY = "keep_key", "retirer les droits de cet établissement, garder la clé"
    CHANGE_EXPIRY = "change_expiry", "garder la clé, changer sa date d'expiration"


@dataclass(frozen=True, slots=True)
class RemovalTodo:
    """The action, the references for which the key is kept, and the date that it must then bear.

    ``to_verify``: some of the person's requests are known by the same name only, not by the same address;
    ``following``: those that have no key yet, for which one would be made again.
    """

    action: Action
    kept_for: tuple[str, ...] = ()
    expires_on: date | None = None
    to_verify: bool = False
    following: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole of it for an operator, in French."""
        parts = [self.action.label[0].upper() + self.action.label[1:]]
        if self.kept_for:
            parts[0] += f" (elle sert à {french.listing(list(self.kept_for))})"
        if self.expires_on:
            parts.append(f"expiration à porter : {french.day(self.expires_on)}")
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


def key_holders(others: Iterable[Request], *, one_key_a_person: bool) -> list[Request]:
    """The person's other live requests that rely on the same key (R42)."""
    return [other for other in others if one_key_a_person and other.is_live and other.has_key]


def other_key_holders(case: Case[Any]) -> list[Request]:
    """The same, of the request that a command is about."""
    return key_holders(case.facts.others, one_key_a_person=case.policy.one_key_a_person)


def removal_todo(request: Request, others: Iterable[Request], *, one_key_a_person: bool) -> RemovalTodo:
    """The action that a revoked request asks for, given the person's other requests today (R48).

    Computed, never stored.
    """
    live = [other for other in others if one_key_a_person and other.is_live]
    holders = key_holders(live, one_key_a_person=one_key_a_person)
    elsewhere = all(holder.uai != request.uai for holder in holders)
    return RemovalTodo(
        Action.REMOVE_KEY if not holders else Action.KEEP_KEY if elsewhere else Action.CHANGE_EXPIRY,
        tuple(sorted(holder.reference for holder in holders)),
        max((holder.expires_on for holder in holders if holder.expires_on), default=None),
        any(other.folded_mail != request.folded_mail for other in live),
        tuple(sorted(other.reference for other in live if not other.has_key)),
    )


def end_request(case: Case[Any], data: dict[str, Scalar], note: str) -> Outcome:
    """End a request: erase a code not yet handed over, open the removal task (R47, R61)."""
    kind = removal_kind(case.request)
    has_sealed_code = case.request.has_key and not case.request.extends and not case.request.handed_on
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


def check_revoke(case: Case[Revoke]) -> Iterator[Reason]:
    command = case.command
    yield from note_problems("R45", command.note, required=command.reason is RevokeReason.OTHER)


def apply_revoke(case: Case[Revoke]) -> Outcome:
    return end_request(case, {"reason": case.command.reason.value}, case.command.note)


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
    elif command.outcome is RemovalOutcome.KEPT and not other_key_holders(case):
        yield refusals.nothing_keeps_the_key()


def key_still_used_warning(case: Case[ConfirmRemoval]) -> Iterator[Reason]:
    """Warn when the key is said to be gone, and another live request relies on it (R49)."""
    if case.command.outcome is not RemovalOutcome.KEPT and (holders := other_key_holders(case)):
        yield refusals.key_still_used(holders, case.request)


def apply_removal(case: Case[ConfirmRemoval]) -> Outcome:
    command = case.command
    return Outcome(
        request=case.request,
        target=State.REVOKED,
        data={"outcome": command.outcome.value},
        notes={"note": clean_text(command.note)} if clean_text(command.note) else {},
        effects=(CloseRemoval(command.outcome),),
    )
