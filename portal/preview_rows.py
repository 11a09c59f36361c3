"""A preview of a year's end as rows of a spreadsheet, one a request: from the page and from the command (R53)."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from workflow.endings import Ending, EstablishmentEnd
from workflow.preview import Preview

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


def _row(one: EstablishmentEnd, ending: Ending) -> Sequence[object]:
    place, request = one.establishment, ending.request
    odd = [oddity.label for oddity in (*one.oddities, *ending.oddities)]
    return (
        one.school_year, place.departement, place.uai, place.nom, place.commune, request.reference, request.nom,
        request.prenom, request.state.label, ending.removal.label if ending.removal else "", one.mail.kind.label,
        one.mail.recipient or "aucune boîte : personne ne sera prévenu", " ; ".join(odd), ending.renewed,
    )  # fmt: skip
