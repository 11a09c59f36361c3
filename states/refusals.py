"""Why an action is refused (R7): typed reasons, in French, each with its rule and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, tzinfo

from states import french
from states.facts import LastEvent, Request
from states.school_year import SchoolYear
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


def _what_is(state: State) -> str:
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
    wanted = french.listing([_what_is(s) for s in sources], "ou")
    return Reason(
        "wrong_state", "R1",
        f"La demande {request.reference} est {_what_is(request.state)}{since}",
        f"L'action « {trigger.label} » part de l'état {wanted}.",
    )  # fmt: skip


def wrong_role(trigger: Trigger, role: Role, allowed: Iterable[Role]) -> Reason:
    who = french.listing([r.label for r in Role if r in allowed], "ou")
    return Reason(
        "wrong_role", "R2", f"L'action « {trigger.label} » n'est pas ouverte au rôle « {role.label} »",
        f"La demander à : {who}.",
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


def four_eyes() -> Reason:
    return Reason(
        "four_eyes", "R6", "Vous avez agi au nom de l'établissement dans cette demande",
        "Un autre opérateur doit émettre le code.",
    )  # fmt: skip


def changed_meanwhile(last: LastEvent | None, zone: tzinfo) -> Reason:
    what = "La demande a changé entre-temps"
    if last:
        what += f" : {last.actor} a fait « {last.trigger.label} » le {french.instant(last.at, zone)}"
    return Reason("changed_meanwhile", "R9", what, "Relire la demande, puis recommencer si c'est encore utile.")


def unknown_establishment(uai: str, problem: str | None) -> Reason:
    return Reason(
        "unknown_establishment", "R11", f"L'UAI « {uai} » n'est pas dans l'annuaire",
        f"Vérifier l'UAI : {problem}." if problem else "Vérifier l'UAI, ou importer l'annuaire à jour.", "uai",
    )  # fmt: skip


def closed_establishment(nom: str) -> Reason:
    return Reason(
        "closed_establishment", "R12", f"L'établissement {nom} est fermé dans l'annuaire",
        "Si c'est une erreur, la signaler au centre de service.",
    )  # fmt: skip


def no_mailbox(nom: str) -> Reason:
    return Reason(
        "no_mailbox", "R13", f"L'annuaire ne donne pas de boîte fonctionnelle à l'établissement {nom}",
        "Un opérateur peut la fixer : oda establishment set-mailbox.",
    )  # fmt: skip


def bad_field(field: str, label: str, problem: str, rule: str) -> Reason:
    return Reason("bad_field", rule, f"{label} {problem}", "Corriger et recommencer.", field)


def same_person(other: Request) -> Reason:
    return Reason(
        "same_person", "R18",
        f"Une demande est déjà en cours pour cette personne en {other.school_year} : {other.reference},"
        f" {_what_is(other.state)}",
        f"Poursuivre la demande {other.reference}.",
    )  # fmt: skip


def homonym(other: Request) -> Reason:
    return Reason(
        "homonym", "R17",
        f"Une personne de mêmes nom et prénom a déjà la demande {other.reference} dans l'établissement",
        "Si c'est une autre personne, confirmer l'homonyme ; sinon poursuivre cette demande.", "homonym_confirmed",
    )  # fmt: skip


def year_closed(year: SchoolYear, open_years: Iterable[SchoolYear]) -> Reason:
    years = french.listing([str(y) for y in open_years], "ou")
    return Reason(
        "year_closed", "R20", f"L'année scolaire {year} n'accepte pas de déclaration aujourd'hui",
        f"Choisir {years}.", "school_year",
    )  # fmt: skip


def year_ended(year: SchoolYear, last_day: date) -> Reason:
    return Reason(
        "year_ended", "R24", f"L'année scolaire {year} de cette demande a fini le {french.day(last_day)}",
        "Renouveler la demande pour l'année qui vient.",
    )  # fmt: skip


def year_not_ended(year: SchoolYear, last_day: date) -> Reason:
    return Reason(
        "year_not_ended", "R50", f"L'année scolaire {year} court jusqu'au {french.day(last_day)} inclus",
        "Pour retirer les droits avant, révoquer la demande.",
    )  # fmt: skip


def not_renewable(year: SchoolYear, opens: date) -> Reason:
    return Reason(
        "not_renewable", "R33", f"Aucune année ouverte ne suit {year} pour cette demande",
        f"Attendre l'ouverture de la campagne, le {french.day(opens)}.", "school_year",
    )  # fmt: skip


def wrong_renewal_year(year: SchoolYear, possible: Iterable[SchoolYear]) -> Reason:
    years = french.listing([str(y) for y in possible], "ou")
    return Reason(
        "wrong_renewal_year", "R33", f"Cette demande ne se renouvelle pas pour {year}", f"Choisir {years}.",
        "school_year",
    )  # fmt: skip


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
