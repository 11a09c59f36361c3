"""The schema's versions: upgraded by ``oda database upgrade``, checked at every start."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, literal_column, select, table

from notifications.outbox.store import MAILS
from workflow.database.access_tables import BINDING, FACTOR, SESSIONS, SUBSTITUTION
from workflow.database.connection import Database, unbounded
from workflow.database.file_tables import ACTIVATION, BATCH, EVIDENCE_IMPORT, STAGED_IMPORTS, TRANSMISSION
from workflow.database.journal_tables import FIGURE_PROGRESS, JOURNAL_SEAL, SECURITY_ADDRESSES
from workflow.database.schedule_tables import DELIVERY, RESTORATION
from workflow.database.tables import CLAIM, REQUEST

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parents[1] / "migrations"


class SchemaBehind(Exception):
    """La base n'est pas à la version de ce logiciel : lancer « oda database upgrade »."""


class SchemaAhead(Exception):
    """La base est d'une version plus récente que ce logiciel : installer la version à jour."""


class ForeignDatabase(Exception):
    """La base a déjà des tables, sans numéro de version : elle n'est pas à ce logiciel, ou elle est abîmée. Donner une
    base vide (database.url), ou restaurer une sauvegarde."""


@cache
def revisions() -> tuple[str, ...]:
    """Return every version that this software knows, the newest last: by file names, because alembic is slow."""
    return tuple(sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py")))


def newest() -> str:
    """Return the version that this software needs."""
    return revisions()[-1]


def version(connection: Connection) -> str | None:
    """Return the database's version; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(literal_column("version_num")).select_from(table("alembic_version")))


def alembic_config(connection: Connection) -> "Config":
    """Tell alembic where the versions are, and which database to upgrade."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes |= {"connection": connection, "metadata": MAILS.metadata}
    return config


def upgrade(database: Database) -> tuple[str | None, str]:
    """Upgrade the database in one transaction; return the versions before and after.

    Raises SchemaAhead, and ForeignDatabase for tables without a version.
    """
    with database.write() as connection:
        before = version(connection)
        if before == newest():
            return before, before
        if before is not None and before not in revisions():
            raise SchemaAhead
        ours = MAILS.metadata.tables.keys() | {
            REQUEST.name, SESSIONS.name, BATCH.name, EVIDENCE_IMPORT.name, FIGURE_PROGRESS.name,
            JOURNAL_SEAL.name, STAGED_IMPORTS.name, CLAIM.name, RESTORATION.name,
            FACTOR.name, SUBSTITUTION.name, TRANSMISSION.name, ACTIVATION.name, DELIVERY.name,
            BINDING.name, SECURITY_ADDRESSES.name,
        }  # fmt: skip
        if before is None and not ours.isdisjoint(inspect(connection).get_table_names()):
            raise ForeignDatabase
        with unbounded(database, connection):
            bring_up_to_date(connection)
    return before, newest()


def bring_up_to_date(connection: Connection) -> None:
    """Upgrade the database in the caller's transaction."""
    if version(connection) != newest():
        from alembic import command  # slow, and of no use to a database that is already there

        command.upgrade(alembic_config(connection), "head")


def require_current(connection: Connection) -> None:
    """Raise SchemaBehind or SchemaAhead unless the database is at this software's version."""
    current = version(connection)
    if current == newest():
        return
    raise SchemaBehind if current is None or current in revisions() else SchemaAhead
