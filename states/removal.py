"""What remains to be done on the ODA server once a request is revoked (R47, R48): computed, never stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from states import french
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
