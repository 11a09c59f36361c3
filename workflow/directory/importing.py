"""An import of the open directory: read first, then compared and written in one transaction (R66, R67)."""

from typing import BinaryIO

from sqlalchemy import Connection

from notifications.ports import Clock, crash_point
from states.actors import Actor
from states.case import Scalar
from workflow import installation
from workflow.database import Database
from workflow.directory import refusals, writing
from workflow.directory.comparison import Comparison, compare
from workflow.directory.file import DirectoryFile
from workflow.directory.imported import Imported
from workflow.directory.reading import Reading
from workflow.doors import sessions
from workflow.journal import Notary

KIND = "directory_imported"


def preview(database: Database, academie: int, file: BinaryIO) -> Imported:
    """What the import would do; writes nothing. Raises UnusableFile."""
    reading, digest = _read(academie, file)
    with database.read() as connection:
        comparison = compare(writing.known_rows(connection, lock=False), reading.entries, reading.spared)
        return _told(connection, reading, comparison, digest, is_dry_run=True)


def bring_in(
    database: Database, notary: Notary, clock: Clock, academie: int, file: BinaryIO, actor: Actor, *, accept_loss: bool
) -> Imported:
    """Import, or change nothing. Raises UnusableFile, DirectoryRefused on a massive loss, DatabaseBusy."""
    reading, digest = _read(academie, file)
    with database.write() as connection:
        writing.one_import_at_a_time(connection)
        comparison = compare(writing.known_rows(connection, lock=True), reading.entries, reading.spared)
        if comparison.loss.is_massive and not accept_loss:
            raise refusals.DirectoryRefused([refusals.massive_loss(comparison.loss)])
        imported = _told(connection, reading, comparison, digest, is_dry_run=False)
        if imported.changes_something:
            now = clock.now()
            writing.write(connection, comparison)
            sessions.end_of(connection, comparison.moved, now)
            installation.record(connection, notary, KIND, actor, now, _counts(imported))
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
        differing=reading.differing, stranded=writing.stranded(connection, comparison.closed), loss=comparison.loss,
    )  # fmt: skip


def _counts(imported: Imported) -> dict[str, Scalar]:
    """What the journal keeps: counts and the file's print, no establishment's name and no file's (R64)."""
    return {
        "sha256": imported.digest, "rows": imported.rows, "new": len(imported.new), "changed": len(imported.changed),
        "gone": len(imported.gone), "unchanged": imported.unchanged, "refused": len(imported.refused),
        "warnings": len(imported.warnings), "without_mailbox": imported.without_mailbox, "lost": imported.loss.total,
    }  # fmt: skip
