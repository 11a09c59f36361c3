"""CSV files that Excel and LibreOffice open in French, and the rows of two of them; no cell can be a formula."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import Final

from notifications.rendering.typography import csv_cell
from notifications.sql import batches
from states.school_calendar import SchoolYear
from workflow.year_end.preview import Preview
from workflow.year_end.renewals import NotRenewed

MEDIA_TYPE: Final = "text/csv; charset=utf-8"

ROWS_AT_A_TIME: Final = 200

Row = Sequence[object]


def csv_text(headings: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """The file piece after piece, in bounded memory: a byte order mark, then semicolons, one line a row."""
    yield "\ufeff"
    lines = (";".join(map(csv_cell, row)) + "\r\n" for row in chain([headings], rows))
    yield from map("".join, batches(lines, ROWS_AT_A_TIME))


PREVIEW_HEADINGS: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Référence", "Nom", "Prénom", "État",
    "Retrait à ouvrir", "Courriel", "Boîte", "Ce qui surprend", "Déjà renouvelée pour l'année suivante",
)  # fmt: skip


def preview_filename(day: date) -> str:
    """``apercu-fin-d-annee-2027-08-31.csv``"""
    return f"apercu-fin-d-annee-{day.isoformat()}.csv"


def preview_rows(preview: Preview) -> Iterator[Row]:
    """One row for each request that the year's end would revoke, year after year, by UAI (R53)."""
    for end in preview.establishments():
        place = end.establishment
        for expiring in end.requests:
            request, removal = expiring.request, expiring.removal
            anomalies = [anomaly.label for anomaly in (*end.anomalies, *expiring.anomalies)]
            yield (
                end.school_year, place.departement, place.uai, place.nom, place.commune, request.reference, request.nom,
                request.prenom, request.state.label, removal.label if removal else "", end.mail.kind.label,
                end.mail.recipient or "aucune boîte : personne ne sera prévenu", " ; ".join(anomalies),
                expiring.renewed,
            )  # fmt: skip


NOT_RENEWED_HEADINGS: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Boîte", "Établissement ouvert", "Référence", "Nom",
    "Prénom", "Adresse électronique", "Expiration de la clé",
)  # fmt: skip


def not_renewed_filename(year: SchoolYear) -> str:
    """``non-renouveles-2025-2026.csv``"""
    return f"non-renouveles-{year}.csv"


def not_renewed_rows(year: SchoolYear, people: Iterable[NotRenewed]) -> Iterator[Row]:
    """One row a person and an establishment (R81)."""
    for person in people:
        yield (
            year, person.departement, person.uai, person.establishment, person.commune, person.mailbox, person.is_open,
            person.reference, person.nom, person.prenom, person.mail, person.expires_on,
        )  # fmt: skip
