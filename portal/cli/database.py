"""``oda database``, ``backup``, ``restore``: the database upgraded, moved, saved while in service, restored (R116)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifications.vocabulary import Stage
from portal.cli.context import (
    ROW_NUMBER,
    CliContext,
    FilePath,
    create_database_file,
    database_of,
    opened,
    pass_cli_context,
)
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, failure_for, writing
from portal.cli.output import ask_confirmation, echo_object, json_object_option, printable, say
from states import french

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from workflow.backup.archive import BackupResult, OtherFile
    from workflow.database.connection import Database
    from workflow.settings.model import Settings

KEYS_APART = (
    ("journal-key", "sans elle, la sauvegarde ne se restaure pas"),
    ("seal-key", "sans elle, les codes qui attendent sont à réémettre, et les seconds facteurs à réinscrire"),
    ("seal-signing-key", "sans elle, la suite des sceaux du journal est rompue"),
    ("erasures.txt", "sans lui, les personnes effacées depuis la sauvegarde y reviennent"),
)
"""The files that no backup contains, and what is lost without each."""


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
        from workflow.journal import chain

        contents = _contents(database)
        before, after = install(database, hasher, SystemClock())
        with database.read() as connection:
            chain.check_key(connection, hasher)
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
def move_to_postgresql(context: CliContext, url: str) -> None:
    settings = context.settings()
    from pydantic import ValidationError

    from notifications.ports import SystemClock
    from workflow.app import open_database
    from workflow.backup.restore import move_database
    from workflow.journal.chain import JournalHasher
    from workflow.settings.infrastructure import DatabaseSettings, connection_url
    from workflow.settings.secrets import JOURNAL_KEY, Secrets

    try:
        target_settings = DatabaseSettings(url=url)
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None
    secrets = Secrets(settings.secrets_directory, os.environ)
    hasher = JournalHasher(secrets.read(JOURNAL_KEY).get_secret_value().encode())
    target = connection_url(target_settings.resolved(settings.folder), secrets.find("database-password"))
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


@database.command("status", help="Dit la version de la base et ce qu'il y a à faire ; sort en 0 si elle est à jour.")
@pass_cli_context
def status(context: CliContext) -> None:
    settings = context.settings()
    file = settings.database.sqlite_file(settings.folder)
    click.echo(printable(f"Base de données : {settings.database_url}"))
    if file and not file.exists():
        raise _not_current("Ce fichier n'existe pas encore.", "« oda init DOSSIER » ou « oda database upgrade »")
    with database_of(settings) as database, database.read() as connection:
        from sqlalchemy import func, select

        from states.transitions import definition_fingerprint
        from workflow.database import schema
        from workflow.database.journal_tables import INSTALLED
        from workflow.database.tables import REQUEST
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
        counted = select(REQUEST.c.written_by, func.count()).group_by(REQUEST.c.written_by)  # (R117)
        rows = connection.execute(counted.order_by(REQUEST.c.written_by))
        if writers := " ; ".join(f"{version or 'avant 0.2.0'}, {count}" for version, count in rows):
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

    from workflow.database.tables import REQUEST
    from workflow.journal.verification import count_events

    requests = connection.execute(select(func.count()).select_from(REQUEST)).scalar_one()
    return f"{french.plural(count_events(connection), 'événement')} et {french.plural(requests, 'demande')}"


@failure_for("workflow.backup.rows.BackupRefused")
def refuse_with_remedy(error: Exception) -> CliFailure:
    """Say a refusal of a backup, a restoration or a move, with what to do."""
    remedy = f"Que faire : {getattr(error, 'remedy', '')}."
    return CliFailure(f"{getattr(error, 'message', error)}.", ExitCode.REFUSED, [remedy])


@click.command(
    "backup",
    help="Sauvegarde la base et les réglages dans un dossier, sans rien arrêter : la copie est vérifiée, et porte le"
    " nom de son instant. Aucune clé n'y est : le dossier des secrets se sauvegarde à part (R116).",
)
@click.argument("place", metavar="DOSSIER", type=FilePath(file_okay=False, path_type=Path), help="Où la mettre.")
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Ne garde dans ce dossier que les N dernières.")
@json_object_option
@pass_cli_context
def backup(context: CliContext, place: Path, keep: int | None, as_json: bool) -> None:
    place = place.expanduser().absolute()
    remedy = "y faire de la place, ou choisir un dossier où ce compte écrit"
    settings = context.settings()
    from notifications.ports import SystemClock
    from workflow.backup.archive import make_backup
    from workflow.database.clock import clock_for

    # What is wrong with a template or a key, or a version that is behind, keeps nobody from saving the data.
    with _opened(settings) as database:
        with database.read() as connection:
            clock = clock_for(database, connection, SystemClock())
        with writing(place, remedy):
            done = make_backup(database, clock, place, _other_files(settings), keep)
    if as_json:
        manifest = done.manifest
        echo_object({
            "folder": str(done.folder), "made_at": manifest.at, "database": manifest.database,
            "version": manifest.version, "chains": manifest.chains, "events": manifest.events, "bytes": done.size,
            "journal_holds": manifest.is_whole, "recorded": done.is_recorded, "removed": list(done.removed),
            "to_save_apart": [name for name, _ in KEYS_APART],
        })  # fmt: skip
    else:
        _tell(done, settings.secrets_directory)
    if not done.is_recorded and done.manifest.is_whole:
        say(["Attention : la base n'a pas pu noter la date de cette sauvegarde, qui est bonne."])
    if not done.manifest.is_whole:
        message = "Le journal de cette base ne tient pas : la sauvegarde est faite, et n'en remplace aucune autre."
        raise CliFailure(message, ExitCode.REFUSED, ["Que faire : lancer « oda journal verify », qui dit où."])


@contextmanager
def _opened(settings: "Settings") -> Iterator["Database"]:
    """The database, whatever its version. Raises FileMissing, SharedFile, SecretRefused."""
    from workflow.app import open_database

    database = open_database(settings, os.environ)
    try:
        yield database
    finally:
        database.dispose()


def _other_files(settings: "Settings") -> Iterator["OtherFile"]:
    """The settings' file, and the académie's own templates."""
    from workflow.backup.archive import OtherFile

    if settings.source:
        yield OtherFile(path=settings.source, name="config.yaml")
    if settings.templates_folder:
        from notifications.rendering.environment import TemplateLoader

        templates = TemplateLoader(settings.templates_folder)
        for name in templates.overridden():
            yield OtherFile(path=templates.path_of(name), name=f"templates/{name}")


def _tell(done: "BackupResult", secrets: Path) -> None:
    counted = f"{french.plural(done.manifest.events, 'événement')}, {french.number(-(-done.size // 1024))} Kio"
    click.echo(printable(f"Sauvegarde faite et vérifiée : {done.folder} ({counted})."))
    if done.removed:
        ended = french.plural(len(done.removed), "ancienne sauvegarde retirée", "anciennes sauvegardes retirées")
        click.echo(printable(f"{ended} : {', '.join(done.removed)}."))
    click.echo(printable(f"Elle ne contient aucune clé. À sauvegarder à part, ailleurs, le dossier {secrets} :"))
    for name, loss in KEYS_APART:
        click.echo(printable(f"  — {name} : {loss} ;" if name != KEYS_APART[-1][0] else f"  — {name} : {loss}."))


class RestoreGroup(CommandGroup):
    """``oda restore DOSSIER`` is ``oda restore from DOSSIER``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["from", *args]
        return super().parse_args(ctx, args)


@click.group(
    "restore",
    cls=RestoreGroup,
    subcommand_metavar="DOSSIER | COMMANDE [ARGUMENTS]...",
    help="Restaure une sauvegarde dans une base vide : oda restore DOSSIER. Rien n'en part de soi-même, tant que"
    " « oda restore release » ne le dit pas (R116).",
)
def restore() -> None:
    pass


@restore.command(
    "from",
    help="Restaure une sauvegarde dans la base des réglages, qui doit être vide (aucun fichier, ou une base PostgreSQL"
    " sans table). Les connexions, liens et jetons qu'elle contient ne valent plus ; qui a été effacé depuis l'est de"
    " nouveau.",
)
@click.argument(
    "folder", metavar="DOSSIER", type=FilePath(exists=True, file_okay=False, path_type=Path),
    help="Une sauvegarde, par exemple /var/backups/oda/oda-2026-11-30T01-15-00Z.",
)  # fmt: skip
@pass_cli_context
def from_(context: CliContext, folder: Path) -> None:
    settings = context.settings()
    from notifications.ports import SystemClock
    from workflow.app import bootstrap, open_database
    from workflow.backup.restore import restore_backup
    from workflow.journal import chain
    from workflow.journal.chain import JournalHasher
    from workflow.settings.secrets import JOURNAL_KEY, Secrets

    key = Secrets(settings.secrets_directory, os.environ).read(JOURNAL_KEY).get_secret_value()
    erased = 0

    def erase_again(restored: "Database") -> None:
        """Erase whom the backup has brought back."""
        nonlocal erased
        app = bootstrap(settings, os.environ, database=restored, lazy=True)
        erased = sum(app.retention.erase_again(chain.schedule_actor(restored)).data.values())

    database = open_database(settings, os.environ, must_exist=False)
    database.dispose()
    remedy = "vérifier le réglage database.url, la place du disque et les droits de ce compte"
    with writing(settings.database.sqlite_file(settings.folder) or folder, remedy):
        done = restore_backup(folder, database.url, JournalHasher(key.encode()), SystemClock().now(), erase_again)
    day = french.instant(done.manifest.at, settings.zoneinfo)
    for line in (
        f"Sauvegarde du {day} restaurée : {french.plural(done.manifest.events, 'événement')}, les sommes vérifiées.",
        *([f"Effacé de nouveau : {french.plural(erased, 'donnée')} de qui l'avait demandé."] if erased else []),
        "Les connexions, les liens et les jetons d'alors ne valent plus : refaire les jetons (oda token create).",
        "Les références données depuis la sauvegarde ne le seront pas une seconde fois.",
        "Rien ne part de soi-même. Ensuite :",
        "  1. Lire ce qui partirait : oda mail list --stage pending --stage retry",
        "  2. Comparer avec les courriels déjà partis depuis, et les demandes que la sauvegarde ne connaît pas",
        "  3. Laisser partir : oda restore release (ou, pour ceux à ne pas envoyer : --discard N, --discard-all)",
        "     Des webhooks sont réglés ? « oda webhook deliveries » dit ce qui attend ; --discard-webhooks l'écarte",
    ):
        click.echo(printable(line))
    if done.flaws:
        details = [*done.flaws, "Que faire : « oda journal verify » dit tout ; voir si une autre sauvegarde tient."]
        raise CliFailure("Le journal de cette sauvegarde ne tient pas.", ExitCode.REFUSED, details)


@restore.command(
    "release",
    help="Laisse repartir les courriels, l'échéancier et le connecteur après une restauration. Réservé aux opérateurs.",
)
@click.option(
    "--discard", "discarded", type=ROW_NUMBER, multiple=True, metavar="N", help="Écarte d'abord le courriel n° N."
)
@click.option("--discard-all", is_flag=True, help="Écarte d'abord tous les courriels qui attendent.")
@click.option(
    "--discard-webhooks", is_flag=True, help="Écarte d'abord tous les messages qui attendent pour d'autres logiciels."
)
@click.option("--yes", is_flag=True, help="Ne pose pas la question.")
@pass_cli_context
def release_restored(
    context: CliContext, discarded: tuple[int, ...], discard_all: bool, discard_webhooks: bool, yes: bool
) -> None:
    if discarded and discard_all:
        raise click.UsageError("Donner --discard N, ou bien --discard-all.")
    with opened(context) as (app, actor):
        from workflow.backup.restore import release_restoration
        from workflow.database.schedule_tables import is_held
        from workflow.journal import chain
        from workflow.mail import count_unsent_mails
        from workflow.webhooks.queue import count_waiting

        with app.database.read() as connection:
            held, counts = is_held(connection), count_unsent_mails(connection)
            told = 0 if discard_webhooks else count_waiting(connection)
        waiting = counts.get(Stage.PENDING, 0) + counts.get(Stage.RETRY, 0)
        leaving = 0 if discard_all else waiting - len(set(discarded))
        if held and not yes:
            will = french.plural(leaving, "courriel partira", "courriels partiront")
            also = f"{french.plural(told, 'message partira', 'messages partiront')} vers d'autres logiciels"
            will += f", {also}" if told else ""
            say([f"{will}, et l'échéancier fera ce que la date demande (rappels, fins d'année)."])
            if not ask_confirmation("Laisser repartir ?", "--yes"):
                raise CliFailure("Rien n'a changé.", ExitCode.REFUSED)
        app.retention.erase_again(chain.schedule_actor(app.database))
        chosen = None if discard_all else discarded
        given_up = release_restoration(
            app.database, app.hasher, actor, app.clock.now(), chosen, discard_webhooks=discard_webhooks
        )
    if given_up.mails:
        click.echo(printable(f"{french.plural(given_up.mails, 'courriel écarté', 'courriels écartés')}."))
    if given_up.deliveries:
        click.echo(printable(f"{french.plural(given_up.deliveries, 'message écarté', 'messages écartés')}."))
    click.echo("Tout repart au prochain passage.")
