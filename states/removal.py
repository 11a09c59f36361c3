"""What remains to be done on the ODA server once a request is revoked (R47, R48): computed, never stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from states import french
from states.checks import both_were_positive
from states.facts import Request
from states.vocabulary import Labelled, RemovalKind


class Action(Labelled):
    """What the operator does on the ODA server."""

    REMOVE_KEY = "remove_key", "supprimer la clé"
    KEEP_KEY = "keep_key", "retirer les droits de cet établissement, garder la clé"
    CHANGE_EXPIRY = "change_expiry", "garder la clé, changer sa date d'expiration"


@dataclass(frozen=True, slots=True)
class RemovalTodo:
    """The action, the references for which the key is kept, and the date that it must then bear.

    ``to_verify``: some of these are known by the same name only, not by the same address.
    """

    action: Action
    kept_for: tuple[str, ...] = ()
    expires_on: date | None = None
    to_verify: bool = False

    @property
    def sentence(self) -> str:
        """The whole of it for an operator, in French."""
        if self.action is Action.REMOVE_KEY:
            return "Supprimer la clé."
        references = french.listing(list(self.kept_for))
        words = self.action.label[0].upper() + self.action.label[1:] + f" (elle sert à {references})"
        if self.expires_on:
            words += f" ; expiration à porter : {french.day(self.expires_on)}"
        return words + (" ; vérifier qu'il s'agit bien de la même personne." if self.to_verify else ".")


def removal_kind(request: Request) -> RemovalKind | None:
    """Which task a revocation opens: none when no key can exist (R47)."""
    if request.has_key:
        return RemovalKind.REMOVE_RIGHTS
    return RemovalKind.KEY_ENABLED if both_were_positive(request) else None


def holders(others: Iterable[Request], *, one_key_a_person: bool) -> list[Request]:
    """The person's other live requests that rely on the same key (R42)."""
    return [r for r in others if one_key_a_person and r.is_live and r.has_key]


def todo(request: Request, others: Iterable[Request], *, one_key_a_person: bool) -> RemovalTodo:
    """What is to be done for a revoked request, given the person's other requests today (R48)."""
    keeping = holders(others, one_key_a_person=one_key_a_person)
    if not keeping:
        return RemovalTodo(Action.REMOVE_KEY)
    elsewhere = all(r.uai != request.uai for r in keeping)
    dates = [r.expires_on for r in keeping if r.expires_on]
    return RemovalTodo(
        Action.KEEP_KEY if elsewhere else Action.CHANGE_EXPIRY,
        tuple(sorted(r.reference for r in keeping)),
        max(dates) if dates else None,
        any(r.folded_mail != request.folded_mail for r in keeping),
    )
