"""Why an action on what follows a code is refused: hand-over, reports of a change, removal (R7)."""

from states import french
from states.facts import Request
from states.refusals import Reason
from states.vocabulary import CodeFate


def nothing_to_hand_over() -> Reason:
    return Reason(
        "nothing_to_hand_over",
        "R31",
        "La clé a été étendue : il n'y a pas de code à remettre",
        "Rien à faire.",
    )


def already_handed_over(day: str) -> Reason:
    return Reason("already_handed_over", "R31", f"La remise est déjà confirmée, au {day}", "Rien à faire.", "handed_on")


def code_not_delivered(fate: CodeFate) -> Reason:
    return Reason(
        "code_not_delivered", "R58", f"Le code n'est pas parvenu à l'établissement ({fate.label})",
        "Attendre le courriel, ou demander au rectorat de réémettre le code.",
    )  # fmt: skip


def no_key_to_report() -> Reason:
    return Reason(
        "no_key_to_report", "R32", "Cette demande n'a pas de clé : ni code émis, ni clé étendue",
        "Signaler la clé sur la demande qui l'a reçue, ou signaler un autre changement.", "change",
    )  # fmt: skip


def already_reported(number: int) -> Reason:
    return Reason(
        "already_reported", "R32", f"Ce changement est déjà signalé, n° {number}",
        "Rien à faire : le rectorat va le régler.", "change",
    )  # fmt: skip


def no_such_report(number: int | None) -> Reason:
    what = "Aucun signalement n'est ouvert" if number is None else f"Le signalement n° {number} n'existe pas"
    return Reason("no_such_report", "R46", what, "Voir les signalements : oda request show.", "report")


def which_report(numbers: list[int]) -> Reason:
    several = french.listing([str(n) for n in numbers])
    return Reason(
        "which_report", "R46", f"Plusieurs signalements sont ouverts : n° {several}", "Dire lequel.", "report"
    )


def report_settled(number: int) -> Reason:
    return Reason("report_settled", "R46", f"Le signalement n° {number} est déjà réglé", "Rien à faire.", "report")


def settled_as_revoked() -> Reason:
    return Reason(
        "settled_as_revoked", "R46", "La demande n'est pas révoquée",
        "La révoquer d'abord, ou régler autrement.", "settlement",
    )  # fmt: skip


def settled_as_reissued(*, year_over: bool) -> Reason:
    why = "L'année scolaire est finie : aucun code ne sera réémis"
    return Reason(
        "settled_as_reissued", "R46", why if year_over else "Il n'y a pas de code à réémettre dans cet état",
        "Régler autrement.", "settlement",
    )  # fmt: skip


def no_removal_open() -> Reason:
    return Reason(
        "no_removal_open", "R49", "Aucun retrait n'est à confirmer : la demande n'avait ni code ni clé",
        "Rien à faire.",
    )  # fmt: skip


def removal_confirmed(label: str) -> Reason:
    return Reason("removal_confirmed", "R49", f"Le retrait est déjà confirmé : {label}", "Rien à faire.")


def nothing_keeps_the_key() -> Reason:
    return Reason(
        "nothing_keeps_the_key", "R49", "Aucune autre demande en cours de cette personne n'a de clé",
        "Supprimer la clé sur le serveur ODA, puis le confirmer.", "outcome",
    )  # fmt: skip


def key_still_used(holders: list[Request], request: Request) -> Reason:
    return Reason(
        "key_still_used", "R49", f"La clé de cette personne sert aussi ailleurs : {key_holders(holders, request)}",
        "Si elle n'est plus sur le serveur ODA, réémettre un code pour qui en a besoin.",
    )  # fmt: skip


def key_holders(holders: list[Request], request: Request) -> str:
    """References and establishments; who is known by the name only is to be verified (R17, R42)."""
    doubt = " ; à vérifier : même nom, autre adresse"
    same = request.folded_mail
    return french.listing(
        [f"{r.reference} ({r.uai}{'' if r.folded_mail == same else doubt})" for r in holders]
    )  # fmt: skip
