"""The lists in force and their rows, read for many requests at once (R93, R94)."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date, datetime, tzinfo
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, delete, exists, func, literal, or_, select, tuple_

from notifications.sql import BATCH_SIZE, batches, insert_new
from states import french
from states.characters import fold
from states.model import Actor
from states.school_calendar import months_before
from states.validation import fold_mail, has_uai_form, normalise_uai
from states.vocabulary import State
from workflow.database.connection import Database
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import EVIDENCE_IMPORT as I
from workflow.database.file_tables import ListKind
from workflow.database.journal_tables import ACTOR
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import IS_LIVE
from workflow.database.tables import REQUEST as R
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

MOST_EXPORTED: Final = 50_000
"""Rows of a file: as many as a list may have."""

NO_END: Final = date(9999, 12, 31)
"""The end that DelegCE gives to a delegation without end: an ordinary one (R93)."""

_NAMES: Final = {ListKind.LISTING: "liste de la DRANE", ListKind.DELEGATION: "liste des délégations de DelegCE"}

MOST_BATCHES: Final = 50
"""Batches of one call: the rest is for the next one."""


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


def entries_of(connection: Connection, kind: ListKind, uais: Collection[str]) -> dict[str, list[ListEntry]]:
    """The entries in force of these establishments, by UAI; one statement for a thousand of them."""
    entries: dict[str, list[ListEntry]] = {}
    for batch in batches(sorted(set(uais))):
        query = select(*ENTRY_COLUMNS).where(_is_in_force(kind), E.c.uai.in_(batch)).order_by(E.c.uai, E.c.id)
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
    query = select(*ENTRY_COLUMNS).where(_is_in_force(kind), *_conditions(words))
    uai, _, number = after.partition(":")
    if number.isdecimal():
        query = query.where(tuple_(E.c.uai, E.c.id) > (uai, int(number)))
    rows = connection.execute(query.order_by(E.c.uai, E.c.id).limit(limit))
    return list(map(entry_from, rows))


def place_of_entry(entry: ListEntry) -> str:
    """Where a page ends, for ``search_entries`` to go on from."""
    return f"{entry.uai}:{entry.id}"


def erase_unneeded_rows(
    database: Database, hasher: JournalHasher, actor: Actor, now: datetime, zone: tzinfo, keep_months: int
) -> int:  # fmt: skip
    """Erase, once a day, the rows last seen by an import of more than ``keep_months`` ago; return how many.

    Those stay that a live request may still need: of its establishment while its checks are to be made, of its person
    afterwards. A request that comes later needs none: a list older than it proves nothing (R94). Each batch is a
    transaction of its own, and the journal keeps their number.
    """
    today = now.astimezone(zone).date()
    key = f"list_rows:{today.isoformat()}"
    with database.read() as connection:
        if connection.execute(select(OCCURRENCE.c.key).where(OCCURRENCE.c.key == key)).first():
            return 0
    before = datetime.combine(months_before(today, keep_months), datetime.min.time(), zone)
    erased = 0
    for _ in range(MOST_BATCHES):
        with database.write() as connection:
            count = _erase_batch(connection, before)
            if count:
                installation.record(connection, hasher, "list_rows_erased", actor, now, {"rows": count})
            else:  # another machine may say it at the same instant
                connection.execute(insert_new(connection, OCCURRENCE), [{"key": key, "at": now, "requests": 0}])
        erased += count
        if not count:
            break
    return erased


def count_unneeded_rows(connection: Connection, before: datetime) -> int:
    """How many rows would go of those that an import before this instant was the last to see."""
    query = select(func.count()).select_from(E)
    return int(connection.execute(query.where(_is_unneeded(before))).scalar_one())


def _newest_import(kind: ListKind) -> ScalarSelect[Any]:
    """The number of the list in force, as a subquery; NULL before the first."""
    return select(func.max(I.c.number)).where(I.c.kind == kind.value).scalar_subquery()


def _is_in_force(kind: ListKind) -> ColumnElement[bool]:
    """The condition of an entry of the list in force."""
    return (E.c.kind == kind.value) & (E.c.last_import == _newest_import(kind))


def _conditions(words: str) -> list[ColumnElement[bool]]:
    if has_uai_form(uai := normalise_uai(words)):
        return [E.c.uai == uai]
    if "@" in words:
        mail = fold_mail(words)
        addresses = literal(" ") + E.c.folded_mail + " " + E.c.other_mails
        return [addresses.contains(f" {mail}", autoescape=True)]
    return [E.c.person.contains(word, autoescape=True) for word in fold(words).split()]


def _erase_batch(connection: Connection, before: datetime) -> int:
    ids = select(E.c.id).where(_is_unneeded(before)).order_by(E.c.id).limit(BATCH_SIZE)
    return connection.execute(delete(E).where(E.c.id.in_(ids))).rowcount


def _is_unneeded(before: datetime) -> ColumnElement[bool]:
    of_person = or_(
        R.c.person == E.c.person, R.c.folded_mail == E.c.folded_mail, R.c.listing_entry == E.c.id,
        R.c.delegation_entry == E.c.id,
        (literal(" ") + E.c.other_mails + " ").like(literal("% ") + R.c.folded_mail + " %"),
    )  # fmt: skip
    is_needed = exists().where(R.c.uai == E.c.uai, IS_LIVE, or_(R.c.state != State.CODE_ISSUED.value, of_person))
    old = select(I.c.number).where(I.c.imported_at < before)
    return and_(E.c.last_import.in_(old), ~is_needed)
