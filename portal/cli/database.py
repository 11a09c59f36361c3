"""``oda database``: upgrade the database, show its version and contents, move it to PostgreSQL."""

import os
from typing import TYPE_CHECKING

import click

from portal.cli.backup import refuse_with_remedy as refuse_with_remedy
from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, create_database_file, database_of, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import printable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from workflow.database.connection import Database
    from workflow.settings.infrastructure import DatabaseSettings


@click.group("database", cls=CommandGroup, help="La base de données : mise à niveau, version, passage à PostgreSQL.")
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
        create_database_file(file)
    with database_of(settings) as database:
        from notifications.ports import SystemClock
        from workflow.app import install
        from workflow.journal import installation

        contents = _contents(database)
        before, after = install(database, hasher, SystemClock())
        with database.read() as connection:
            installation.check_key(connection, hasher)
        if before == after:
            click.echo(printable(f"La base était déjà à la version {after} : rien n'a changé."))
        else:
            click.echo(printable(f"Base mise à niveau : version {before or 'aucune (base vide)'} → {after}."))
        heading = "Avant" if before else "Elle contient"
        click.echo(printable(f"{heading} : {contents or _contents(database)}."))
        if before:
            click.echo(printable(f"Après : {_contents(database)}."))


@database.command(
    "move",
    help="Copie la base, d'un fichier SQLite vers une base PostgreSQL vide, le service arrêté : tout ou rien. Le"
    " fichier n'est pas touché ; ce qu'il y a à changer dans les réglages est dit à la fin (R116).",
)
@click.argument("url", metavar="ADRESSE", help="Par exemple postgresql://oda@serveur/oda, sans mot de passe.")
@pass_cli_context
def move(context: CliContext, url: str) -> None:
    settings = context.settings()
    from notifications.ports import SystemClock
    from states import french
    from workflow.app import open_database
    from workflow.backup.mover import move as move_database
    from workflow.journal.chain import JournalHasher
    from workflow.settings.infrastructure import connection_url
    from workflow.settings.secrets import JOURNAL_KEY, Secrets

    secrets = Secrets(settings.secrets_directory, os.environ)
    hasher = JournalHasher(secrets.read(JOURNAL_KEY).get_secret_value().encode())
    target = connection_url(_target(url).resolved(settings.folder), secrets.find("database-password"))
    source = open_database(settings, os.environ)
    try:
        done = move_database(source, target, hasher, SystemClock().now())
    finally:
        source.dispose()
    counted = (
        f"{french.plural(done.rows, 'ligne')} de {french.plural(done.tables, 'table')},"
        f" {french.plural(done.events, 'événement')}"
    )
    for line in (
        f"Base copiée : {counted}. Le journal finit de même dans les deux (chaînes : {french.number(done.chains)}).",
        f"Le fichier {settings.database.sqlite_file(settings.folder)} n'a pas été touché. Ensuite :",
        f'  1. Dans {settings.source}, mettre : database: {{ url: "{url}" }}',
        "  2. Vérifier : oda check-config --connect, puis oda database status et oda journal verify",
        "  3. Ranger le fichier ailleurs, pour que rien ne le serve plus : il enverrait les mêmes courriels",
        "  4. Relancer le service",
    ):
        click.echo(printable(line))


def _target(url: str) -> "DatabaseSettings":
    """The address as the settings would take it. Raises UsageError."""
    from pydantic import ValidationError

    from workflow.settings.infrastructure import DatabaseSettings

    try:
        return DatabaseSettings(url=url)
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None


@database.command("status", help="Dit la version de la base et ce qu'il y a à faire ; sort en 0 si elle est à jour.")
@pass_cli_context
def status(context: CliContext) -> None:
    settings = context.settings()
    file = settings.database.sqlite_file(settings.folder)
    click.echo(printable(f"Base de données : {settings.database_url}"))
    if file and not file.exists():
        raise _not_current("Ce fichier n'existe pas encore.", "« oda init DOSSIER » ou « oda database upgrade »")
    with database_of(settings) as database, database.read() as connection:
        from states.fingerprint import definition_fingerprint
        from workflow.database import schema
        from workflow.database.journal_tables import INSTALLED
        from workflow.engine.engine import VERSION

        click.echo(f"Logiciel : {VERSION} ; empreinte de la définition : {definition_fingerprint()}.")
        current = schema.version(connection)
        click.echo(f"Version : {current or 'aucune'} ; ce logiciel veut la {schema.newest()}.")
        try:
            schema.require_current(connection)
        except schema.SchemaAhead:
            raise _not_current("La base est d'une version plus récente que ce logiciel.",
                               "installer la version à jour du logiciel") from None  # fmt: skip
        except schema.SchemaBehind:
            problem = "La base est vide." if current is None else "La base n'est pas à la version de ce logiciel."
            raise _not_current(problem, "« oda database upgrade », après une sauvegarde") from None
        if connection.execute(INSTALLED.select()).first() is None:
            raise _not_current("La base n'est pas fondée.", "« oda database upgrade »")
        click.echo(f"Elle contient : {_count(connection)}.")
        if writers := _writers(connection):
            click.echo(f"Demandes, selon la version qui les a écrites en dernier : {writers}.")
    click.echo("La base est à jour.")


def _not_current(message: str, remedy: str) -> CliFailure:
    return CliFailure(message, ExitCode.REFUSED, [f"Que faire : {remedy}."])


def _contents(database: "Database") -> str:
    """Return the numbers of events and requests, in French; empty for a database without a version."""
    with database.read() as connection:
        from workflow.database import schema

        return _count(connection) if schema.version(connection) else ""


def _count(connection: "Connection") -> str:
    from sqlalchemy import func, select

    from states.french import plural
    from workflow.database.tables import REQUEST
    from workflow.journal.verification import count_events

    requests = connection.execute(select(func.count()).select_from(REQUEST)).scalar_one()
    return f"{plural(count_events(connection), 'événement')} et {plural(requests, 'demande')}"


def _writers(connection: "Connection") -> str:
    """Count the requests by the version that wrote each last (R117)."""
    from sqlalchemy import func, select

    from workflow.database.tables import REQUEST

    counted = select(REQUEST.c.written_by, func.count()).group_by(REQUEST.c.written_by).order_by(REQUEST.c.written_by)
    return " ; ".join(f"{version or 'avant 0.2.0'}, {count}" for version, count in connection.execute(counted))
