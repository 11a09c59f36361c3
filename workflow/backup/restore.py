"""Filling an empty place: ``oda restore`` from a backup, ``oda database move`` from a SQLite file (R116).

Nothing leaves a restored base until a person releases it.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import URL, Connection, delete, func, insert, inspect, select, true, update

from notifications.outbox.store import MAILS
from notifications.ports import crash_point
from notifications.sql import upsert
from notifications.vocabulary import LINK_KINDS, Stage
from states.decision import Scalar
from states.model import Actor
from states.school_calendar import SchoolYear
from workflow.auth.actors import require_operator
from workflow.backup.archive import (
    DATABASE_FILE,
    TABLES,
    Manifest,
    copy_private,
    open_copy,
    read_lines,
    read_verified,
    sync_file,
    sync_folder,
)
from workflow.backup.rows import (
    BackupRefused,
    ColumnKind,
    TableShape,
    chain_ends,
    dump_table,
    empty,
    fill_table,
    guards_away,
    last_numbers,
    set_last_numbers,
    shapes_of,
    value_of,
)
from workflow.database import schema
from workflow.database.access_tables import KEPT_FORMS, LINKS, SESSIONS, TOKENS
from workflow.database.connection import OTHER_MACHINE, Database, make_private, unbounded
from workflow.database.file_tables import STAGED_IMPORTS
from workflow.database.mapping import reference_of
from workflow.database.schedule_tables import DELIVERY, NODE, OCCURRENCE, RESTORATION, DeliveryStage
from workflow.database.tables import COUNTER
from workflow.journal import chain
from workflow.journal.chain import JournalHasher
from workflow.journal.verification import Verifier

MOST_FLAWS: Final = 5
"""Flaws of the journal that are told after a restoration: ``oda journal verify`` tells them all."""

SKIPPED: Final = 1000
"""References of a school year that a restoration leaves out: more than an académie gives between two backups."""

_WAITING: Final = [Stage.PENDING.value, Stage.RETRY.value]

_GIVEN_UP: Final = {
    "stage": Stage.DISCARDED.value, "next_attempt_at": None, "lease_token": None, "lease_until": None,
}  # fmt: skip


class Source(Protocol):
    """Rows to write elsewhere. ``columns``: the names of each table's columns, in the order of its rows."""

    @property
    def version(self) -> str: ...
    @property
    def columns(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def numbers(self) -> Mapping[str, int]: ...
    def rows(self, table: str) -> Iterable[Sequence[Any]]: ...


@dataclass(frozen=True)
class DatabaseSource:
    """The rows of a database, over a connection that sees one picture of it."""

    connection: Connection
    version: str
    shapes: Mapping[str, TableShape]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, connection: Connection) -> "DatabaseSource":
        shapes = {shape.name: shape for shape in shapes_of(connection)}
        return cls(connection, schema.version(connection) or "", shapes, last_numbers(connection, shapes.values()))

    @property
    def columns(self) -> Mapping[str, Sequence[str]]:
        return {name: tuple(shape.columns) for name, shape in self.shapes.items()}

    def rows(self, table: str) -> Iterable[Sequence[Any]]:
        return dump_table(self.connection, self.shapes[table])


@dataclass(frozen=True)
class FolderSource:
    """The rows that a backup of PostgreSQL holds."""

    folder: Path
    manifest: Manifest

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def columns(self) -> Mapping[str, Sequence[str]]:
        return {name: tuple(columns) for name, columns in self.manifest.tables.items()}

    @property
    def numbers(self) -> Mapping[str, int]:
        return self.manifest.numbers

    def rows(self, table: str) -> Iterable[Sequence[Any]]:
        kinds = [ColumnKind(kind) for kind in self.manifest.tables[table].values()]
        for texts in read_lines(self.folder / TABLES / f"{table}.jsonl.gz"):
            yield [value_of(kind, text) for kind, text in zip(kinds, texts, strict=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveResult:
    """A count of what was moved: rows, and the chains of the journal, whose ends are the same in both databases."""

    tables: int
    rows: int
    chains: int
    events: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreResult:
    """A restoration that was done, and what does not hold in the journal that the backup holds."""

    manifest: Manifest
    flaws: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Released:
    """The numbers of mails, and of messages to other systems (R118), that will never leave."""

    mails: int
    deliveries: int


@contextmanager
def open_source(folder: Path, manifest: Manifest) -> Iterator[Source]:
    """Open the rows of a backup, of either database."""
    if manifest.database == "postgresql":
        yield FolderSource(folder, manifest)
        return
    with open_copy(folder) as connection:
        yield DatabaseSource.of(connection)


def is_empty(connection: Connection) -> bool:
    """Return True for a database without any table."""
    return not inspect(connection).get_table_names()


def load_database(connection: Connection, source: Source) -> int:
    """Make the tables of the source's version in an empty database, and write its rows; return how many.

    All in the transaction of the caller. Raises BackupRefused for a version that this software does not know.
    """
    if source.version not in schema.revisions():
        raise BackupRefused(
            "version", f"Cette base est de la version {source.version}, que ce logiciel ne connaît pas",
            "installer la version du logiciel qui l'a faite, ou une plus récente",
        )  # fmt: skip
    from alembic import command

    command.upgrade(schema.alembic_config(connection), source.version)
    shapes = shapes_of(connection)
    if {shape.name: set(shape.columns) for shape in shapes} != {n: set(c) for n, c in source.columns.items()}:
        raise BackupRefused(
            "version",
            "Les tables ne sont pas celles de leur version",
            "prendre celle que nul n'a modifiée à la main",
        )
    written = 0
    with guards_away(connection, shapes):
        empty(connection, shapes)
        for shape in shapes:
            written += fill_table(connection, shape, source.columns[shape.name], source.rows(shape.name))
        set_last_numbers(connection, shapes, source.numbers)
    return written


def move_database(source: Database, target: URL, hasher: JournalHasher, now: datetime) -> MoveResult:
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
            chain.check_key(old, hasher)
            _refuse_while_at_work(old, now)
            if not is_empty(connection):
                raise BackupRefused("not_empty", "La base PostgreSQL n'est pas vide", "en donner une sans aucune table")
            content = DatabaseSource.of(old)
            rows = load_database(connection, content)
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
    """Refuse while the service runs: whatever it would still write in the file would be lost."""
    recent = select(NODE.c.host).where(NODE.c.seen_at > now - OTHER_MACHINE, NODE.c.seen_at <= now + OTHER_MACHINE)
    if connection.execute(recent).first():
        raise BackupRefused(
            "at_work", "Le service est en marche, ou vient de l'être",
            "l'arrêter (systemctl stop oda), attendre deux minutes, puis recommencer",
        )  # fmt: skip


def _count(connection: Connection, shape: TableShape) -> int:
    return int(connection.execute(select(func.count()).select_from(shape.clause)).scalar_one())


def restore_backup(
    folder: Path, url: URL, hasher: JournalHasher, now: datetime, finish: Callable[[Database], None]
) -> RestoreResult:
    """Restore a backup into a place where there is nothing; ``finish`` does the rest on the new database.

    A kill leaves the place empty on SQLite, where the file takes its name last. On PostgreSQL all is one transaction,
    and ``finish``, which comes after it, is to be done again by whoever releases. Raises BackupRefused,
    OtherInstallation, DatabaseUnreachable, OSError.
    """
    manifest = read_verified(folder)
    if manifest.key_check != hasher.key_check():
        raise chain.OtherInstallation
    if url.get_backend_name() == "postgresql":
        database = Database(url)
        try:
            flaws = _fill(database, folder, manifest, hasher, now)
            crash_point("restore.committed")
            finish(database)
        finally:
            database.dispose()
    else:
        with _new_file(Path(url.database or "")) as aside:
            if manifest.database == "sqlite":
                copy_private(folder / DATABASE_FILE, aside)
            else:
                make_private(aside)
            database = Database(url.set(database=str(aside)))
            try:
                flaws = _fill(database, folder, manifest, hasher, now)
                finish(database)
            finally:
                database.dispose()
    return RestoreResult(manifest=manifest, flaws=flaws)


@contextmanager
def _new_file(final: Path) -> Iterator[Path]:
    """Give a file to fill, which takes the place of the final one in one stroke; gone if it is not filled."""
    for name in (final.name, f"{final.name}-wal"):
        path = final.with_name(name)
        if path.exists() and path.stat().st_size:
            raise BackupRefused("not_empty", f"{path} existe déjà", "le ranger ailleurs, puis recommencer")
    aside = final.with_name(f".{final.name}.restoring")
    _remove(aside)
    try:
        yield aside
        sync_file(aside)
        crash_point("restore.before_rename")
        os.replace(aside, final)
        sync_folder(final.parent)
    except BaseException:
        _remove(aside)
        raise


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _fill(
    database: Database, folder: Path, manifest: Manifest, hasher: JournalHasher, now: datetime
) -> tuple[str, ...]:
    with database.write() as connection, unbounded(database, connection):
        if database.is_postgresql or manifest.database != "sqlite":
            if not is_empty(connection):
                raise BackupRefused(
                    "not_empty", "La base de destination n'est pas vide",
                    "donner une base vide (database.url), ou vider celle-ci",
                )  # fmt: skip
            with open_source(folder, manifest) as source:
                load_database(connection, source)
        ends = chain_ends(connection)
        if (ends.digest, ends.events) != (manifest.ends, manifest.events):
            raise BackupRefused("damaged", "Le journal n'est pas celui qui a été sauvegardé", "en prendre une autre")
        schema.bring_up_to_date(connection)
        flaws = tuple(str(flaw) for flaw in islice(Verifier(connection, hasher).flaws(), MOST_FLAWS))
        chain.commit_to_actors(connection, hasher, now)
        _settle(connection, hasher, manifest, now)
        crash_point("restore.before_commit")
    return flaws


def _settle(connection: Connection, hasher: JournalHasher, manifest: Manifest, now: datetime) -> None:
    """End every access that the backup holds, for it may have been ended since; hold all that would leave."""
    connection.execute(update(LINKS).values(expires_at=now))
    connection.execute(update(SESSIONS).where(SESSIONS.c.ended_at.is_(None)).values(ended_at=now))
    connection.execute(update(TOKENS).where(TOKENS.c.revoked_at.is_(None)).values(revoked_at=now))
    connection.execute(delete(KEPT_FORMS))
    connection.execute(delete(STAGED_IMPORTS))
    of_links = MAILS.c.kind.in_([kind.value for kind in LINK_KINDS])
    connection.execute(update(MAILS).where(of_links, MAILS.c.stage.in_(_WAITING)).values(_GIVEN_UP))
    connection.execute(delete(OCCURRENCE).where(OCCURRENCE.c.key.like("erasure:%")))  # what is due goes again
    connection.execute(delete(RESTORATION))
    connection.execute(insert(RESTORATION).values(id=1, backup_at=manifest.at, restored_at=now))
    schedule = chain.schedule_actor_in(connection)
    data: dict[str, Scalar] = {
        "events": manifest.events,
        "backup_at": manifest.made_at,
        "skipped": _skip_references(connection, manifest.at, now),
    }
    chain.record(connection, hasher, "restored", schedule, now, data)


def _skip_references(connection: Connection, made_at: datetime, now: datetime) -> str:
    """Leave out the references that may have been given since the backup, and return them, as their first and last.

    Mails and papers bear them: nobody else is to be given one of them.
    """
    given = {row.school_year: row.last for row in connection.execute(select(COUNTER))}
    skipped = []
    for year in map(SchoolYear, range(made_at.year - 1, min(now.year, made_at.year + 1) + 1)):
        last = given.get(str(year), 0)
        values = {"school_year": str(year), "last": last + SKIPPED}
        connection.execute(upsert(connection, COUNTER, values, ["school_year"]))
        skipped.append(f"{reference_of(year, last + 1)} {reference_of(year, last + SKIPPED)}")
    return ", ".join(skipped)


def release_restoration(
    database: Database, hasher: JournalHasher, actor: Actor, now: datetime, discard: Sequence[int] | None, *,
    discard_webhooks: bool = False,
) -> Released:  # fmt: skip
    """Let all leave again, but the waiting mails of these numbers, None for all; return what will never leave.

    ``discard_webhooks``: nor what other systems would be told. Raises NotAllowed, BackupRefused when nothing is held or
    a number is not that of a waiting mail.
    """
    require_operator(actor, "laisser partir ce qu'une restauration retient")
    with database.write() as connection:
        chain.lock(connection)
        if not connection.execute(delete(RESTORATION)).rowcount:
            raise BackupRefused("not_held", "Aucune restauration ne retient les envois", "il n'y a rien à faire")
        among = MAILS.c.id.in_(discard) if discard is not None else true()
        chosen = update(MAILS).where(MAILS.c.stage.in_(_WAITING), among)
        given_up = connection.execute(chosen.values(_GIVEN_UP)).rowcount
        if discard is not None and given_up != len(set(discard)):
            raise BackupRefused(
                "unknown_mail", "Un de ces numéros n'est pas celui d'un courriel qui attend",
                "relire « oda mail list --stage pending --stage retry »",
            )  # fmt: skip
        deliveries = 0
        if discard_webhooks:
            ended = {"stage": DeliveryStage.DISCARDED.value, "next_at": None, "leased_until": None, "ended_at": now}
            waits = DELIVERY.c.stage == DeliveryStage.WAITING.value
            deliveries = connection.execute(update(DELIVERY).where(waits).values(ended)).rowcount
        data: dict[str, Scalar] = {"mails": given_up, "deliveries": deliveries}
        chain.record(connection, hasher, "restore_released", actor, now, data)
    return Released(mails=given_up, deliveries=deliveries)
