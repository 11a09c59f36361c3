"""The two lists: imported by operators, compared with those in force, read by the rectorat (R93)."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, tzinfo
from typing import Any, Final

from sqlalchemy import Connection, insert, select, text, update

from notifications.ports import Clock, crash_point
from notifications.sql import batches, insert_rows, update_rows
from states import french
from states.characters import fold
from states.model import Actor
from states.refusals import Reason
from states.validation import uai_problem
from workflow.auth.actors import require_operator
from workflow.database.connection import Database
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import EVIDENCE_IMPORT, ListKind
from workflow.database.tables import ESTABLISHMENT
from workflow.evidence.lists import (
    ListEntry,
    ListImport,
    erase_unneeded_rows,
    list_imports,
    list_in_force,
    search_entries,
)
from workflow.evidence.parser import ListRow, ReadList, RowRemark
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

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


def import_list(
    database: Database, hasher: JournalHasher, clock: Clock, read: ReadList, list_date: date | None, actor: Actor,
    *, zone: tzinfo, accepted: Collection[str] = (),
) -> ListReport:  # fmt: skip
    """Make this file the list in force, or change nothing. Raises ListRefused, DatabaseBusy.

    ``accepted`` are the codes of the doubtful reasons that a person has accepted. The journal keeps counts, the date
    and the file's print, no name (R64). The same import again, at the same date, writes nothing.
    """
    now = clock.now()
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            # Two imports at once would both follow the same list; SQLite has one writer already.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _IMPORT_LOCK})
        comparison = _compare(connection, read, list_date, now.astimezone(zone).date())
        report = comparison.report
        if reasons := [*report.reasons, *(r for r in report.doubtful if r.code not in accepted)]:
            raise ListRefused(reasons)
        if not report.changes_something or list_date is None:
            return report
        number = _write(connection, comparison, list_date, actor, now)
        installation.record(connection, hasher, "list_imported", actor, now, _journalled(report, list_date))
        crash_point("list.after_write")
    return replace(report, number=number)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The report, and the rows to write: those to add, and the entries that are no longer in the list.

    ``lines`` are those of the rows to add, by row, and of the entries that are still there, by their identifier.
    """

    report: ListReport
    added: dict[ListRow, int]
    gone_ids: list[int]
    lines: dict[int, int]


def _check_nothing(kind: ListKind, actor: Actor) -> Iterable[str]:  # noqa: ARG001
    """No request is compared: in a test of the lists alone."""
    return ()


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
    after_import: Callable[[ListKind, Actor], Iterable[str]] = _check_nothing
    keep_months: int = 3

    @property
    def today(self) -> date:
        return self.clock.now().astimezone(self.zone).date()

    def preview(self, read: ReadList, list_date: date | None) -> ListReport:
        """What the import would change, and why it would be refused; nothing is written."""
        return _preview_list(self.database, read, list_date, self.today)

    def import_read(
        self, read: ReadList, list_date: date | None, actor: Actor, *, accepted: Collection[str] = ()
    ) -> ListReport:
        """Make what was read the list in force; done again, it changes nothing (R93).

        ``accepted``: the codes of the report's ``doubtful`` reasons that somebody has read and accepts. Raises
        NotAllowed, ListRefused, DatabaseBusy, DatabaseUnreachable.
        """
        require_operator(actor, "importer une liste")
        report = import_list(
            self.database, self.hasher, self.clock, read, list_date, actor, zone=self.zone, accepted=accepted
        )
        if report.number is None:
            return report
        return replace(report, compared=tuple(self.after_import(read.kind, actor)))

    def erase_unneeded_rows(self, actor: Actor) -> int:
        """Erase the rows that no request needs any more; called by the schedule, it does so once a day."""
        now = self.clock.now()
        return erase_unneeded_rows(self.database, self.hasher, actor, now, self.zone, self.keep_months)

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


def _same_file(before: ListImport, list_date: date) -> Reason:
    """The doubt about the very file of the list in force, under a later date: it was perhaps not drawn anew."""
    return Reason(
        SAME_FILE, "R93",
        f"C'est le fichier même de la liste en vigueur, daté du {french.day(before.list_date)}, et non du"
        f" {french.day(list_date)}",
        "Tirer une nouvelle liste, ou confirmer que celle-ci a bien été tirée de nouveau, sans rien de changé.",
        "list_date",
    )  # fmt: skip


def _preview_list(database: Database, read: ReadList, list_date: date | None, today: date) -> ListReport:
    """Report what the import would change, its refusals included; writes nothing."""
    with database.read() as connection:
        return _compare(connection, read, list_date, today).report


def _compare(connection: Connection, read: ReadList, list_date: date | None, today: date) -> _Comparison:
    before = list_in_force(connection, read.kind)
    known = set(connection.execute(select(ESTABLISHMENT.c.uai)).scalars())
    rows = {row: line for line, row in read.rows if row.uai in known}
    outside = tuple(_outside(line, row.uai) for line, row in read.rows if row.uai not in known)
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
        doubtful.append(_same_file(before, list_date))
    if is_massive(len(disappeared), len(stored)):
        doubtful.append(massive_loss(len(disappeared), len(stored)))
    return _Comparison(
        replace(report, doubtful=tuple(doubtful)), {row: rows[row] for row in added}, [stored[row] for row in gone],
        {stored[row]: line for row, line in rows.items() if row in stored},
    )  # fmt: skip


def _outside(line: int, uai: str) -> RowRemark:
    """The remark on a row of an establishment that the directory has not: its UAI was perhaps mistyped (R11)."""
    problem = uai_problem(uai)
    return RowRemark(line, f"{uai} n'est pas dans l'annuaire" + (f" ; {problem}" if problem else ""))


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
    insert_rows(connection, E, [_entry(report.kind, row, line, number) for row, line in comparison.added.items()])
    return number


def _entry(kind: ListKind, row: ListRow, line: int, number: int) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in _ROW} | {"folded_mail": row.folded_mail, "person": row.person}
    return {"kind": kind.value, "first_import": number, "last_import": number, "line": line} | columns


def _journalled(report: ListReport, list_date: date) -> dict[str, Any]:
    return {
        "list": report.kind.value, "list_date": list_date.isoformat(), "sha256": report.digest, "rows": report.rows,
        "new": len(report.new), "changed": len(report.changed), "gone": len(report.gone),
        "unchanged": report.unchanged, "refused": len(report.refused), "outside": len(report.outside),
    }  # fmt: skip
