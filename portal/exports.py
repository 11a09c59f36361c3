"""CSV files that Excel and LibreOffice open in French, and their rows; no cell can be a formula."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, tzinfo
from itertools import chain
from typing import Final

from notifications.rendering.typography import csv_cell
from notifications.sql import batches
from states.school_calendar import SchoolYear
from workflow.directory.queries import EstablishmentLine
from workflow.requests.worklist import WorkLine
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


WORKLIST_FILENAME: Final = "demandes.csv"

WORKLIST_HEADINGS: Final = (
    "Référence", "Année", "État", "Depuis le", "Nom", "Prénom", "Adresse électronique", "UAI", "Établissement",
    "Commune", "Département", "Chef d'établissement", "Déclaré à la DRANE le", "Délégation faite le",
    "Vérification de la liste", "Vérification de la délégation", "Code", "Remis le", "Expiration de la clé",
    "Signalement à régler", "Retrait à confirmer",
)  # fmt: skip


def worklist_rows(lines: Iterable[WorkLine], timezone: tzinfo) -> Iterator[Row]:
    """One row a request, as the worklist shows it; days are the académie's (R89)."""
    for item in lines:
        line = item.line
        yield (
            line.reference, line.school_year, line.state.label, line.since.astimezone(timezone).date(), line.nom,
            line.prenom, line.mail, line.uai, line.establishment, line.commune, line.departement, line.chef_name,
            line.drane_declared_on, line.delegated_on, item.listing.label if item.listing else "",
            item.delegation.label if item.delegation else "", line.code_fate.label, line.handed_on, line.expires_on,
            line.report_open, line.removal_open,
        )  # fmt: skip


ESTABLISHMENTS_FILENAME: Final = "etablissements.csv"

ESTABLISHMENTS_HEADINGS: Final = (
    "UAI", "Établissement", "Type", "Commune", "Département", "Boîte", "Boîte fixée par un opérateur", "Téléphone",
    "Ouvert", "Dans l'annuaire", "Demandes en cours",
)  # fmt: skip


def establishment_rows(lines: Iterable[EstablishmentLine]) -> Iterator[Row]:
    """One row an establishment (R89)."""
    for line in lines:
        yield (
            line.uai, line.nom, line.kind, line.commune, line.departement, line.mailbox, bool(line.set_mailbox),
            line.telephone, line.is_open, line.is_listed, line.live_requests,
        )  # fmt: skip
