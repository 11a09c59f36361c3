"""An import of a list: compared with the list in force, then written in one transaction (R93)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, tzinfo
from typing import Any, Final

from sqlalchemy import Connection, insert, select, text, update

from notifications.ports import Clock, crash_point
from notifications.sql import batches, insert_rows, update_rows
from states.characters import fold
from states.model import Actor
from states.validation import uai_problem
from workflow.database.connection import Database
from workflow.database.file_tables import EVIDENCE_ENTRY as E
from workflow.database.file_tables import EVIDENCE_IMPORT, ListKind
from workflow.database.tables import ESTABLISHMENT
from workflow.evidence.lists import ListImport, list_in_force
from workflow.evidence.model import (
    ChangedRow,
    ListRefused,
    ListReport,
    date_refusals,
    is_massive,
    massive_loss,
    same_file,
)
from workflow.evidence.parser import ListRow, ReadList, RowRemark
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

_ROW: Final = tuple(field.name for field in fields(ListRow))

_IMPORT_LOCK: Final = 0x0DA_2  # any number: the imports of lists alone take this lock of PostgreSQL


def preview_list(database: Database, read: ReadList, list_date: date | None, today: date) -> ListReport:
    """Report what the import would change, its refusals included; writes nothing."""
    with database.read() as connection:
        return _compare(connection, read, list_date, today).report


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
        repeated=read.repeated, silent=read.silent, reasons=tuple(date_refusals(list_date, today, before)),
        doubtful=(),
    )  # fmt: skip
    doubtful = []
    if before and list_date and before.digest == read.digest and list_date > before.list_date:
        doubtful.append(same_file(before, list_date))
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
    left, right = list(gone), list(added)
    pairs: list[ChangedRow] = []
    for name in ("folded_mail", "person"):
        by_key = {(row.uai, fold(row.application), value): row for row in left if (value := getattr(row, name))}
        for row in right:
            before = by_key.pop((row.uai, fold(row.application), getattr(row, name)), None)
            if before is not None:
                pairs.append(ChangedRow(before, row))
        taken = {id(row) for pair in pairs for row in (pair.before, pair.after)}
        left, right = ([row for row in rows if id(row) not in taken] for rows in (left, right))
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
