"""Why an action of the rectorat, or one on what follows a code, is refused (R7)."""

from states import french
from states.facts import Request
from states.refusals import Reason
from states.vocabulary import CodeFate


def charter_version(wanted: str, given: str) -> Reason:
    return Reason(
        "charter_version", "R27", f"La version « {given} » de la charte n'est pas celle en vigueur",
        f"Faire signer la version « {wanted} ».", "version",
    )  # fmt: skip


def copy_not_kept() -> Reason:
    return Reason(
        "copy_not_kept", "R27", "L'exemplaire signé de la charte doit rester dans l'établissement",
        "Conserver l'exemplaire, puis le confirmer.", "copy_kept",
    )  # fmt: skip


def identity_not_confirmed(field: str, label: str) -> Reason:
    return Reason(
        "identity_not_confirmed", "R28", f"{label} ne correspond pas à ce qui est enregistré",
        "Relire l'identité du RUPN ; la corriger d'abord si elle est fausse.", field,
    )  # fmt: skip


def nothing_to_amend() -> Reason:
    return Reason("nothing_to_amend", "R29", "La correction ne change rien", "Donner au moins une valeur nouvelle.")


def check_missing(label: str) -> Reason:
    return Reason(
        "check_missing", "R39", f"{label} n'est pas faite", "La faire, puis émettre.",
    )  # fmt: skip


def check_negative(label: str) -> Reason:
    return Reason(
        "check_negative", "R39", f"{label} est négative",
        "La refaire si la liste a changé, ou renvoyer la demande à l'établissement.",
    )  # fmt: skip


def check_void(label: str) -> Reason:
    return Reason("check_void", "R35", f"{label} portait sur d'autres données que celles d'aujourd'hui", "La refaire.")


def check_too_old(label: str, days: int) -> Reason:
    return Reason("check_too_old", "R36", f"{label} date de plus de {french.plural(days, 'jour')}", "La refaire.")


def code_or_extension() -> Reason:
    return Reason(
        "code_or_extension", "R40", "Il faut soit un code, soit la demande dont la clé est étendue, et pas les deux",
        "Donner le code, ou dire de quelle demande vient la clé.", "code",
    )  # fmt: skip


def code_format() -> Reason:
    return Reason(
        "code_format", "R41", "Le code n'a pas la forme attendue (réglage code.format)",
        "Le recopier depuis le serveur ODA, sans espace.", "code",
    )  # fmt: skip


def not_extendable(reference: str, why: str) -> Reason:
    return Reason(
        "not_extendable", "R40", f"La clé de la demande {reference} ne peut pas être étendue : {why}",
        "Choisir une demande de la même personne dont la clé existe encore, ou émettre un code.", "extends",
    )  # fmt: skip


def key_in_use(holders: list[Request]) -> Reason:
    names = french.listing([f"{r.reference} ({r.uai})" for r in holders])
    return Reason(
        "key_in_use", "R42", f"Cette personne a déjà une clé : {names} ; un nouveau code la réinitialiserait",
        "Étendre la clé existante, ou confirmer qu'une nouvelle clé est voulue.", "new_key_confirmed",
    )  # fmt: skip


def key_scope_is_request() -> Reason:
    return Reason(
        "key_scope_is_request", "R42", "L'académie donne une clé à chaque demande (réglage key.scope)",
        "Émettre un code.", "extends",
    )  # fmt: skip


def nothing_to_tick() -> Reason:
    return Reason("nothing_to_tick", "R43", "La date enregistrée est déjà celle-là", "Rien à faire.", "expires_on")


def report_first() -> Reason:
    return Reason(
        "report_first", "R44", "La compromission n'a pas été signalée",
        "La signaler, régler le signalement, puis réémettre.", "reason",
    )  # fmt: skip


def report_still_open() -> Reason:
    return Reason(
        "report_still_open", "R44", "Le signalement de la compromission n'est pas réglé",
        "Régler le signalement, puis réémettre.", "reason",
    )  # fmt: skip


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


def settled_as_reissued() -> Reason:
    return Reason(
        "settled_as_reissued", "R46", "Il n'y a pas de code à réémettre dans cet état",
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
