"""``oda database``: the version of the database, and how to bring it up to date."""

import os
from typing import TYPE_CHECKING

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, database_of, make_private, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import printable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from workflow.database.connection import Database


@click.group("database", cls=CommandGroup, help="La base de données : mise à niveau, version.")
def database() -> None:
    pass


@database.command(
    "upgrade",
    help="Met la base à la version de ce logiciel, en une fois : tout ou rien. Une base vide est préparée. Faire une"
    " sauvegarde avant.",
)
@pass_cli_context
def upgrade(context: CliContext) -> None:
    from workflow.journal.chain import JournalHasher
    from workflow.settings.secrets import Secrets

    settings = context.settings()
    hasher = JournalHasher(
        Secrets(settings.secrets_directory, os.environ).read("journal-key").get_secret_value().encode()
    )
    if file := settings.database.sqlite_file(settings.folder):
        make_private(file)
    with database_of(settings) as opened:
        from notifications.ports import SystemClock
        from workflow.app import install
        from workflow.journal import installation

        held = _held(opened)
        before, after = install(opened, hasher, SystemClock())
        with opened.read() as connection:
            installation.check_key(connection, hasher)
        for line in (*_versions(before, after), f"{'Avant' if before else 'Elle contient'} : {held or _held(opened)}."):
            click.echo(printable(line))
        if before:
            click.echo(printable(f"Après : {_held(opened)}."))


def _versions(before: str | None, after: str) -> list[str]:
    if before == after:
        return [f"La base était déjà à la version {after} : rien n'a changé."]
    return [f"Base mise à niveau : version {before or 'aucune (base vide)'} → {after}."]


@database.command("status", help="Dit la version de la base et ce qu'il y a à faire ; sort en 0 si elle est à jour.")
@pass_cli_context
def status(context: CliContext) -> None:

    settings = context.settings()
    file = settings.database.sqlite_file(settings.folder)
    click.echo(printable(f"Base de données : {settings.database_url}"))
    if file and not file.exists():
        raise _not_current("Ce fichier n'existe pas encore.", "« oda init DOSSIER » ou « oda database upgrade »")
    with database_of(settings) as opened, opened.read() as connection:
        from workflow.database import schema

        current, wanted = schema.version(connection), schema.newest()
        click.echo(f"Version : {current or 'aucune'} ; ce logiciel veut la {wanted}.")
        try:
            schema.require_current(connection)
        except schema.SchemaAhead:
            raise _not_current("La base est d'une version plus récente que ce logiciel.",
                               "installer la version à jour du logiciel") from None  # fmt: skip
        except schema.SchemaBehind:
            what = "La base est vide." if current is None else "La base n'est pas à la version de ce logiciel."
            raise _not_current(what, "« oda database upgrade », après une sauvegarde") from None
        if not _is_founded(connection):
            raise _not_current("La base n'est pas fondée.", "« oda database upgrade »")
        click.echo(f"Elle contient : {_count(connection)}.")
    click.echo("La base est à jour.")


def _not_current(message: str, remedy: str) -> CliFailure:
    return CliFailure(message, ExitCode.REFUSED, [f"Que faire : {remedy}."])


def _is_founded(connection: "Connection") -> bool:
    from workflow.database.tables import INSTALLED

    return connection.execute(INSTALLED.select()).first() is not None


def _held(opened: "Database") -> str:
    """What the database holds, in French; empty for a database without a version."""

    with opened.read() as connection:
        from workflow.database import schema

        return _count(connection) if schema.version(connection) else ""


def _count(connection: "Connection") -> str:
    from sqlalchemy import func, select

    from states.french import plural
    from workflow.database.tables import REQUEST
    from workflow.journal.verification import count_events

    requests = connection.execute(select(func.count()).select_from(REQUEST)).scalar_one()
    return f"{plural(count_events(connection), 'événement')} et {plural(requests, 'demande')}"
