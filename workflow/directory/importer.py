"""An import of the open directory: read first, then compared and written in one transaction (R66, R67)."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from sqlalchemy import Connection, bindparam, insert, select, text, update

from notifications.ports import Clock, crash_point
from states.decision import Scalar
from states.model import Actor
from states.vocabulary import State
from workflow.auth.sessions import end_sessions_of
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.directory import model as refusals
from workflow.directory.model import Change, Changed, Imported, Loss, Named, Stranded
from workflow.directory.parser import DirectoryFile, Entry, Reading
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

WRITTEN = ("nom", "kind", "commune", "departement", "mailbox", "is_open", "is_listed")
"""The columns of ``Establishment`` that an import writes: never ``set_mailbox``, an operator's choice (R14)."""


Row = dict[str, Any]


def row_of(entry: Entry) -> Row:
    """The columns of an establishment that the file names."""
    return {"uai": entry.uai, "is_listed": True} | {name: getattr(entry, name) for name in WRITTEN[:-1]}


@dataclass
class Comparison:
    """The differences between the file and the directory: new, changed, gone, and what would be lost (R66, R67).

    ``new_rows`` are whole rows, ``updates`` rows whose ``WRITTEN`` columns change; ``moved`` are the
    establishments whose mailbox in force becomes another.
    """

    new_rows: list[Row] = field(default_factory=list)
    updates: list[Row] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    gone: list[Named] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    unchanged: int = 0
    without_mailbox: int = 0
    _base: int = 0
    _lost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("gone", "closed", "mailbox"), 0))

    @property
    def loss(self) -> Loss:
        return Loss(base=self._base, **self._lost)

    @property
    def new(self) -> tuple[Named, ...]:
        return tuple(Named(row["uai"], row["nom"]) for row in self.new_rows)

    def match(self, before: Row, entry: Entry | None, is_spared: bool) -> None:
        """Compare an establishment with its entry; None when the file does not name it, or not readably."""
        after = before
        if entry is not None:
            after = before | row_of(entry)
            self._differ(before, after)
        elif is_spared:
            pass  # the refused row is told of already
        elif before["is_listed"]:
            after = before | {"is_open": False, "is_listed": False}
            self.gone.append(Named(before["uai"], before["nom"]))
            self.updates.append(after)
        self._count_loss(before, after)

    def _differ(self, before: Row, after: Row) -> None:
        changes = tuple(Change(n, before[n], after[n]) for n in WRITTEN if before[n] != after[n])
        if not changes:
            self.unchanged += 1
            return
        self.changed.append(Changed(after["uai"], after["nom"], changes))
        self.updates.append(after)

    def add_new(self, entry: Entry) -> None:
        row = row_of(entry) | {"set_mailbox": None}
        self.new_rows.append(row)
        self._count_mailbox(row)

    def _count_loss(self, before: Row, after: Row) -> None:
        self._count_mailbox(after)
        if _mailbox(before) != _mailbox(after):
            self.moved.add(after["uai"])
        if not (before["is_listed"] and before["is_open"]):
            return
        self._base += 1
        if not after["is_listed"]:
            self._lost["gone"] += 1
        elif not after["is_open"]:
            self._lost["closed"] += 1
        elif _mailbox(before) and not _mailbox(after):
            self._lost["mailbox"] += 1

    def _count_mailbox(self, after: Row) -> None:
        if not after["is_open"]:
            self.closed.add(after["uai"])
        elif not _mailbox(after):
            self.without_mailbox += 1


def _mailbox(row: Row) -> str | None:
    """The mailbox in force (R14)."""
    mailbox: str | None = row["set_mailbox"] or row["mailbox"]
    return mailbox


def compare(known: Iterable[Row], entries: Mapping[str, Entry], spared: Set[str]) -> Comparison:
    """Compare the file with every establishment of the directory, listed or not, in the order of the UAI."""
    comparison, uais = Comparison(), set()
    for before in known:
        uai = before["uai"]
        uais.add(uai)
        comparison.match(before, entries.get(uai), uai in spared)
    for uai, entry in entries.items():
        if uai not in uais:
            comparison.add_new(entry)
    return comparison


_IMPORTS = 0x0DA_1  # any number: imports alone take this lock of PostgreSQL


def one_import_at_a_time(connection: Connection) -> None:
    """Two imports at once would both insert the same newcomer; SQLite has one writer already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _IMPORTS})


def known_rows(connection: Connection, *, lock: bool) -> list[Row]:
    """Every establishment; locked in the order of the UAI, as the engine does, when it is to be written (R9)."""
    query = select(ESTABLISHMENT).order_by(ESTABLISHMENT.c.uai)
    if lock:
        query = query.with_for_update(key_share=True)
    return [dict(row) for row in connection.execute(query).mappings()]


def write(connection: Connection, comparison: Comparison) -> None:
    """Insert the newcomers, update the others."""
    if comparison.new_rows:
        connection.execute(insert(ESTABLISHMENT), comparison.new_rows)
    if comparison.updates:
        changed = update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == bindparam("b_uai"))
        rows = [{"b_uai": row["uai"]} | {name: row[name] for name in WRITTEN} for row in comparison.updates]
        connection.execute(changed.values({name: bindparam(name) for name in WRITTEN}), rows)


def stranded(connection: Connection, closed: set[str]) -> tuple[Stranded, ...]:
    """The live requests of closed establishments: a few thousand live ones at most, filtered here."""
    if not closed:
        return ()
    live = select(REQUEST.c.reference, REQUEST.c.uai).where(REQUEST.c.state != State.REVOKED.value)
    rows = connection.execute(live.order_by(REQUEST.c.uai, REQUEST.c.reference))
    return tuple(Stranded(row.reference, row.uai) for row in rows if row.uai in closed)


KIND = "directory_imported"


def preview(database: Database, academie: int, file: BinaryIO) -> Imported:
    """What the import would do; writes nothing. Raises UnusableFile."""
    reading, digest = _read(academie, file)
    with database.read() as connection:
        comparison = compare(known_rows(connection, lock=False), reading.entries, reading.spared)
        return _told(connection, reading, comparison, digest, is_dry_run=True)


def bring_in(
    database: Database,
    hasher: JournalHasher,
    clock: Clock,
    academie: int,
    file: BinaryIO,
    actor: Actor,
    *,
    accept_loss: bool,
) -> Imported:
    """Import, or change nothing. Raises UnusableFile, DirectoryRefused on a massive loss, DatabaseBusy."""
    reading, digest = _read(academie, file)
    with database.write() as connection:
        one_import_at_a_time(connection)
        comparison = compare(known_rows(connection, lock=True), reading.entries, reading.spared)
        if comparison.loss.is_massive and not accept_loss:
            raise refusals.DirectoryRefused([refusals.massive_loss(comparison.loss)])
        imported = _told(connection, reading, comparison, digest, is_dry_run=False)
        if imported.changes_something:
            now = clock.now()
            write(connection, comparison)
            end_sessions_of(connection, comparison.moved, now)
            installation.record(connection, hasher, KIND, actor, now, _counts(imported))
            crash_point("directory.after_write")
    return imported


def _read(academie: int, file: BinaryIO) -> tuple[Reading, str]:
    source = DirectoryFile(file)
    return Reading(academie).read(source.records()), source.digest


def _told(
    connection: Connection, reading: Reading, comparison: Comparison, digest: str, *, is_dry_run: bool
) -> Imported:
    return Imported(
        digest=digest, is_dry_run=is_dry_run, new=comparison.new, changed=tuple(comparison.changed),
        gone=tuple(comparison.gone), unchanged=comparison.unchanged, without_mailbox=comparison.without_mailbox,
        refused=tuple(reading.refused), warnings=tuple(reading.warnings), rows=reading.rows,
        outside_academie=reading.outside_academie, outside_scope=reading.outside_scope, repeated=reading.repeated,
        differing=reading.differing, stranded=stranded(connection, comparison.closed), loss=comparison.loss,
    )  # fmt: skip


def _counts(imported: Imported) -> dict[str, Scalar]:
    """What the journal keeps: counts and the file's print, no establishment's name and no file's (R64)."""
    return {
        "sha256": imported.digest, "rows": imported.rows, "new": len(imported.new), "changed": len(imported.changed),
        "gone": len(imported.gone), "unchanged": imported.unchanged, "refused": len(imported.refused),
        "warnings": len(imported.warnings), "without_mailbox": imported.without_mailbox, "lost": imported.loss.total,
    }  # fmt: skip
