"""The two lists: imported by operators, compared with those in force, read by the rectorat, kept for a time (R93)."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, tzinfo
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)

from notifications.ports import Clock, crash_point
from notifications.sql import BATCH_SIZE, batches, insert_new, insert_rows, update_rows
from states import french
from states.model import Actor
from states.refusals import Reason
from states.school_calendar import months_before
from states.validation import fold, fold_mail, has_uai_form, normalise_uai, uai_problem
from states.vocabulary import State
from workflow.auth.actors import require_operator
from workflow.database.connection import Database
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import EVIDENCE_IMPORT, ListKind
from workflow.database.file_tables import EVIDENCE_IMPORT as I
from workflow.database.journal_tables import ACTOR
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import ESTABLISHMENT, IS_LIVE
from workflow.database.tables import REQUEST as R
from workflow.evidence.parser import ListRow, ReadList, RowRemark
from workflow.journal import chain
from workflow.journal.chain import JournalHasher

MOST_EXPORTED: Final = 50_000
"""Rows of a file: as many as a list may have."""

NO_END: Final = date(9999, 12, 31)
"""The end that DelegCE gives to a delegation without end: an ordinary one (R93)."""

_NAMES: Final = {ListKind.LISTING: "liste de la DRANE", ListKind.DELEGATION: "liste des délégations de DelegCE"}

MOST_BATCHES: Final = 50
"""Batches of one call: the rest is for the next one."""

MASSIVE_SHARE = 5
"""An import by which more than one row in five disappears is massive (R93)."""

MASSIVE_COUNT = 5
"""Rows gone from which an import may be massive."""

SAME_FILE = "same_list_file"
"""Code of the refusal of the file of the list in force under another date: it is accepted by that code (R93)."""

MASSIVE_LOSS = "massive_list_loss"
"""Code of the refusal of a massive loss: it is accepted by that code (R93)."""

_ROW: Final = tuple(field.name for field in fields(ListRow))

_IMPORT_LOCK: Final = 0x0DA_2  # any number: the imports of lists alone take this lock of PostgreSQL


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
    values["kind"] = ListKind(values["kind"])
    return ListEntry(**values)


_IMPORTS: Final = select(
    *(I.c[field.name] for field in fields(ListImport) if field.name != "who"), ACTOR.c.label.label("who")
).join(ACTOR, ACTOR.c.number == I.c.actor)

_NEWEST: Final = _IMPORTS.where(I.c.number.in_(select(func.max(I.c.number)).group_by(I.c.kind)))

HAS_LISTS: Final = exists(select(I.c.number))
"""The condition that any list was imported."""


def list_rows_key(day: date) -> str:
    """The occurrence of a day's erasure of the rows that nobody needs."""
    return f"list_rows:{day}"


def list_in_force(connection: Connection, kind: ListKind) -> ListImport | None:
    """The newest import of a kind; None before the first."""
    imports = list_imports(connection, kind, limit=1)
    return imports[0] if imports else None


def lists_in_force(connection: Connection) -> dict[ListKind, ListImport]:
    """The newest import of each kind that has one."""
    newest = map(_import_from, connection.execute(_NEWEST))
    return {imported.kind: imported for imported in newest}


def list_imports(connection: Connection, kind: ListKind, *, limit: int) -> list[ListImport]:
    """The imports of a kind, the newest first."""
    rows = connection.execute(_IMPORTS.where(I.c.kind == kind.value).order_by(I.c.number.desc()).limit(limit))
    return list(map(_import_from, rows))


def _import_from(row: Any) -> ListImport:
    return ListImport(**(dict(row._mapping) | {"kind": ListKind(row.kind)}))


def search_entries(
    connection: Connection, kind: ListKind, words: str, *, limit: int, after: str = ""
) -> list[ListEntry]:
    """At most ``limit`` entries in force, by UAI, after the place ``after`` (``place_of_entry``).

    ``words``: a UAI, words of the names, or with an « @ » the beginning of an address; nothing means everybody.
    """
    newest = select(func.max(I.c.number)).where(I.c.kind == kind.value).scalar_subquery()
    query = select(*ENTRY_COLUMNS).where(E.c.kind == kind.value, E.c.last_import == newest)
    if has_uai_form(wanted := normalise_uai(words)):
        query = query.where(E.c.uai == wanted)
    elif "@" in words:
        addresses = literal(" ") + E.c.folded_mail + " " + E.c.other_mails
        query = query.where(addresses.contains(f" {fold_mail(words)}", autoescape=True))
    else:
        query = query.where(*(E.c.person.contains(word, autoescape=True) for word in fold(words).split()))
    uai, _, number = after.partition(":")
    if number.isdecimal():
        query = query.where(tuple_(E.c.uai, E.c.id) > (uai, int(number)))
    rows = connection.execute(query.order_by(E.c.uai, E.c.id).limit(limit))
    return list(map(entry_from, rows))


def place_of_entry(entry: ListEntry) -> str:
    """The place of an entry that ends a page, for ``search_entries`` to go on from."""
    return f"{entry.uai}:{entry.id}"


def count_unneeded_rows(connection: Connection, before: datetime) -> int:
    """Count the rows that would go of those that an import before this instant was the last to see."""
    query = select(func.count()).select_from(E)
    return int(connection.execute(query.where(_is_unneeded(before))).scalar_one())


def _is_unneeded(before: datetime) -> ColumnElement[bool]:
    of_person = or_(
        R.c.person == E.c.person, R.c.folded_mail == E.c.folded_mail, R.c.listing_entry == E.c.id,
        R.c.delegation_entry == E.c.id,
        (literal(" ") + E.c.other_mails + " ").like(literal("% ") + R.c.folded_mail + " %"),
    )  # fmt: skip
    is_needed = exists().where(R.c.uai == E.c.uai, IS_LIVE, or_(R.c.state != State.CODE_ISSUED.value, of_person))
    old = select(I.c.number).where(I.c.imported_at < before)
    return and_(E.c.last_import.in_(old), ~is_needed)


class ListRefused(Exception):
    """An import of a list that is refused, with all its reasons; nothing has changed (R7)."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(" ".join(map(str, reasons)))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that says otherwise than in the list in force, of the same person in the same establishment."""

    before: ListRow
    after: ListRow


@dataclass(frozen=True, kw_only=True, slots=True)
class ListReport:
    """The result of an import: made, or only foreseen when ``number`` is None; nothing was to do if it changes nothing.

    ``before`` is the list in force until then. ``outside`` are rows of establishments that the directory has not: left
    out, because no request can be theirs. ``reasons`` refuse the import, ``doubtful`` ones until somebody accepts them.
    """

    kind: ListKind
    list_date: date | None
    digest: str
    before: ListImport | None
    rows: int
    new: tuple[ListRow, ...]
    changed: tuple[ChangedRow, ...]
    gone: tuple[ListRow, ...]
    unchanged: int
    refused: tuple[RowRemark, ...]
    outside: tuple[RowRemark, ...]
    repeated: int
    silent: int
    reasons: tuple[Reason, ...]
    doubtful: tuple[Reason, ...]
    number: int | None = None
    compared: tuple[str, ...] = ()
    """What came of comparing the requests with the new list, in French (R94, R95)."""

    @property
    def changes_rows(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    @property
    def changes_something(self) -> bool:
        """True if the import makes a new list: other rows, or a later date."""
        return self.changes_rows or self.before is None or self.list_date != self.before.list_date


def is_massive(gone: int, rows: int) -> bool:
    return gone >= MASSIVE_COUNT and gone * MASSIVE_SHARE > rows


def massive_loss(gone: int, rows: int) -> Reason:
    """The doubt about a list from which many rows have disappeared, with its numbers, so that a person can judge."""
    return Reason(
        MASSIVE_LOSS, "R93",
        f"{french.plural(gone, 'ligne')} des {french.number(rows)} de la liste en vigueur"
        f" {'ont' if gone > 1 else 'a'} disparu",
        "Vérifier que le fichier est entier, et qu'il est celui de toute l'académie ; si c'est voulu, le confirmer.",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The report, and the rows to write: those to add, and the entries that are no longer in the list.

    ``lines`` are those of the rows to add, by row, and of the entries that are still there, by their identifier.
    """

    report: ListReport
    added: dict[ListRow, int]
    gone_ids: list[int]
    lines: dict[int, int]


@dataclass(frozen=True)
class Lists:
    """The list of RUPN and that of delegations; ``zone`` is the académie's time.

    ``keep_months``: how long the rows that no request needs are kept.
    ``after_import`` is called once a new list is in force and committed: requests are then compared with it (R94, R95),
    and it says in French what came of it.
    """

    database: Database
    hasher: JournalHasher
    clock: Clock
    zone: tzinfo
    after_import: Callable[[ListKind, Actor], Iterable[str]] = lambda _kind, _actor: ()
    keep_months: int = 3

    @property
    def today(self) -> date:
        return self.clock.now().astimezone(self.zone).date()

    def preview(self, read: ReadList, list_date: date | None) -> ListReport:
        """Report what the import would change, and why it would be refused; nothing is written."""
        with self.database.read() as connection:
            return _compare(connection, read, list_date, self.today).report

    def import_read(
        self, read: ReadList, list_date: date | None, actor: Actor, *, accepted: Collection[str] = ()
    ) -> ListReport:
        """Make what was read the list in force, or change nothing; again, at the same date, it writes nothing (R93).

        ``accepted``: the codes of the report's ``doubtful`` reasons that somebody has read and accepts. The journal
        keeps counts, the date and the file's print, no name (R64). Raises NotAllowed, ListRefused, DatabaseBusy,
        DatabaseUnreachable.
        """
        require_operator(actor, "importer une liste")
        now = self.clock.now()
        with self.database.write() as connection:
            if connection.dialect.name == "postgresql":
                # Two imports at once would both follow the same list; SQLite has one writer already.
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _IMPORT_LOCK})
            comparison = _compare(connection, read, list_date, now.astimezone(self.zone).date())
            report = comparison.report
            if reasons := [*report.reasons, *(r for r in report.doubtful if r.code not in accepted)]:
                raise ListRefused(reasons)
            if not report.changes_something or list_date is None:
                return report
            number = _write(connection, comparison, list_date, actor, now)
            counts: dict[str, Any] = {
                "list": report.kind.value, "list_date": list_date.isoformat(), "sha256": report.digest,
                "rows": report.rows, "new": len(report.new), "changed": len(report.changed), "gone": len(report.gone),
                "unchanged": report.unchanged, "refused": len(report.refused), "outside": len(report.outside),
            }  # fmt: skip
            chain.record(connection, self.hasher, "list_imported", actor, now, counts)
            crash_point("list.after_write")
        return replace(report, number=number, compared=tuple(self.after_import(read.kind, actor)))

    def erase_unneeded_rows(self, actor: Actor) -> int:
        """Erase, once a day, the rows last seen by an import of more than ``keep_months`` ago; return how many.

        Those stay that a live request may still need: of its establishment while its checks are to be made, of its
        person afterwards. A request that comes later needs none: a list older than it proves nothing (R94). Each batch
        is a transaction of its own, and the journal keeps their number.
        """
        now = self.clock.now()
        today = now.astimezone(self.zone).date()
        key = list_rows_key(today)
        before = datetime.combine(months_before(today, self.keep_months), datetime.min.time(), self.zone)
        marked, old = exists().where(OCCURRENCE.c.key == key), exists().where(I.c.imported_at < before)
        erased, ids = 0, select(E.c.id).where(_is_unneeded(before)).order_by(E.c.id).limit(BATCH_SIZE)
        for _ in range(MOST_BATCHES):
            with self.database.write() as connection:
                is_done, has_old = connection.execute(select(marked, old)).one()
                if is_done:
                    break
                count = connection.execute(delete(E).where(E.c.id.in_(ids))).rowcount if has_old else 0
                if count:
                    chain.record(connection, self.hasher, "list_rows_erased", actor, now, {"rows": count})
                else:  # another machine may say it at the same instant
                    connection.execute(insert_new(connection, OCCURRENCE), [{"key": key, "at": now, "requests": 0}])
            erased += count
            if not count:
                break
        return erased

    def imports(self, kind: ListKind, *, limit: int = 20) -> list[ListImport]:
        """The imports of a list, the newest, which is in force, first."""
        with self.database.read() as connection:
            return list_imports(connection, kind, limit=limit)

    def search(self, kind: ListKind, words: str, *, limit: int, after: str = "") -> list[ListEntry]:
        """A page of the entries in force, by UAI, that have these words in their UAI, their names or their address."""
        with self.database.read() as connection:
            return search_entries(connection, kind, words, limit=limit, after=after)


def _date_refusals(list_date: date | None, today: date, before: ListImport | None) -> list[Reason]:
    """The refusals of the date of a list: not given, to come, or before that of the list in force (R93)."""
    if list_date is None:
        message, remedy = "La date de la liste manque", "Dire le jour où elle a été tirée de l'application."
        return [Reason("list_date_needed", "R93", message, remedy, "list_date")]
    if list_date > today:
        return [
            Reason(
                "list_date_to_come", "R93", f"La date de la liste, le {french.day(list_date)}, est à venir",
                "Donner le jour où elle a été tirée : aujourd'hui au plus tard.", "list_date",
            )
        ]  # fmt: skip
    if before is not None and list_date < before.list_date:
        return [
            Reason(
                "older_list", "R93",
                f"Cette liste est du {french.day(list_date)}, et celle en vigueur du {french.day(before.list_date)}",
                "Tirer une nouvelle liste, ou corriger la date.", "list_date",
            )
        ]  # fmt: skip
    return []


def _compare(connection: Connection, read: ReadList, list_date: date | None, today: date) -> _Comparison:
    before = list_in_force(connection, read.kind)
    known = set(connection.execute(select(ESTABLISHMENT.c.uai)).scalars())
    rows = {row: line for line, row in read.rows if row.uai in known}
    outside = tuple(  # the UAI was perhaps mistyped (R11)
        RowRemark(line, " ; ".join(filter(None, (f"{row.uai} n'est pas dans l'annuaire", uai_problem(row.uai)))))
        for line, row in read.rows if row.uai not in known
    )  # fmt: skip
    stored = _stored(connection, read.kind, before)
    added = [row for row in rows if row not in stored]
    gone = [row for row in stored if row not in rows]
    changed = _pairs(gone, added)
    moved = {id(pair.before) for pair in changed} | {id(pair.after) for pair in changed}
    disappeared = tuple(row for row in gone if id(row) not in moved)
    report = ListReport(
        kind=read.kind, list_date=list_date, digest=read.digest, before=before, rows=len(rows),
        new=tuple(row for row in added if id(row) not in moved), changed=changed, gone=disappeared,
        unchanged=len(rows) - len(added), refused=read.refused, outside=outside,
        repeated=read.repeated, silent=read.silent, reasons=tuple(_date_refusals(list_date, today, before)),
        doubtful=(),
    )  # fmt: skip
    doubtful = []
    if before and list_date and before.digest == read.digest and list_date > before.list_date:
        doubtful.append(  # the very file of the list in force, under a later date: it was perhaps not drawn anew
            Reason(
                SAME_FILE, "R93",
                f"C'est le fichier même de la liste en vigueur, daté du {french.day(before.list_date)}, et non du"
                f" {french.day(list_date)}",
                "Tirer une nouvelle liste, ou confirmer que celle-ci a bien été tirée de nouveau, sans rien de changé.",
                "list_date",
            )
        )  # fmt: skip
    if is_massive(len(disappeared), len(stored)):
        doubtful.append(massive_loss(len(disappeared), len(stored)))
    return _Comparison(
        replace(report, doubtful=tuple(doubtful)), {row: rows[row] for row in added}, [stored[row] for row in gone],
        {stored[row]: line for row, line in rows.items() if row in stored},
    )  # fmt: skip


def _stored(connection: Connection, kind: ListKind, before: ListImport | None) -> dict[ListRow, int]:
    """The rows of the list in force, as a file says them, each with its entry's identifier."""
    if before is None:
        return {}
    query = select(E.c.id, *(E.c[name] for name in _ROW))
    query = query.where(E.c.kind == kind.value, E.c.last_import == before.number).order_by(E.c.uai, E.c.id)
    return {ListRow(**dict(zip(_ROW, row[1:], strict=True))): row.id for row in connection.execute(query)}


def _pairs(gone: Iterable[ListRow], added: Iterable[ListRow]) -> tuple[ChangedRow, ...]:
    """The rows gone and added that are of one person in one establishment: by the address first, then by the name."""
    remaining, right = list(gone), list(added)
    pairs: list[ChangedRow] = []
    for name in ("folded_mail", "person"):
        by_key = {(row.uai, fold(row.application), value): row for row in remaining if (value := getattr(row, name))}
        for row in right:
            before = by_key.pop((row.uai, fold(row.application), getattr(row, name)), None)
            if before is not None:
                pairs.append(ChangedRow(before, row))
        taken = {id(row) for pair in pairs for row in (pair.before, pair.after)}
        remaining, right = ([row for row in rows if id(row) not in taken] for rows in (remaining, right))
    return tuple(sorted(pairs, key=lambda pair: (pair.after.uai, pair.after.person)))


def _write(connection: Connection, comparison: _Comparison, list_date: date, actor: Actor, now: datetime) -> int:
    """Write the import and its rows; returns its number. What is unchanged is only seen once more."""
    report = comparison.report
    row = {
        "kind": report.kind.value, "list_date": list_date, "imported_at": now, "actor": actor.number,
        "rows": report.rows, "new": len(report.new), "changed": len(report.changed), "gone": len(report.gone),
        "refused": len(report.refused), "digest": report.digest,
    }  # fmt: skip
    statement = insert(EVIDENCE_IMPORT).values(row).returning(EVIDENCE_IMPORT.c.number)
    number = int(connection.execute(statement).scalar_one())
    if report.before is not None:
        in_force = (E.c.kind == report.kind.value, E.c.last_import == report.before.number)
        connection.execute(update(E).where(*in_force).values(last_import=number))
        for ids in batches(comparison.gone_ids):
            connection.execute(update(E).where(E.c.id.in_(ids)).values(last_import=report.before.number))
    moved = [{"b_id": entry, "line": line} for entry, line in comparison.lines.items()]
    update_rows(connection, E, ("id",), ("line",), moved)
    entries = [
        {
            **{name: getattr(row, name) for name in (*_ROW, "folded_mail", "person")}, "kind": report.kind.value,
            "first_import": number, "last_import": number, "line": line,
        }
        for row, line in comparison.added.items()
    ]  # fmt: skip
    insert_rows(connection, E, entries)
    return number
