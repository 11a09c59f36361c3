"""Files of the EduConnect accounts that were activated: rates at two days, where help is missing (R92, R100)."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from notifications.rendering.typography import short_day
from portal.exports.cells import Ratio
from portal.exports.sheet import Sheet
from portal.exports.workbook import Workbook
from states.departements import departement_name
from workflow.activation.rates import (
    AccountCount,
    ActivationLine,
    ActivationTable,
    EstablishmentActivation,
    Measure,
)

_SCHOOLS: Final = (
    "Département", "UAI", "Établissement", "Type", "Commune", "RUPN avec une clé", "Comptes élèves", "Élèves activés",
    "Taux élèves", "Comptes responsables", "Responsables activés", "Taux responsables",
)  # fmt: skip


def activation_workbook(table: ActivationTable) -> Workbook:
    """The rates as the page shows them, rounded alike, then the numbers that they come from."""
    return Workbook(f"comptes-actives-{table.after.isoformat()}", (_rates(table), _numbers(table)))


def establishments_workbook(day: date, lines: Iterable[EstablishmentActivation]) -> Workbook:
    """Where help is missing: one row an establishment."""
    rows = (
        (
            departement_name(line.departement), line.uai, line.nom, line.kind, line.commune, line.has_key,
            *_pair(line.pupils), _ratio(line.pupils), *_pair(line.parents), _ratio(line.parents),
        )
        for line in lines
    )  # fmt: skip
    return Workbook(f"aide-educonnect-{day.isoformat()}", (Sheet("Établissements", _SCHOOLS, rows),))


def _rates(table: ActivationTable) -> Sheet:
    days = [day for day in (table.before, table.after) if day]
    measures = [f"Taux {measure.label} au {short_day(day)}" for measure in Measure for day in days]
    headings = ("Département", *measures, "Établissements ouverts", "Établissements dont un RUPN a une clé")
    rows = (
        (
            line.name,
            *(_shown(line, measure, at_first=day != table.after) for measure in Measure for day in days),
            line.establishments, line.with_key,
        )
        for line in table.all_lines
    )  # fmt: skip
    return Sheet("Taux d'activation", headings, rows)


def _shown(line: ActivationLine, measure: Measure, *, at_first: bool) -> Ratio | None:
    percent = line.rate(measure, at_first=at_first)
    return None if percent is None else Ratio(percent / 100)


def _numbers(table: ActivationTable) -> Sheet:
    headings = ["Département", "Date"]
    headings += [f"{part} {measure.label}" for measure in Measure for part in ("Comptes", "Activés")]
    days = [(day, day != table.after) for day in (table.before, table.after) if day]
    rows = (
        [line.name, day, *(cell for measure in Measure for cell in _pair(line.counts(measure, at_first=first)))]
        for day, first in days
        for line in table.all_lines
    )
    return Sheet("Comptes", headings, rows)


def _pair(count: AccountCount | None) -> tuple[int | None, int | None]:
    return (count.accounts, count.activated) if count else (None, None)


def _ratio(count: AccountCount | None) -> Ratio | None:
    return Ratio(count.percent(1) / 100) if count else None
