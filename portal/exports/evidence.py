"""What the two lists give to a file: the rows in force, as they were read (R92, R93)."""

from collections.abc import Iterable, Iterator

from portal.exports.cells import Row
from portal.exports.sheet import Sheet
from portal.exports.workbook import Workbook
from workflow.database.file_tables import ListKind
from workflow.evidence.lists import ListEntry

_PERSON = ("UAI", "Nom", "Prénom", "Nom d'usage", "Adresse électronique", "Autres adresses")

_LISTING = (*_PERSON, "Déclaré le")

_DELEGATION = (*_PERSON, "Application", "Début", "Fin", "Délégué par", "Délégué le")


def list_workbook(kind: ListKind, entries: Iterable[ListEntry]) -> Workbook:
    """One row an entry; the file can be imported again as it is."""
    if kind is ListKind.LISTING:
        return Workbook("liste-rupn", (Sheet("RUPN", _LISTING, _rows(entries, is_delegation=False)),))
    return Workbook("liste-delegations", (Sheet("Délégations", _DELEGATION, _rows(entries, is_delegation=True)),))


def _rows(entries: Iterable[ListEntry], *, is_delegation: bool) -> Iterator[Row]:
    for entry in entries:
        person = (entry.uai, entry.nom, entry.prenom, entry.usage_name, entry.mail, entry.other_mails)
        delegation = (entry.application, entry.begins, entry.ends, entry.author) if is_delegation else ()
        yield (*person, *delegation, entry.recorded_on)
