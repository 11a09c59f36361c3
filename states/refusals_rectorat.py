"""Why a check, a code or an extension is refused (R7)."""

from datetime import date

from states import french
from states.facts import Request
from states.refusals import Reason
from states.refusals_follow_up import key_holders


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


def check_too_old(label: str, days: int, earliest: date | None = None) -> Reason:
    """``earliest``: the first day that a check now recorded may bear."""
    age = f"date de plus de {french.plural(days, 'jour')}" if days else "n'est pas d'aujourd'hui"
    remedy = f"La refaire : sa date est au plus tôt le {french.day(earliest)}." if earliest else "La refaire."
    return Reason("check_too_old", "R36", f"{label} {age}", remedy, "checked_on" if earliest else None)


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


def key_in_use(holders: list[Request], request: Request, *, again: bool = False) -> Reason:
    """``again``: the code would be issued anew, so that there is nothing to extend."""
    names, confirm = key_holders(holders, request), "confirmer qu'une nouvelle clé est voulue"
    return Reason(
        "key_in_use", "R42", f"Cette personne a déjà une clé : {names} ; un nouveau code la réinitialiserait",
        f"Prévenir ces établissements, puis {confirm}." if again else f"Étendre la clé existante, ou {confirm}.",
        "new_key_confirmed",
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
        "report_first", "R44", "Aucune compromission n'a été signalée et réglée par un code à réémettre depuis ce code",
        "La signaler, régler le signalement par « code à réémettre », puis réémettre.", "reason",
    )  # fmt: skip


def report_still_open() -> Reason:
    return Reason(
        "report_still_open", "R44", "Le signalement de la compromission n'est pas réglé",
        "Régler le signalement, puis réémettre.",
    )  # fmt: skip
