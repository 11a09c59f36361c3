"""``oda init``: an installation made, or completed."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.context import database_of, make_private
from portal.cli.errors import CliFailure, ExitCode, writing
from portal.cli.output import printable, say
from portal.cli.parameters import FilePath
from workflow.app import install
from workflow.database import schema
from workflow.database.tables import INSTALLED
from workflow.journal.chain import JournalHasher
from workflow.settings.loader import DEFAULT_NAME, load_settings
from workflow.settings.model import Settings
from workflow.settings.schema import SCHEMA_NAME, schema_text, starter_text
from workflow.settings.secrets import JOURNAL_KEY, SEAL_KEY, Secrets, generate

if TYPE_CHECKING:
    pass


# What ``oda init`` makes, piece by piece; a piece that is there is never touched.


_ELSEWHERE = "y faire de la place, ou choisir un dossier où ce compte écrit"


LOST_KEY = (
    "Cette base existe déjà, et sa clé du journal manque : une clé nouvelle ne serait pas la sienne.",
    "Que faire : remettre le fichier {path} d'origine, depuis la sauvegarde des secrets.",
)


LOST_SEAL = (
    "la clé des codes manquait, une nouvelle a été faite : les codes qui attendaient sous l'ancienne sont à réémettre,"
    " sauf à remettre l'ancien fichier {path}"
)


class Founding:
    """The installation of one folder, completed. ``warnings`` are French sentences, after ``complete``."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.config = folder / DEFAULT_NAME
        self.warnings: list[str] = []
        self._environ = environ

    def complete(self) -> list[str]:
        """Make what is missing; returns what was made, in French, nothing when all was there.

        Raises CliFailure when the folder cannot be written or the journal's key of a database is lost, SettingsError,
        and what opening a database raises.
        """
        return list(self._pieces())

    def _pieces(self) -> Iterator[str]:
        with writing(self.folder, _ELSEWHERE):
            self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            if _written(self.config, starter_text()):
                yield f"{self.config} : les réglages, commentés"
            if _written(self.folder / SCHEMA_NAME, schema_text()):
                yield f"{self.folder / SCHEMA_NAME} : leur schéma, pour un éditeur de texte"
        settings = load_settings(self.config)
        file = settings.database.sqlite_file(settings.folder)
        is_founded = (file is None or file.exists()) and self._is_founded(settings)
        yield from self._keys(settings, is_founded=is_founded)
        if not is_founded:
            if file:
                make_private(file)
            yield self._found(settings)

    def _is_founded(self, settings: Settings) -> bool:
        """Whether the database is an installation. Raises SchemaBehind or SchemaAhead for one of another version."""
        with database_of(settings) as database, database.read() as connection:
            if schema.version(connection) is None:
                return False
            schema.require_current(connection)
            return connection.execute(INSTALLED.select()).first() is not None

    def _keys(self, settings: Settings, *, is_founded: bool) -> Iterator[str]:
        directory = settings.secrets_directory
        secrets = Secrets(directory, self._environ)
        missing = [name for name in (JOURNAL_KEY, SEAL_KEY) if secrets.find(name) is None]
        if is_founded and JOURNAL_KEY in missing:
            remedy = LOST_KEY[1].format(path=directory / JOURNAL_KEY)
            raise CliFailure(LOST_KEY[0], ExitCode.SETTINGS, [remedy])
        if is_founded and SEAL_KEY in missing:
            self.warnings.append(LOST_SEAL.format(path=directory / SEAL_KEY))
        if missing:
            with writing(directory, _ELSEWHERE):
                made = generate(directory)
            for path in made:
                yield f"{path} : une clé, à sauvegarder à part de la base"

    def _found(self, settings: Settings) -> str:
        from notifications.ports import SystemClock

        key = Secrets(settings.secrets_directory, self._environ).read(JOURNAL_KEY).get_secret_value()
        with database_of(settings) as database:
            _, version = install(database, JournalHasher(key.encode()), SystemClock())
        return f"{settings.database_url} : la base de données, version {version}"


def _written(path: Path, content: str) -> bool:
    """Write a file that is not there, or that a full disk or a power cut left empty; whether it was made."""
    if path.exists() and path.stat().st_size:
        return False
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(content)
    except OSError:
        path.unlink(missing_ok=True)  # half of it would be taken for the whole at the next start
        raise
    return True


@click.command(
    "init",
    help="Prépare une installation dans un dossier : réglages commentés, clés, base de données. Dans une installation"
    " commencée, complète ce qui manque et n'écrase rien.",
)
@click.argument("folder", metavar="DOSSIER", type=FilePath(file_okay=False, path_type=Path), help="Le dossier.")
def init(folder: Path) -> None:

    founding = Founding(folder.expanduser().absolute(), os.environ)
    made = founding.complete()
    if not made:
        message = f"{founding.folder} a déjà une installation complète : rien n'a été touché."
        remedy = f"Que faire : la vérifier avec « oda --config {founding.config} check-config »."
        raise CliFailure(message, ExitCode.REFUSED, [remedy])
    for warning in founding.warnings:
        say([f"Attention : {warning}"])
    for line in (
        f"Installation prête dans {founding.folder}. Fait :",
        *(f"  — {one}" for one in made),
        "",
        "Ensuite :",
    ):
        click.echo(printable(line))
    command = f"oda --config {founding.config}"
    steps = (
        f"Relire {founding.config} (opérateurs, boîtes, relais de courriel, dates), puis : {command} check-config",
        f"Importer l'annuaire : {command} --as operator:ADRESSE import establishments FICHIER.csv",
        f"Lancer le service : {command} worker (ou, chaque minute par cron : {command} tick)",
    )
    for number, step in enumerate(steps, 1):
        click.echo(printable(f"  {number}. {step}"))
