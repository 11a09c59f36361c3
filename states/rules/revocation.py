"""What ends a request (R45, R47, R50) and what follows on the ODA server (R49)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from states import french
from states import refusals as more
from states import refusals as refusals_year
from states.commands import ConfirmRemoval, Revoke
from states.decision import Case, CloseRemoval, Effect, EraseCode, OpenRemoval, Outcome, Scalar
from states.model import Request
from states.refusals import Reason
from states.rules import fields as dates
from states.vocabulary import Labelled, RemovalKind, RemovalOutcome, RevokeReason, State

# What remains to be done on the ODA server once a request is revoked (R47, R48): computed, never stored.


class Action(Labelled):
    """What the operator does on the ODA server."""

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
    """Which task a revocation opens: none when no key can exist (R47)."""
    if request.has_key:
        return RemovalKind.REMOVE_RIGHTS
    return RemovalKind.KEY_ENABLED if request.key_possible else None


def holders(others: Iterable[Request], *, one_key_a_person: bool) -> list[Request]:
    """The person's other live requests that rely on the same key (R42)."""
    return [r for r in others if one_key_a_person and r.is_live and r.has_key]


def todo(request: Request, others: Iterable[Request], *, one_key_a_person: bool) -> RemovalTodo:
    """What is to be done for a revoked request, given the person's other requests today (R48)."""
    live = [r for r in others if one_key_a_person and r.is_live]
    keeping = holders(live, one_key_a_person=one_key_a_person)
    elsewhere = all(r.uai != request.uai for r in keeping)
    return RemovalTodo(
        Action.REMOVE_KEY if not keeping else Action.KEEP_KEY if elsewhere else Action.CHANGE_EXPIRY,
        tuple(sorted(r.reference for r in keeping)),
        max((r.expires_on for r in keeping if r.expires_on), default=None),
        any(r.folded_mail != request.folded_mail for r in live),
        tuple(sorted(r.reference for r in live if not r.has_key)),
    )


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
