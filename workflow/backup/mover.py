"""``oda database move``: from a SQLite file to an empty PostgreSQL; the file stays as it is (R116)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import URL, Connection, func, select

from notifications.ports import crash_point
from workflow.backup.chains import chain_ends
from workflow.backup.loader import DatabaseSource, is_empty, load
from workflow.backup.refusals import BackupRefused
from workflow.backup.rows import TableShape
from workflow.database import schema
from workflow.database.connection import OTHER_MACHINE, Database, unbounded
from workflow.database.schedule_tables import NODE
from workflow.journal import installation
from workflow.journal.chain import JournalHasher


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveResult:
    """What was moved: rows, and the chains of the journal, whose ends are the same in both databases."""

    tables: int
    rows: int
    chains: int
    events: int


def move(source: Database, target: URL, hasher: JournalHasher, now: datetime) -> MoveResult:
    """Copy the whole database in one transaction; nobody writes in the file meanwhile, and nothing of it changes.

    Raises BackupRefused, SchemaBehind, SchemaAhead, NotInstalled, OtherInstallation, DatabaseBusy, DatabaseUnreachable.
    """
    if source.is_postgresql or target.get_backend_name() != "postgresql":
        raise BackupRefused(
            "direction", "Une base se déplace d'un fichier SQLite vers PostgreSQL, et pas autrement",
            "pour l'inverse, « oda backup », puis « oda restore » avec l'autre database.url",
        )  # fmt: skip
    new = Database(target)
    try:
        with source.write() as old, new.write() as connection, unbounded(new, connection):
            schema.require_current(old)
            installation.check_key(old, hasher)
            _refuse_while_at_work(old, now)
            if not is_empty(connection):
                raise BackupRefused("not_empty", "La base PostgreSQL n'est pas vide", "en donner une sans aucune table")
            content = DatabaseSource.of(old)
            rows = load(connection, content)
            ends = chain_ends(connection)
            is_same = all(_count(old, each) == _count(connection, each) for each in content.shapes.values())
            if not is_same or ends != chain_ends(old):
                raise BackupRefused(
                    "differs", "La base copiée n'est pas la même", "lancer « oda journal verify » sur celle de départ"
                )
            crash_point("move.before_commit")
    finally:
        new.dispose()
    return MoveResult(tables=len(content.shapes), rows=rows, chains=ends.chains, events=ends.events)


def _refuse_while_at_work(connection: Connection, now: datetime) -> None:
    """What the service would still write in the file would be lost."""
    recent = select(NODE.c.host).where(NODE.c.seen_at > now - OTHER_MACHINE, NODE.c.seen_at <= now + OTHER_MACHINE)
    if connection.execute(recent).first():
        raise BackupRefused(
            "at_work", "Le service est en marche, ou vient de l'être",
            "l'arrêter (systemctl stop oda), attendre deux minutes, puis recommencer",
        )  # fmt: skip


def _count(connection: Connection, shape: TableShape) -> int:
    return int(connection.execute(select(func.count()).select_from(shape.clause)).scalar_one())
