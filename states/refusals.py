"""Why an action is refused (R7): typed reasons, in French, each with its rule and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, tzinfo

from states import french
from states.facts import LastEvent, Request
from states.vocabulary import Role, State, Trigger


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a stable ``code`` for programs, its ``rule`` in docs/processus.md, what is wrong, what to do.

    ``field`` names the command's field at fault, None when no single one is.
    """

    code: str
    rule: str
    message: str
    remedy: str
    field: str | None = None

    def __str__(self) -> str:
        return f"{self.message} ({self.rule}). {self.remedy}"


def in_quotes(state: State) -> str:
    return f"« {state.label} »"


def unknown_request(reference: str) -> Reason:
    return Reason(
        "unknown_request", "R1", f"Aucune demande ne porte la référence « {reference} »",
        "Vérifier la référence : elle a la forme ODA-2027-00042.", "reference",
    )  # fmt: skip


def wrong_state(request: Request, trigger: Trigger, sources: Iterable[State], last: LastEvent | None,
                zone: tzinfo) -> Reason:  # fmt: skip
    since = ""
    if last:
        since = f" : {last.actor} a fait « {last.trigger.label} » le {french.instant(last.at, zone)}"
    return Reason(
        "wrong_state", "R1",
        f"La demande {request.reference} est {in_quotes(request.state)}{since}",
        _instead(request.state, trigger, sources),
    )  # fmt: skip


def _instead(state: State, trigger: Trigger, sources: Iterable[State]) -> str:
    """What to do of a request that is past the action, or not yet there."""
    if state is State.REVOKED:
        return "Cette demande est close : si la clé est encore utile, renouveler la demande."
    if trigger is Trigger.WITHDRAW:
        return "Le code est transmis : signaler un changement, le rectorat révoquera la demande."
    wanted = french.listing([in_quotes(s) for s in sources], "ou")
    return f"L'action « {trigger.label} » part de l'état {wanted}."


def wrong_role(trigger: Trigger, role: Role, allowed: Iterable[Role]) -> Reason:
    people = [r.label for r in Role if r in allowed and r is not Role.CONNECTOR]  # of a program, nobody asks anything
    who = french.listing(people, "ou")
    alone = "Elle se fait seule à la fin de l'année ; avant, un opérateur peut révoquer."
    return Reason(
        "wrong_role", "R2", f"L'action « {trigger.label} » n'est pas ouverte au rôle « {role.label} »",
        alone if trigger is Trigger.EXPIRE else f"La demander à : {who}.",
    )  # fmt: skip


def not_your_establishment() -> Reason:
    return Reason(
        "not_your_establishment", "R3", "Cet établissement n'est pas de ceux dont vous avez la charge",
        "Vérifier l'UAI ou la référence ; sinon écrire au centre de service.",
    )  # fmt: skip


def deputy_may_not_act() -> Reason:
    return Reason(
        "deputy_may_not_act", "R4", "L'académie réserve cette action au chef d'établissement en titre",
        "La faire faire par le chef d'établissement.",
    )  # fmt: skip


def behalf_needed(trigger: Trigger) -> Reason:
    return Reason(
        "behalf_needed", "R5",
        f"L'action « {trigger.label} » est celle du chef : un opérateur ne la fait qu'à sa demande",
        "Dire qui l'a demandée, comment et quand.", "on_behalf",
    )  # fmt: skip


def four_eyes(*, issued: bool) -> Reason:
    """``issued``: who issued would now act for the establishment; else the other way round."""
    if issued:
        what, remedy = "Vous avez émis le code de cette demande, ou étendu la clé", "Un autre opérateur doit agir."
    else:
        what = "Vous avez agi au nom de l'établissement dans cette demande"
        remedy = "Un autre opérateur doit émettre le code."
    return Reason("four_eyes", "R6", what, remedy)


def changed_meanwhile(last: LastEvent | None, zone: tzinfo) -> Reason:
    what = "La demande a changé entre-temps"
    if last:
        what += f" : {last.actor} a fait « {last.trigger.label} » le {french.instant(last.at, zone)}"
    return Reason("changed_meanwhile", "R9", what, "Relire la demande, puis recommencer si c'est encore utile.")


def unknown_establishment(uai: str, problem: str | None) -> Reason:
    told = f" : {problem}." if problem else " ; s'il est juste, écrire au centre de service."
    return Reason(
        "unknown_establishment", "R11", f"L'UAI « {uai} » n'est pas dans l'annuaire" if uai else "L'UAI est vide",
        f"Vérifier l'UAI{told}" if uai else "Donner l'UAI de l'établissement, par exemple 0310001H.", "uai",
    )  # fmt: skip


_IN_A_FEW_WORDS = "Quelques mots suffisent, sans nom ni donnée de santé."
_AS_LISTED = "L'écrire comme dans l'annuaire de l'académie."
_REMEDIES = {
    "nom": _AS_LISTED, "prenom": _AS_LISTED, "mail": _AS_LISTED, "on_behalf": "Dire qui a demandé, comment et quand.",
    "why": _IN_A_FEW_WORDS, "note": _IN_A_FEW_WORDS, "source": _IN_A_FEW_WORDS,
}  # fmt: skip


def bad_field(field: str, label: str, problem: str, rule: str) -> Reason:
    """``problem`` follows ``label`` in a sentence; the remedy says what a good value is."""
    return Reason("bad_field", rule, f"{label} {problem}", _REMEDIES.get(field, "Corriger et recommencer."), field)


def date_out_of_bounds(field: str, label: str, rule: str, after: date | None, before: date | None) -> Reason:
    bounds = []
    if after:
        bounds.append(f"au plus tôt le {french.day(after)}")
    if before:
        bounds.append(f"au plus tard le {french.day(before)}")
    return Reason(
        "date_out_of_bounds", rule, f"{label} n'est pas possible à cette date",
        f"Donner une date {french.listing(bounds)}.", field,
    )  # fmt: skip
