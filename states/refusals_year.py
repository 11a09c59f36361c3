"""Why an action is refused for its school year, and what is said of its end (R20 to R24, R33, R50)."""

from collections.abc import Iterable
from datetime import date

from states import french
from states.refusals import Reason
from states.school_year import SchoolYear, YearEnd


def _day(end: YearEnd) -> str:
    """The last day, said to be the default one when no date is known (R22)."""
    return french.day(end.last_day) + (" (date par défaut)" if end.is_default else "")


def year_closed(year: SchoolYear, open_years: Iterable[SchoolYear]) -> Reason:
    years = french.listing([str(y) for y in open_years], "ou")
    return Reason(
        "year_closed", "R20", f"L'année scolaire {year} n'accepte pas de déclaration aujourd'hui",
        f"Choisir {years}.", "school_year",
    )  # fmt: skip


def year_ended(end: YearEnd) -> Reason:
    return Reason(
        "year_ended", "R24", f"L'année scolaire {end.school_year} de cette demande a fini le {_day(end)}",
        "Renouveler la demande pour l'année qui vient.",
    )  # fmt: skip


def year_not_ended(end: YearEnd) -> Reason:
    return Reason(
        "year_not_ended", "R50", f"L'année scolaire {end.school_year} court jusqu'au {_day(end)} inclus",
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


def late_declaration(end: YearEnd) -> Reason:
    return Reason(
        "late_declaration", "R21", f"L'année scolaire {end.school_year} finit le {_day(end)} : la clé servira peu",
        "Déclarer plutôt pour l'année suivante dès que sa campagne est ouverte.",
    )  # fmt: skip
