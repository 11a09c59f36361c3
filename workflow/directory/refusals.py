"""Why the directory refuses an action (R7): the same typed reasons as the rules give."""

from collections.abc import Sequence

from states.actors import Actor
from states.french import plural
from states.refusals import Reason
from states.vocabulary import Role
from workflow.directory.imported import Loss


class DirectoryRefused(Exception):
    """An import or a change of mailbox that is refused, with all its reasons; nothing has changed (R7)."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(" ".join(map(str, reasons)))
        self.reasons = tuple(reasons)


def require_operator(actor: Actor, action: str) -> None:
    """Raises DirectoryRefused unless an operator acts; ``action`` is an infinitive (R2, R14)."""
    if actor.role is not Role.OPERATOR:
        raise DirectoryRefused([_operators_only(actor.role, action)])


def _operators_only(role: Role, action: str) -> Reason:
    return Reason(
        "wrong_role", "R2", f"L'action « {action} » n'est pas ouverte au rôle « {role.label} »",
        f"La demander à : {Role.OPERATOR.label}.",
    )  # fmt: skip


def massive_loss(loss: Loss) -> Reason:
    """R67: the numbers, so that a person can judge."""
    return Reason(
        "massive_loss", "R67",
        f"Cet import ferait perdre {loss.total} des {loss.base} établissements ouverts :"
        f" {plural(loss.gone, 'disparu')}, {plural(loss.closed, 'fermé')},"
        f" {loss.mailbox} sans boîte désormais",
        "Vérifier que le fichier est entier (--dry-run en donne la liste) ; si c'est voulu, confirmer la perte"
        " (--accept-loss).",
    )  # fmt: skip


def bad_mailbox(problem: str) -> Reason:
    return Reason("bad_mailbox", "R14", f"L'adresse {problem}", "Donner une seule adresse électronique.", "address")


def why_needed(problem: str) -> Reason:
    return Reason(
        "why_needed", "R14", f"La raison {problem}", "Dire en une phrase pourquoi, sans nommer personne.", "why"
    )
