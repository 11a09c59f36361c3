"""Files for the DRANE: what is to be sent in its own columns, and every RUPN declared for a year (R96)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from portal.exports.sheet import Sheet
from portal.exports.workbook import Workbook
from states.departements import departement_name
from states.school_calendar import SchoolYear
from states.vocabulary import DRANE_MOVEMENTS
from workflow.drane.transmissions import DraneLine
from workflow.settings.sections import DraneColumn

_VALUES: Final[Mapping[str, Callable[[DraneLine], object]]] = {
    "movement": lambda line: DRANE_MOVEMENTS.get(line.what, ""),
    "uai": lambda line: line.request.uai,
    "establishment": lambda line: line.establishment,
    "commune": lambda line: line.commune,
    "departement": lambda line: line.departement,
    "departement_name": lambda line: departement_name(line.departement),
    "nom": lambda line: line.request.nom,
    "prenom": lambda line: line.request.prenom,
    "mail": lambda line: line.request.mail,
    "school_year": lambda line: line.request.school_year,
    "reference": lambda line: line.request.reference,
}

_DECLARED: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Nom", "Prénom", "Adresse électronique", "Référence",
    "État", "Déclaré à la DRANE le", "Dernière transmission le", "Pour la DRANE",
)  # fmt: skip


def transmission_workbook(stem: str, lines: Iterable[DraneLine], columns: Sequence[DraneColumn]) -> Workbook:
    """The lines in the columns of the setting ``drane.columns``."""
    values = [_VALUES[column.cell] for column in columns]
    rows = ([value(line) for value in values] for line in lines)
    return Workbook(stem, (Sheet("À transmettre à la DRANE", [column.title for column in columns], rows),))


def declared_workbook(year: SchoolYear, lines: Iterable[DraneLine], *, sent_by_us: bool) -> Workbook:
    """Every RUPN declared for a year, with the state of its request and, where we transmit, what the DRANE lacks."""
    rows = (
        (
            line.request.school_year, departement_name(line.departement), line.request.uai, line.establishment,
            line.commune, line.request.nom, line.request.prenom, line.request.mail, line.request.reference,
            line.request.state.label, line.request.drane_declared_on, line.request.drane_sent_on,
            line.what.label if sent_by_us else "",
        )
        for line in lines
    )  # fmt: skip
    return Workbook(f"rupn-declares-{year}", (Sheet(f"RUPN déclarés {year}", _DECLARED, rows),))
