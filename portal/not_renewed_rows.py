"""Those who were not renewed as rows of a spreadsheet: from the page and from the command (R81)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from states.school_year import SchoolYear
from workflow.reading.not_renewed import NotRenewed

HEADINGS: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Boîte", "Établissement ouvert", "Référence", "Nom",
    "Prénom", "Adresse électronique", "Expiration de la clé",
)  # fmt: skip


def filename(year: SchoolYear) -> str:
    """``non-renouveles-2025-2026.csv``"""
    return f"non-renouveles-{year}.csv"


def rows(year: SchoolYear, found: Iterable[NotRenewed]) -> Iterator[Sequence[object]]:
    """One line a person and an establishment."""
    for one in found:
        yield (
            year, one.departement, one.uai, one.establishment, one.commune, one.mailbox, one.is_open, one.reference,
            one.nom, one.prenom, one.mail, one.expires_on,
        )  # fmt: skip
