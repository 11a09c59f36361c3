"""Why an establishment's step is refused, or what it must know: R12, R13, R17 to R19, R27 to R29."""

from states.facts import Request
from states.refusals import Reason, in_quotes


def closed_establishment(nom: str) -> Reason:
    return Reason(
        "closed_establishment", "R12", f"L'établissement {nom} est fermé dans l'annuaire",
        "Si c'est une erreur, la signaler au centre de service.",
    )  # fmt: skip


def no_mailbox(nom: str) -> Reason:
    return Reason(
        "no_mailbox", "R13", f"L'annuaire ne donne pas de boîte fonctionnelle à l'établissement {nom}",
        "Écrire au centre de service : un opérateur peut fixer la boîte.",
    )  # fmt: skip


def same_person(other: Request) -> Reason:
    return Reason(
        "same_person", "R18",
        f"Une demande est déjà en cours pour cette personne en {other.school_year} : {other.reference},"
        f" {in_quotes(other.state)}",
        f"Poursuivre la demande {other.reference}.",
    )  # fmt: skip


def homonym(other: Request) -> Reason:
    return Reason(
        "homonym", "R17",
        f"Une personne de mêmes nom et prénom a déjà la demande {other.reference} dans l'établissement",
        "Si c'est une autre personne, confirmer l'homonyme ; sinon poursuivre cette demande.", "homonym_confirmed",
    )  # fmt: skip


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


def other_request(other: Request, *, by_mail: bool) -> Reason:
    """``by_mail``: the same address; else the name alone presumes the same person."""
    doubt = "" if by_mail else " ; à vérifier : même nom, autre adresse"
    return Reason(
        "other_request", "R19",
        f"La demande {other.reference} est en cours pour cette personne dans l'établissement {other.uai},"
        f" en {other.school_year} ({other.state.label}){doubt}", "En tenir compte : une personne n'a qu'une clé.",
    )  # fmt: skip


def other_request_elsewhere() -> Reason:
    """Another school's request, of which a chef learns nothing more (R3)."""
    return Reason(
        "other_request", "R19", "Une demande est en cours pour cette personne dans un autre établissement",
        "Le rectorat en tient compte.",
    )  # fmt: skip
