"""``oda restore``: a backup into an empty place; then, once a person has read what would leave, its release (R116)."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifications.vocabulary import Stage
from portal.cli.backup import refuse_with_remedy as refuse_with_remedy
from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode, writing
from portal.cli.output import ask_confirmation, printable, say
from portal.cli.parameters import ROW_NUMBER, FilePath
from states import french

if TYPE_CHECKING:
    from workflow.database.connection import Database
    from workflow.settings.model import Settings


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
    from workflow.app import open_database
    from workflow.backup.restorer import restore as restore_backup
    from workflow.journal.chain import JournalHasher
    from workflow.settings.secrets import JOURNAL_KEY, Secrets

    key = Secrets(settings.secrets_directory, os.environ).read(JOURNAL_KEY).get_secret_value()
    erased: list[int] = []
    database = open_database(settings, os.environ, must_exist=False)
    database.dispose()
    remedy = "vérifier le réglage database.url, la place du disque et les droits de ce compte"
    with writing(settings.database.sqlite_file(settings.folder) or folder, remedy):
        done = restore_backup(
            folder, database.url, JournalHasher(key.encode()), SystemClock().now(),
            lambda restored: erased.append(_erase_again(settings, restored)),
        )  # fmt: skip
    day = french.instant(done.manifest.at, settings.zoneinfo)
    for line in (
        f"Sauvegarde du {day} restaurée : {french.plural(done.manifest.events, 'événement')}, les sommes vérifiées.",
        *([f"Effacé de nouveau : {french.plural(erased[0], 'donnée')} de qui l'avait demandé."] if any(erased) else []),
        "Les connexions, les liens et les jetons d'alors ne valent plus : refaire les jetons (oda token create).",
        "Rien ne part de soi-même. Ensuite :",
        "  1. Lire ce qui partirait : oda mail list --stage pending --stage retry",
        "  2. Comparer avec les courriels déjà partis depuis, et les demandes que la sauvegarde ne connaît pas",
        "  3. Laisser partir : oda restore release (ou, pour ceux à ne pas envoyer : --discard N, --discard-all)",
    ):
        click.echo(printable(line))
    if done.flaws:
        details = [*done.flaws, "Que faire : « oda journal verify » dit tout ; voir si une autre sauvegarde tient."]
        raise CliFailure("Le journal de cette sauvegarde ne tient pas.", ExitCode.REFUSED, details)


def _erase_again(settings: "Settings", database: "Database") -> int:
    """Erase whom the backup has brought back; return how much went."""
    from workflow.app import bootstrap
    from workflow.journal import installation

    app = bootstrap(settings, os.environ, database=database, lazy=True)
    return sum(app.retention.erase_again(installation.schedule_actor(database)).data.values())


@restore.command(
    "release",
    help="Laisse repartir les courriels, l'échéancier et le connecteur après une restauration. Réservé aux opérateurs.",
)
@click.option(
    "--discard", "discarded", type=ROW_NUMBER, multiple=True, metavar="N", help="Écarte d'abord le courriel n° N."
)
@click.option("--discard-all", is_flag=True, help="Écarte d'abord tous les courriels qui attendent.")
@click.option("--yes", is_flag=True, help="Ne pose pas la question.")
@pass_cli_context
def release(context: CliContext, discarded: tuple[int, ...], discard_all: bool, yes: bool) -> None:
    if discarded and discard_all:
        raise click.UsageError("Donner --discard N, ou bien --discard-all.")
    with opened(context) as (app, actor):
        from workflow.backup.restorer import release as release_held
        from workflow.database.schedule_tables import is_held
        from workflow.journal import installation
        from workflow.mail.queries import count_unsent_mails

        with app.database.read() as connection:
            held, counts = is_held(connection), count_unsent_mails(connection)
        waiting = counts.get(Stage.PENDING, 0) + counts.get(Stage.RETRY, 0)
        leaving = 0 if discard_all else waiting - len(set(discarded))
        if held and not yes:
            will = french.plural(leaving, "courriel partira", "courriels partiront")
            say([f"{will}, et l'échéancier fera ce que la date demande (rappels, fins d'année)."])
            if not ask_confirmation("Laisser repartir ?", "--yes"):
                raise CliFailure("Rien n'a changé.", ExitCode.REFUSED)
        app.retention.erase_again(installation.schedule_actor(app.database))
        chosen = None if discard_all else discarded
        given_up = release_held(app.database, app.hasher, actor, app.clock.now(), chosen)
    if given_up:
        click.echo(printable(f"{french.plural(given_up, 'courriel écarté', 'courriels écartés')}."))
    click.echo("Tout repart au prochain passage.")
