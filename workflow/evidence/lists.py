"""The lists in force and their rows, read for many requests at once (R93, R94)."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, ScalarSelect, func, literal, select, tuple_

from notifications.sql import batches
from states import french
from states.characters import fold
from states.validation import fold_mail, has_uai_form, normalise_uai
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import EVIDENCE_IMPORT as I
from workflow.database.file_tables import ListKind
from workflow.database.journal_tables import ACTOR

MOST_EXPORTED: Final = 50_000
"""Rows of a file: as many as a list may have."""

NO_END: Final = date(9999, 12, 31)
"""The end that DelegCE gives to a delegation without end: an ordinary one (R93)."""


_NAMES: Final = {ListKind.LISTING: "liste de la DRANE", ListKind.DELEGATION: "liste des délégations de DelegCE"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ListImport:
    """One import of a list, by ``who``; ``list_date`` is the day on which it was drawn (R93)."""

    number: int
    kind: ListKind
    list_date: date
    imported_at: datetime
    who: str
    rows: int
    new: int
    changed: int
    gone: int
    refused: int
    digest: str

    @property
    def name(self) -> str:
        """``liste de la DRANE du 12 novembre 2026``: as a check's source says it."""
        return f"{_NAMES[self.kind]} du {french.day(self.list_date)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ListEntry:
    """One row of a list, as ``EvidenceEntry`` says; ``ends`` None and ``NO_END`` are both without end.

    It is in force when ``last_import`` is the number of the list in force.
    """

    id: int
    kind: ListKind
    uai: str
    nom: str
    prenom: str
    usage_name: str
    mail: str
    folded_mail: str
    other_mails: str
    person: str
    application: str
    begins: date | None
    ends: date | None
    author: str
    recorded_on: date | None
    first_import: int
    last_import: int
    line: int = 0

    def runs_on(self, day: date) -> bool:
        """True if the delegation has begun and has not ended; what the list does not say holds nobody back."""
        return (self.begins is None or self.begins <= day) and (self.ends is None or self.ends >= day)


_ENTRY_NAMES: Final = tuple(field.name for field in fields(ListEntry))

ENTRY_COLUMNS: Final = tuple(E.c[name] for name in _ENTRY_NAMES)
"""The columns to select, first and in this order, for ``entry_from``."""


def entry_from(row: Any) -> ListEntry:
    """An entry from a row of ``select(*ENTRY_COLUMNS, …)``, read by position: a comparison reads many."""
    values = dict(zip(_ENTRY_NAMES, row, strict=False))
    values["kind"] = ListKind.of(values["kind"])
    return ListEntry(**values)


def list_in_force(connection: Connection, kind: ListKind) -> ListImport | None:
    """The newest import of a kind; None before the first."""
    imports = list_imports(connection, kind, limit=1)
    return imports[0] if imports else None


def lists_in_force(connection: Connection) -> dict[ListKind, ListImport]:
    """The newest import of each kind that has one."""
    newest = ((kind, list_in_force(connection, kind)) for kind in ListKind)
    return {kind: imported for kind, imported in newest if imported is not None}


def list_imports(connection: Connection, kind: ListKind, *, limit: int) -> list[ListImport]:
    """The imports of a kind, the newest first."""
    columns = [I.c[field.name] for field in fields(ListImport) if field.name != "who"]
    query = select(*columns, ACTOR.c.label.label("who")).join(ACTOR, ACTOR.c.number == I.c.actor)
    rows = connection.execute(query.where(I.c.kind == kind.value).order_by(I.c.number.desc()).limit(limit))
    return [ListImport(**(dict(row._mapping) | {"kind": kind})) for row in rows]


def newest_import(kind: ListKind) -> ScalarSelect[Any]:
    """The number of the list in force, as a subquery; NULL before the first."""
    return select(func.max(I.c.number)).where(I.c.kind == kind.value).scalar_subquery()


def is_in_force(kind: ListKind) -> ColumnElement[bool]:
    """The condition of an entry of the list in force."""
    return (E.c.kind == kind.value) & (E.c.last_import == newest_import(kind))


def entries_of(connection: Connection, kind: ListKind, uais: Collection[str]) -> dict[str, list[ListEntry]]:
    """The entries in force of these establishments, by UAI; one statement for a thousand of them."""
    entries: dict[str, list[ListEntry]] = {}
    for batch in batches(sorted(set(uais))):
        query = select(*ENTRY_COLUMNS).where(is_in_force(kind), E.c.uai.in_(batch)).order_by(E.c.uai, E.c.id)
        for row in connection.execute(query):
            entries.setdefault(row.uai, []).append(entry_from(row))
    return entries


def entries_by_id(connection: Connection, ids: Collection[int]) -> dict[int, ListEntry]:
    """These entries, in force or not, as far as they are still kept."""
    entries: dict[int, ListEntry] = {}
    for batch in batches(sorted(set(ids))):
        rows = connection.execute(select(*ENTRY_COLUMNS).where(E.c.id.in_(batch)))
        entries |= {row.id: entry_from(row) for row in rows}
    return entries


def search_entries(
    connection: Connection, kind: ListKind, words: str, *, limit: int, after: str = ""
) -> list[ListEntry]:
    """At most ``limit`` entries in force, by UAI, after the place ``after`` (``place_of_entry``).

    ``words``: a UAI, words of the names, or with an « @ » the beginning of an address; nothing means everybody.
    """
    query = select(*ENTRY_COLUMNS).where(is_in_force(kind), *_conditions(words))
    uai, _, number = after.partition(":")
    if number.isdecimal():
        query = query.where(tuple_(E.c.uai, E.c.id) > (uai, int(number)))
    rows = connection.execute(query.order_by(E.c.uai, E.c.id).limit(limit))
    return list(map(entry_from, rows))


def place_of_entry(entry: ListEntry) -> str:
    """Where a page ends, for ``search_entries`` to go on from."""
    return f"{entry.uai}:{entry.id}"


def _conditions(words: str) -> list[ColumnElement[bool]]:
    if has_uai_form(uai := normalise_uai(words)):
        return [E.c.uai == uai]
    if "@" in words:
        mail = fold_mail(words)
        addresses = literal(" ") + E.c.folded_mail + " " + E.c.other_mails
        return [addresses.contains(f" {mail}", autoescape=True)]
    return [E.c.person.contains(word, autoescape=True) for word in fold(words).split()]
