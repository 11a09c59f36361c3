"""``oda init``, ``check-config``, ``config-schema``: an installation made, its settings checked."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, database_of, make_private, pass_cli_context
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
    from notifications.rendering.environment import TemplateLoader


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


@click.command(
    "check-config",
    help="Vérifie le fichier de réglages : dit toutes les erreurs à la fois avec leur ligne, puis ce qui mérite un"
    " regard.",
)
@click.argument(
    "file", metavar="[FICHIER]", required=False, type=FilePath(path_type=Path),
    help="Le fichier de réglages ; à défaut celui de --config.",
)  # fmt: skip
@pass_cli_context
def check_config(context: CliContext, file: Path | None) -> None:
    settings = CliContext(file).settings() if file else context.settings()
    from notifications.ports import SystemClock
    from workflow.app import wordings_of
    from workflow.settings.warnings import check_settings

    warnings = check_settings(settings, settings.calendar().today(SystemClock().now()))
    warnings += _secret_warnings(settings)
    for warning in warnings:
        say([f"Attention : {warning}"])
    wordings = wordings_of(settings)
    pages = _pages(settings)
    click.echo(printable(f"{settings.source} : réglages corrects{', mais voir ci-dessus' if warnings else ''}."))
    for heading, value in (*_summary(settings), *_templates(wordings), *pages):
        click.echo(printable(f"{heading} : {value}"))


def _secret_warnings(settings: "Settings") -> list[str]:
    """What the keys that every installation needs suffer from; the settings alone may well be right without them."""
    from workflow.settings.secrets import SecretError, Secrets

    found = []
    for name in ("seal-key", "journal-key"):
        try:
            Secrets(settings.secrets_directory, os.environ).read(name)
        except SecretError as error:
            found.append(str(error))
    if settings.removals.connector.url is not None:
        from workflow.removals.connector.client import secret_of

        try:
            secret_of(Secrets(settings.secrets_directory, os.environ))
        except SecretError as error:
            found.append(str(error))
    return found


def _summary(settings: "Settings") -> list[tuple[str, str]]:
    from portal.cli.context import running_year
    from portal.texts import end_in_words

    calendar, year = settings.calendar(), running_year(settings)
    ends = [calendar.end_of(one) for one in (year, year.next)]
    return [
        ("Académie", f"{settings.academie.nom} ({settings.academie.code})"),
        ("Base de données", settings.database_url),
        *((f"Fin de {end.school_year}", end_in_words(end, settings.academie.zone)) for end in ends),
        ("Opérateurs", str(len(settings.people.operators))),
        *((("Connecteur", settings.removals.connector.url),) if settings.removals.connector.url else ()),
        *(("Document joint au code", f"{one.title} ({one.file})") for one in settings.documentation.files),
    ]


def _templates(wordings: "TemplateLoader") -> list[tuple[str, str]]:
    """Which templates the académie replaces, when it has a folder of them (R68)."""
    replaced = wordings.overridden()
    return [("Modèles remplacés", ", ".join(replaced) or f"aucun dans {wordings.folder}")] if wordings.folder else []


def _pages(settings: "Settings") -> list[tuple[str, str]]:
    """Which texts of the public pages it replaces. Raises TemplatesRefused for a wrong one (R68)."""
    from notifications.rendering.environment import PAGES, TemplatesRefused

    folder = settings.templates_folder
    if folder is None or not (folder / PAGES).is_dir():
        return []
    from portal.web.public_texts import read_pieces  # with the whole web, paid by who replaces a page
    from portal.web.rendering import page_problems

    if problems := page_problems(settings):
        raise TemplatesRefused(problems)
    return [("Pages remplacées", ", ".join(sorted(read_pieces(settings).texts)) or f"aucune dans {folder / PAGES}")]


@click.command("config-schema", help="Écrit le schéma JSON du fichier de réglages.")
def config_schema() -> None:
    from workflow.settings.schema import schema_text

    click.echo(schema_text().encode(), nl=False)
