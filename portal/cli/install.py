"""``oda init``: make an installation, or complete one; a piece that exists is never touched."""

import os
from collections.abc import Mapping
from pathlib import Path

import click

from portal.cli.context import create_database_file, database_of
from portal.cli.errors import CliFailure, ExitCode, writing
from portal.cli.output import printable, say
from portal.cli.parameters import FilePath
from workflow.app import install
from workflow.database import schema
from workflow.database.journal_tables import INSTALLED, JOURNAL_SEAL
from workflow.journal.chain import JournalHasher
from workflow.settings.loader import DEFAULT_NAME, load_settings
from workflow.settings.model import Settings
from workflow.settings.schema import SCHEMA_NAME, schema_text, starter_text
from workflow.settings.secrets import JOURNAL_KEY, SEAL_KEY, SIGNING_KEY, Secrets, generate

_ELSEWHERE = "y faire de la place, ou choisir un dossier où ce compte écrit"


@click.command(
    "init",
    help="Prépare une installation dans un dossier : réglages commentés, clés, base de données. Dans une installation"
    " commencée, complète ce qui manque et n'écrase rien.",
)
@click.argument("folder", metavar="DOSSIER", type=FilePath(file_okay=False, path_type=Path), help="Le dossier.")
def init(folder: Path) -> None:
    installer = Installer(folder.expanduser().absolute(), os.environ)
    pieces = installer.complete()
    if not pieces:
        message = f"{installer.folder} a déjà une installation complète : rien n'a été touché."
        remedy = f"Que faire : la vérifier avec « oda --config {installer.config} check-config »."
        raise CliFailure(message, ExitCode.REFUSED, [remedy])
    for warning in installer.warnings:
        say([f"Attention : {warning}"])
    config, command = installer.config, f"oda --config {installer.config}"
    for line in (
        f"Installation prête dans {installer.folder}. Fait :",
        *(f"  — {piece}" for piece in pieces),
        "",
        "Ensuite :",
        f"  1. Relire {config} (opérateurs, boîtes, relais de courriel, dates), puis : {command} check-config",
        f"  2. Importer l'annuaire : {command} --as operator:ADRESSE import establishments FICHIER.csv",
        f"  3. Lancer le service : {command} serve (le portail, les courriels et l'échéancier)",
    ):
        click.echo(printable(line))


class Installer:
    """Completes the installation of one folder. ``warnings`` are French sentences, filled by ``complete``."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.config = folder / DEFAULT_NAME
        self.warnings: list[str] = []
        self._environ = environ

    def complete(self) -> list[str]:
        """Make the missing pieces and return them in French; an empty list when the installation was complete.

        Raises CliFailure when the folder cannot be written or the key of an existing journal is lost, SettingsError,
        and the errors of ``database_of``.
        """
        from notifications.ports import SystemClock

        pieces = []
        with writing(self.folder, _ELSEWHERE):
            self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            if _write_if_missing(self.config, starter_text()):
                pieces.append(f"{self.config} : les réglages, commentés")
            if _write_if_missing(self.folder / SCHEMA_NAME, schema_text()):
                pieces.append(f"{self.folder / SCHEMA_NAME} : leur schéma, pour un éditeur de texte")
        settings = load_settings(self.config, self._environ)
        file = settings.database.sqlite_file(settings.folder)
        is_installed = (file is None or file.exists()) and self._is_installed(settings)
        pieces += self._missing_keys(settings, is_installed=is_installed)
        if not is_installed:
            if file:
                create_database_file(file)
            key = Secrets(settings.secrets_directory, self._environ).read(JOURNAL_KEY).get_secret_value()
            with database_of(settings) as database:
                _, version = install(database, JournalHasher(key.encode()), SystemClock())
            pieces.append(f"{settings.database_url} : la base de données, version {version}")
        return pieces

    def _is_installed(self, settings: Settings) -> bool:
        """Return True if the database is an installation. Raises SchemaBehind or SchemaAhead for another version."""
        with database_of(settings) as database, database.read() as connection:
            if schema.version(connection) is None:
                return False
            schema.require_current(connection)
            return connection.execute(INSTALLED.select()).first() is not None

    def _has_seals(self, settings: Settings) -> bool:
        with database_of(settings) as database, database.read() as connection:
            return connection.execute(JOURNAL_SEAL.select().limit(1)).first() is not None

    def _missing_keys(self, settings: Settings, *, is_installed: bool) -> list[str]:
        directory = settings.secrets_directory
        secrets = Secrets(directory, self._environ)
        missing = [name for name in (JOURNAL_KEY, SEAL_KEY, SIGNING_KEY) if secrets.find(name) is None]
        if is_installed and JOURNAL_KEY in missing:
            message = "Cette base existe déjà, et sa clé du journal manque : une clé nouvelle ne serait pas la sienne."
            path = directory / JOURNAL_KEY
            remedy = f"Que faire : remettre le fichier {path} d'origine, depuis la sauvegarde des secrets."
            raise CliFailure(message, ExitCode.SETTINGS, [remedy])
        if is_installed and SIGNING_KEY in missing and self._has_seals(settings):
            message = "Des sceaux sont déjà signés, et leur clé manque : une clé nouvelle en romprait la suite."
            remedy = (
                f"Que faire : remettre le fichier {directory / SIGNING_KEY} d'origine ; s'il est perdu,"
                " « oda secrets new-signing-key --lost »."
            )
            raise CliFailure(message, ExitCode.SETTINGS, [remedy])
        if is_installed and SEAL_KEY in missing:
            self.warnings.append(
                "la clé des codes manquait, une nouvelle a été faite : les codes qui attendaient sous l'ancienne sont à"
                f" réémettre, sauf à remettre l'ancien fichier {directory / SEAL_KEY}"
            )
        if not missing:
            return []
        with writing(directory, _ELSEWHERE):
            return [f"{path} : une clé, à sauvegarder à part de la base" for path in generate(directory)]


def _write_if_missing(path: Path, content: str) -> bool:
    """Write a file that is missing, or that a full disk or a power cut left empty; return True if it was written."""
    if path.exists() and path.stat().st_size:
        return False
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(content)
    except OSError:
        path.unlink(missing_ok=True)  # the next start would take half a file for a whole one
        raise
    return True
