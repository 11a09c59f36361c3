"""An import of the open directory, read first, then compared and written in one transaction; its report (R66, R67)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, text, update

from notifications.ports import Clock, crash_point
from states.french import listing, plural
from states.model import Actor
from states.refusals import Reason
from states.validation import departement_name
from states.vocabulary import State
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.directory.parser import DirectoryEntry, DirectoryReader, DirectorySource, Remark
from workflow.journal import chain
from workflow.journal.chain import JournalHasher

OPTIONAL = ("telephone", "departement_name", "nature", "chef_civility", "siret")
"""The columns that an import leaves as they are when the file has not got them."""

WRITTEN = ("nom", "kind", "commune", "departement", "mailbox", *OPTIONAL, "is_open", "is_listed")
"""The columns of ``Establishment`` that an import writes: never ``set_mailbox``, an operator's choice (R14)."""

MASSIVE_SHARE = 5
"""An import that loses more than one establishment in five is massive (R67)."""

UNUSUAL_SHARE = 50
"""More than one in fifty that the file no longer names is unusual: closures are a few a year, and are announced first
by the file itself. A file cut between two lines looks like any other (R67)."""

MASSIVE_COUNT = 5
"""Establishments lost from which an import may be massive: in a small directory one closure is no catastrophe."""

Row = dict[str, Any]

MailboxJudge = Callable[[str, str | None], bool]
"""Says of an establishment's UAI and mailbox whether nobody can have chosen it."""


@dataclass(frozen=True, slots=True)
class EstablishmentName:
    """The UAI and the name of an establishment."""

    uai: str
    nom: str


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column of ``Establishment`` that an import changes."""

    column: str
    before: str | bool | None
    after: str | bool | None


@dataclass(frozen=True, slots=True)
class EstablishmentChange:
    """An establishment whose columns an import changes; ``nom`` is the new one."""

    uai: str
    nom: str
    changes: tuple[ColumnChange, ...]


@dataclass(frozen=True, slots=True)
class StrandedRequest:
    """A live request of an establishment that is closed once the import is done."""

    reference: str
    uai: str


@dataclass(frozen=True, slots=True)
class Loss:
    """The establishments, of the ``base`` listed and open before, now gone from the file, closed or without mailbox.

    ``departements``: those of the directory of which the file no longer names any establishment.
    """

    base: int
    gone: int
    closed: int
    mailbox: int
    departements: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return self.gone + self.closed + self.mailbox

    @property
    def is_massive(self) -> bool:
        """True if a person must accept it before anything is written (R67)."""
        return bool(self.departements) or self._is_large or self.looks_cut

    @property
    def _is_large(self) -> bool:
        return self.total >= MASSIVE_COUNT and self.total * MASSIVE_SHARE > self.base

    @property
    def looks_cut(self) -> bool:
        """True if the file leaves out few, but more than closures explain, as one that was cut between two lines."""
        is_unusual = self.gone >= MASSIVE_COUNT and self.gone * UNUSUAL_SHARE > self.base
        return is_unusual and not self._is_large


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportReport:
    """The result of an import: its changes, made or only foreseen (``is_dry_run``), and its remarks.

    Counts are rows for ``rows``, ``outside_academie``, ``outside_scope``, ``repeated`` and ``differing``, else
    establishments. ``chosen_mailboxes``: those whose mailbox counts as set by who imports (R120). ``digest`` is the
    file's SHA-256.
    """

    digest: str
    is_dry_run: bool
    new: tuple[EstablishmentName, ...]
    changed: tuple[EstablishmentChange, ...]
    gone: tuple[EstablishmentName, ...]
    unchanged: int
    without_mailbox: int
    refused: tuple[Remark, ...]
    warnings: tuple[Remark, ...]
    rows: int
    outside_academie: int
    outside_scope: int
    repeated: int
    differing: int
    stranded: tuple[StrandedRequest, ...]
    loss: Loss
    chosen_mailboxes: int = 0

    @property
    def changes_something(self) -> bool:
        return bool(self.new or self.changed or self.gone)


class DirectoryRefused(Exception):
    """An import or a change of mailbox that is refused, with all its reasons; nothing has changed (R7)."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(" ".join(map(str, reasons)))
        self.reasons = tuple(reasons)


def preview_import(database: Database, academie: int, file: DirectorySource, is_evident: MailboxJudge) -> ImportReport:
    """Report the changes that the import would make; writes nothing. Raises UnusableFile."""
    reader, digest = _read(academie, file)
    with database.read() as connection:
        comparison = compare(_directory_rows(connection, lock=False), reader)
        return _report(connection, reader, comparison, digest, is_evident, is_dry_run=True)


def import_directory(
    database: Database,
    hasher: JournalHasher,
    clock: Clock,
    academie: int,
    file: DirectorySource,
    actor: Actor,
    is_evident: MailboxJudge,
    follow: "Callable[[Connection, Comparison, datetime], None]",
    *,
    accept_loss: bool,
) -> ImportReport:
    """Import, or change nothing. Raises UnusableFile, DirectoryRefused on a massive loss, DatabaseBusy.

    ``is_evident``: whether nobody can have chosen this mailbox of this UAI (R120). ``follow`` does what comes of the
    mailboxes, in the same transaction. The journal keeps counts and the file's print, no establishment's name and no
    file's (R64).
    """
    reader, digest = _read(academie, file)
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            # Two imports at once would both insert the same newcomer; SQLite has one writer already.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _IMPORT_LOCK})
        comparison = compare(_directory_rows(connection, lock=True), reader)
        if comparison.loss.is_massive and not accept_loss:
            raise DirectoryRefused([massive_loss(comparison.loss)])
        report = _report(connection, reader, comparison, digest, is_evident, is_dry_run=False)
        if report.changes_something:
            now = clock.now()
            if comparison.new_rows:
                connection.execute(insert(ESTABLISHMENT), comparison.new_rows)
            if comparison.updates:
                statement = update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == bindparam("b_uai"))
                rows = [{"b_uai": row["uai"]} | {name: row[name] for name in WRITTEN} for row in comparison.updates]
                connection.execute(statement.values({name: bindparam(name) for name in WRITTEN}), rows)
            follow(connection, comparison, now)
            chain.record(
                connection, hasher, "directory_imported", actor, now,
                {
                    "sha256": digest, "rows": report.rows, "new": len(report.new), "changed": len(report.changed),
                    "gone": len(report.gone), "unchanged": report.unchanged, "refused": len(report.refused),
                    "warnings": len(report.warnings), "without_mailbox": report.without_mailbox,
                    "lost": report.loss.total,
                },
            )  # fmt: skip
            crash_point("directory.after_write")
    return report


@dataclass
class Comparison:
    """The differences between the file and the directory: new, changed, gone, and what would be lost (R66, R67).

    ``new_rows`` are whole rows, ``updates`` rows whose ``WRITTEN`` columns change; ``moved`` are the
    establishments whose mailbox in force becomes another, each with the former one.
    """

    new_rows: list[Row] = field(default_factory=list)
    updates: list[Row] = field(default_factory=list)
    changed: list[EstablishmentChange] = field(default_factory=list)
    gone: list[EstablishmentName] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    moved: dict[str, str | None] = field(default_factory=dict)
    unchanged: int = 0
    without_mailbox: int = 0
    _base: int = 0
    _departements_gone: set[str] = field(default_factory=set)
    _departements_there: set[str] = field(default_factory=set)
    _lost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("gone", "closed", "mailbox"), 0))

    @property
    def loss(self) -> Loss:
        departements = tuple(sorted(self._departements_gone - self._departements_there))
        return Loss(base=self._base, departements=departements, **self._lost)

    @property
    def new(self) -> tuple[EstablishmentName, ...]:
        return tuple(EstablishmentName(row["uai"], row["nom"]) for row in self.new_rows)

    def chosen(self, is_evident: MailboxJudge) -> list[Row]:
        """The new or moved establishments whose mailbox somebody can have chosen (R120)."""
        rows = [*self.new_rows, *(row for row in self.updates if row["uai"] in self.moved)]
        return [row for row in rows if not is_evident(row["uai"], mailbox_in_force(row))]

    def match(self, before: Row, entry: DirectoryEntry | None, is_spared: bool) -> None:
        """Compare an establishment with its entry; None when the file does not name it, or not readably."""
        after = before
        if entry is not None:
            after = before | _row_of(entry)
            if changes := tuple(ColumnChange(n, before[n], after[n]) for n in WRITTEN if before[n] != after[n]):
                self.changed.append(EstablishmentChange(after["uai"], after["nom"], changes))
                self.updates.append(after)
            else:
                self.unchanged += 1
        elif before["is_listed"] and not is_spared:  # a spared one has a refused row, already reported
            after = before | {"is_open": False, "is_listed": False}
            self.gone.append(EstablishmentName(before["uai"], before["nom"]))
            self.updates.append(after)
        if after["is_listed"]:
            self._departements_there.add(after["departement"])
        self._count_mailbox(after)
        if mailbox_in_force(before) != mailbox_in_force(after):
            self.moved[after["uai"]] = mailbox_in_force(before)
        if before["is_listed"] and before["is_open"]:
            self._base += 1
            if not after["is_listed"]:
                self._lost["gone"] += 1
                self._departements_gone |= {before["departement"]} - {""}
            elif not after["is_open"]:
                self._lost["closed"] += 1
            elif mailbox_in_force(before) and not mailbox_in_force(after):
                self._lost["mailbox"] += 1

    def add_new(self, entry: DirectoryEntry) -> None:
        row = _row_of(entry) | {"set_mailbox": None}
        self.new_rows.append(row)
        self._departements_there.add(entry.departement)
        self._count_mailbox(row)

    def _count_mailbox(self, after: Row) -> None:
        if not after["is_open"]:
            self.closed.add(after["uai"])
        elif not mailbox_in_force(after):
            self.without_mailbox += 1


def compare(rows: Iterable[Row], reader: DirectoryReader) -> Comparison:
    """Compare the file with every establishment of the directory, listed or not, in the order of the UAI."""
    comparison, uais, entries = Comparison(), set(), reader.entries
    for before in rows:
        uai = before["uai"]
        uais.add(uai)
        comparison.match(before, entries.get(uai), uai in reader.spared or not reader.names_everybody)
    for uai, entry in entries.items():
        if uai not in uais:
            comparison.add_new(entry)
    return comparison


_IMPORT_LOCK = 0x0DA_1  # any number: imports alone take this lock of PostgreSQL


def massive_loss(loss: Loss) -> Reason:
    """The refusal of a massive loss, with its numbers, so that a person can judge (R67)."""
    return Reason(
        "massive_loss", "R67",
        f"Cet import ferait perdre {loss.total} des {loss.base} établissements ouverts :"
        f" {plural(loss.gone, 'disparu')}, {plural(loss.closed, 'fermé')},"
        f" {loss.mailbox} sans boîte désormais{_departements_gone(loss)}",
        "Vérifier que le fichier est entier (--dry-run en donne la liste) ; si c'est voulu, confirmer la perte"
        " (--accept-loss).",
    )  # fmt: skip


def _read(academie: int, file: DirectorySource) -> tuple[DirectoryReader, str]:
    return DirectoryReader(academie).read(file.records()), file.digest


def _directory_rows(connection: Connection, *, lock: bool) -> list[Row]:
    """Every establishment; locked in the order of the UAI, as the engine does, when it is to be written (R9)."""
    query = select(ESTABLISHMENT).order_by(ESTABLISHMENT.c.uai)
    if lock:
        query = query.with_for_update(key_share=True)
    return [dict(row) for row in connection.execute(query).mappings()]


def _row_of(entry: DirectoryEntry) -> Row:
    """The columns of an establishment that the file gives."""
    columns = {name: getattr(entry, name) for name in WRITTEN if name != "is_listed"}
    given = {name: value for name, value in columns.items() if name not in OPTIONAL or value is not None}
    return {"uai": entry.uai, "is_listed": True} | given


def mailbox_in_force(row: Row) -> str | None:
    """The mailbox to which mails go: the operator's choice, else the directory's (R14)."""
    mailbox: str | None = row["set_mailbox"] or row["mailbox"]
    return mailbox


def _report(
    connection: Connection, reader: DirectoryReader, comparison: Comparison, digest: str, is_evident: MailboxJudge, *,
    is_dry_run: bool,
) -> ImportReport:  # fmt: skip
    return ImportReport(
        digest=digest, is_dry_run=is_dry_run, new=comparison.new, changed=tuple(comparison.changed),
        gone=tuple(comparison.gone), unchanged=comparison.unchanged, without_mailbox=comparison.without_mailbox,
        refused=tuple(reader.refused), warnings=tuple(reader.warnings), rows=reader.rows,
        outside_academie=reader.outside_academie, outside_scope=reader.outside_scope, repeated=reader.repeated,
        differing=reader.differing, stranded=_stranded_requests(connection, comparison.closed), loss=comparison.loss,
        chosen_mailboxes=len(comparison.chosen(is_evident)),
    )  # fmt: skip


def _stranded_requests(connection: Connection, closed: set[str]) -> tuple[StrandedRequest, ...]:
    """The live requests of closed establishments: a few thousand live ones at most, filtered here."""
    if not closed:
        return ()
    live = select(REQUEST.c.reference, REQUEST.c.uai).where(REQUEST.c.state != State.REVOKED.value)
    rows = connection.execute(live.order_by(REQUEST.c.uai, REQUEST.c.reference))
    return tuple(StrandedRequest(row.reference, row.uai) for row in rows if row.uai in closed)


def _departements_gone(loss: Loss) -> str:
    if not loss.departements:
        return " ; d'un fichier entier il en disparaît rarement autant" if loss.looks_cut else ""
    which = "du département" if len(loss.departements) == 1 else "des départements"
    names = listing([departement_name(code) for code in loss.departements])
    return f" ; plus aucun {which} {names}, comme d'un fichier coupé"
