"""``oda backup``: a verified copy of the database and of the settings, while the service runs (R116)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode, writing
from portal.cli.failures import failure_for
from portal.cli.output import echo_object, json_object_option, printable, say
from portal.cli.parameters import FilePath
from states import french

if TYPE_CHECKING:
    from workflow.backup.maker import BackupResult, OtherFile
    from workflow.database.connection import Database
    from workflow.settings.model import Settings

KEYS_APART = (
    ("journal-key", "sans elle, la sauvegarde ne se restaure pas"),
    ("seal-key", "sans elle, les codes qui attendent sont à réémettre, et les seconds facteurs à réinscrire"),
    ("seal-signing-key", "sans elle, la suite des sceaux du journal est rompue"),
    ("erasures.txt", "sans lui, les personnes effacées depuis la sauvegarde y reviennent"),
)
"""The files that no backup contains, and what is lost without each."""


@failure_for("workflow.backup.refusals.BackupRefused")
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
    from workflow.backup.maker import make_backup
    from workflow.database.clock import clock_for

    # What is wrong with a template or a key, or a version that is behind, keeps nobody from saving the data.
    with _opened(settings) as database:
        with database.read() as connection:
            clock = clock_for(database, connection, SystemClock())
        with writing(place, remedy):
            done = make_backup(database, clock, place, _other_files(settings), keep)
    if as_json:
        _echo(done)
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
    from workflow.backup.maker import OtherFile

    if settings.source:
        yield OtherFile(path=settings.source, name="config.yaml")
    if settings.templates_folder:
        from notifications.rendering.environment import TemplateLoader

        templates = TemplateLoader(settings.templates_folder)
        for name in templates.overridden():
            yield OtherFile(path=templates.path_of(name), name=f"templates/{name}")


def _echo(done: "BackupResult") -> None:
    manifest = done.manifest
    echo_object({
        "folder": str(done.folder), "made_at": manifest.at, "database": manifest.database,
        "version": manifest.version, "chains": manifest.chains, "events": manifest.events, "bytes": done.size,
        "journal_holds": manifest.is_whole, "recorded": done.is_recorded, "removed": list(done.removed),
        "to_save_apart": [name for name, _ in KEYS_APART],
    })  # fmt: skip


def _tell(done: "BackupResult", secrets: Path) -> None:
    counted = f"{french.plural(done.manifest.events, 'événement')}, {french.number(-(-done.size // 1024))} Kio"
    click.echo(printable(f"Sauvegarde faite et vérifiée : {done.folder} ({counted})."))
    if done.removed:
        ended = french.plural(len(done.removed), "ancienne sauvegarde retirée", "anciennes sauvegardes retirées")
        click.echo(printable(f"{ended} : {', '.join(done.removed)}."))
    click.echo(printable(f"Elle ne contient aucune clé. À sauvegarder à part, ailleurs, le dossier {secrets} :"))
    for name, loss in KEYS_APART:
        click.echo(printable(f"  — {name} : {loss} ;" if name != KEYS_APART[-1][0] else f"  — {name} : {loss}."))
