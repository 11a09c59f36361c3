"""What each list of the rectorat gives to its file: columns and rows; a code is in none (R92)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, tzinfo
from typing import Final

from portal.exports.cells import Row
from portal.exports.workbook import Sheet, Workbook
from states.school_calendar import SchoolYear
from workflow.directory.queries import EstablishmentLine
from workflow.requests.worklist import WorkLine
from workflow.year_end.preview import Preview
from workflow.year_end.renewals import NotRenewed

_PREVIEW: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Référence", "Nom", "Prénom", "État",
    "Retrait à ouvrir", "Courriel", "Boîte", "Ce qui surprend", "Déjà renouvelée pour l'année suivante",
)  # fmt: skip


def preview_workbook(preview: Preview, day: date) -> Workbook:
    """One row for each request that the year's end would revoke, year after year, by UAI (R53)."""
    return _workbook(f"apercu-fin-d-annee-{day}", "Fin d'année", _PREVIEW, _preview_rows(preview))


def _preview_rows(preview: Preview) -> Iterator[Row]:
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


_NOT_RENEWED: Final = (
    "Année", "Département", "UAI", "Établissement", "Commune", "Boîte", "Établissement ouvert", "Référence", "Nom",
    "Prénom", "Adresse électronique", "Expiration de la clé",
)  # fmt: skip


def not_renewed_workbook(year: SchoolYear, people: Iterable[NotRenewed]) -> Workbook:
    """One row a person and an establishment (R81)."""
    return _workbook(f"non-renouveles-{year}", f"Non renouvelés {year}", _NOT_RENEWED, _not_renewed_rows(year, people))


def _not_renewed_rows(year: SchoolYear, people: Iterable[NotRenewed]) -> Iterator[Row]:
    for person in people:
        yield (
            year, person.departement, person.uai, person.establishment, person.commune, person.mailbox, person.is_open,
            person.reference, person.nom, person.prenom, person.mail, person.expires_on,
        )  # fmt: skip


_WORKLIST: Final = (
    "Référence", "Année", "État", "Depuis le", "Nom", "Prénom", "Adresse électronique", "UAI", "Établissement",
    "Commune", "Département", "Chef d'établissement", "Déclaré à la DRANE le", "Délégation faite le",
    "Vérification de la liste", "Vérification de la délégation", "Code", "Remis le", "Expiration de la clé",
    "Signalement à régler", "Retrait à confirmer",
)  # fmt: skip


def worklist_workbook(lines: Iterable[WorkLine], timezone: tzinfo) -> Workbook:
    """One row a request, as the worklist shows it; days are the académie's (R89)."""
    return _workbook("demandes", "Demandes", _WORKLIST, _worklist_rows(lines, timezone))


def _worklist_rows(lines: Iterable[WorkLine], timezone: tzinfo) -> Iterator[Row]:
    for item in lines:
        line = item.line
        yield (
            line.reference, line.school_year, line.state.label, line.since.astimezone(timezone).date(), line.nom,
            line.prenom, line.mail, line.uai, line.establishment, line.commune, line.departement, line.chef_name,
            line.drane_declared_on, line.delegated_on, item.listing.label if item.listing else "",
            item.delegation.label if item.delegation else "", line.code_fate.label, line.handed_on, line.expires_on,
            line.report_open, line.removal_open,
        )  # fmt: skip


_ESTABLISHMENTS: Final = (
    "UAI", "Établissement", "Type", "Commune", "Département", "Boîte", "Boîte fixée par un opérateur", "Téléphone",
    "Ouvert", "Dans l'annuaire", "Demandes en cours",
)  # fmt: skip


def establishments_workbook(lines: Iterable[EstablishmentLine]) -> Workbook:
    """One row an establishment (R89)."""
    return _workbook("etablissements", "Établissements", _ESTABLISHMENTS, _establishment_rows(lines))


def _establishment_rows(lines: Iterable[EstablishmentLine]) -> Iterator[Row]:
    for line in lines:
        yield (
            line.uai, line.nom, line.kind, line.commune, line.departement, line.mailbox, bool(line.set_mailbox),
            line.telephone, line.is_open, line.is_listed, line.live_requests,
        )  # fmt: skip


def _workbook(stem: str, title: str, headings: Sequence[str], rows: Iterable[Row]) -> Workbook:
    return Workbook(stem, (Sheet(title, headings, rows),))
