"""The schema's versions: brought up to date by ``oda database upgrade``, checked at every start."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from notifications.outbox.tables import MAILS
from workflow.database.connection import Database
from workflow.database.tables import REQUEST, SESSIONS


class SchemaBehind(Exception):
    """La base n'est pas à la version de ce logiciel : lancer « oda database upgrade »."""


class SchemaAhead(Exception):
    """La base est d'une version plus récente que ce logiciel : installer la version à jour."""


class ForeignDatabase(Exception):
    """La base a déjà des tables, sans numéro de version : elle n'est pas à ce logiciel, ou elle est abîmée. Donner une
    base vide (database.url), ou restaurer une sauvegarde."""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations").replace("%", "%%"))
    config.attributes |= {"connection": connection, "metadata": MAILS.metadata}
    return config


def newest() -> str:
    """The version that this software wants."""
    location = str(Path(__file__).parents[1] / "migrations")
    return ScriptDirectory(location).get_current_head() or ""


def version(connection: Connection) -> str | None:
    """The database's version; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the database up to date, in one transaction. Returns the version before and after.

    Raises SchemaAhead, and ForeignDatabase for tables without a version.
    """
    with database.write() as connection:
        before = version(connection)
        if before is not None and before not in _known():
            raise SchemaAhead
        if before is None and _has_tables(connection):
            raise ForeignDatabase
        command.upgrade(_config(connection), "head")
    return before, newest()


def require_current(connection: Connection) -> None:
    """Raises SchemaBehind or SchemaAhead unless the database is at this software's version."""
    current = version(connection)
    if current == newest():
        return
    raise SchemaBehind if current is None or current in _known() else SchemaAhead


def _has_tables(connection: Connection) -> bool:
    """Whether a table bears one of our names."""
    ours = MAILS.metadata.tables.keys() | {REQUEST.name, SESSIONS.name}
    return not ours.isdisjoint(inspect(connection).get_table_names())


def _known() -> set[str]:
    location = str(Path(__file__).parents[1] / "migrations")
    return {script.revision for script in ScriptDirectory(location).walk_revisions()}
