"""Rows for a spreadsheet: CSV as Excel and LibreOffice open it in French, no cell of which can be a formula."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

from notifications.rendering.typography import csv_cell
from notifications.sql import batches
from states.school_calendar import SchoolYear
from workflow.year_end.figures import EstablishmentEnd, ExpiringRequest
from workflow.year_end.preview import Preview
from workflow.year_end.renewals import NotRenewed

MEDIA_TYPE: Final = "text/csv; charset=utf-8"


EVERY: Final = 200
"""Rows written at a time."""


_BOM: Final = "\ufeff"


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The whole file piece after piece, in bounded memory: semicolons, a byte order mark, one line a row."""
    yield _BOM + _line(headings)
    for batch in batches(rows, EVERY):
        yield "".join(map(_line, batch))


def _line(values: Sequence[object]) -> str:
    return ";".join(map(csv_cell, values)) + "\r\n"


# A preview of a year's end as rows of a spreadsheet, one a request: from the page and from the command (R53).


HEADINGS: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Référence", "Nom", "Prénom", "État",
    "Retrait à ouvrir", "Courriel", "Boîte", "Ce qui surprend", "Déjà renouvelée pour l'année suivante",
)  # fmt: skip


def filename(day: date) -> str:
    """``apercu-fin-d-annee-2027-08-31.csv``"""
    return f"apercu-fin-d-annee-{day.isoformat()}.csv"


def rows(preview: Preview) -> Iterator[Sequence[object]]:
    """Each request that would be revoked, year after year, by UAI."""
    for one in preview.establishments():
        yield from (_row(one, ending) for ending in one.requests)


def _row(one: EstablishmentEnd, ending: ExpiringRequest) -> Sequence[object]:
    place, request = one.establishment, ending.request
    odd = [oddity.label for oddity in (*one.oddities, *ending.oddities)]
    return (
        one.school_year, place.departement, place.uai, place.nom, place.commune, request.reference, request.nom,
        request.prenom, request.state.label, ending.removal.label if ending.removal else "", one.mail.kind.label,
        one.mail.recipient or "aucune boîte : personne ne sera prévenu", " ; ".join(odd), ending.renewed,
    )  # fmt: skip


# Those who were not renewed as rows of a spreadsheet: from the page and from the command (R81).


HEADINGS_NOT_RENEWED_ROWS: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Boîte", "Établissement ouvert", "Référence", "Nom",
    "Prénom", "Adresse électronique", "Expiration de la clé",
)  # fmt: skip


def filename_not_renewed_rows(year: SchoolYear) -> str:
    """``non-renouveles-2025-2026.csv``"""
    return f"non-renouveles-{year}.csv"


def rows_not_renewed_rows(year: SchoolYear, found: Iterable[NotRenewed]) -> Iterator[Sequence[object]]:
    """One line a person and an establishment."""
    for one in found:
        yield (
            year, one.departement, one.uai, one.establishment, one.commune, one.mailbox, one.is_open, one.reference,
            one.nom, one.prenom, one.mail, one.expires_on,
        )  # fmt: skip
