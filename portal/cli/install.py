"""``oda init``, ``check-config``, ``config-schema``: an installation made, its settings checked."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.cells import printable
from portal.cli.context import App, pass_app
from portal.cli.exits import CliFailure, ExitCode, say
from portal.cli.french import FilePath, FrenchCommand

if TYPE_CHECKING:
    from notifications.wordings import Wordings
    from workflow.settings import Settings


@click.command(
    "init",
    cls=FrenchCommand,
    help="Prépare une installation dans un dossier : réglages commentés, clés, base de données. Dans une installation"
    " commencée, complète ce qui manque et n'écrase rien.",
)
@click.argument("folder", metavar="DOSSIER", type=FilePath(file_okay=False, path_type=Path), help="Le dossier.")
def init(folder: Path) -> None:
    from portal.cli.founding import Founding

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
    cls=FrenchCommand,
    help="Vérifie le fichier de réglages : dit toutes les erreurs à la fois avec leur ligne, puis ce qui mérite un"
    " regard.",
)
@click.argument(
    "file", metavar="[FICHIER]", required=False, type=FilePath(path_type=Path),
    help="Le fichier de réglages ; à défaut celui de --config.",
)  # fmt: skip
@pass_app
def check_config(app: App, file: Path | None) -> None:
    from notifications.ports import SystemClock
    from workflow.house import wordings_of
    from workflow.settings import check_settings

    settings = App(file).settings() if file else app.settings()
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
    from workflow.settings import SecretError, Secrets

    found = []
    for name in ("seal-key", "journal-key"):
        try:
            Secrets(settings.secrets_directory, os.environ).read(name)
        except SecretError as error:
            found.append(str(error))
    if settings.removals.connector.url is not None:
        from workflow.connector.signing import secret_of

        try:
            secret_of(Secrets(settings.secrets_directory, os.environ))
        except SecretError as error:
            found.append(str(error))
    return found


def _summary(settings: "Settings") -> list[tuple[str, str]]:
    from portal.cli.unattended import running_year
    from portal.ends import end_in_words

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


def _templates(wordings: "Wordings") -> list[tuple[str, str]]:
    """Which templates the académie replaces, when it has a folder of them (R68)."""
    replaced = wordings.overridden()
    return [("Modèles remplacés", ", ".join(replaced) or f"aucun dans {wordings.folder}")] if wordings.folder else []


def _pages(settings: "Settings") -> list[tuple[str, str]]:
    """Which texts of the public pages it replaces. Raises TemplatesRefused for a wrong one (R68)."""
    from notifications.wordings_folder import PAGES, TemplatesRefused

    folder = settings.templates_folder
    if folder is None or not (folder / PAGES).is_dir():
        return []
    from portal.web.pieces import read_pieces  # with the whole web, paid by who replaces a page
    from portal.web.rendering import page_problems

    if problems := page_problems(settings):
        raise TemplatesRefused(problems)
    return [("Pages remplacées", ", ".join(sorted(read_pieces(settings).texts)) or f"aucune dans {folder / PAGES}")]


@click.command("config-schema", cls=FrenchCommand, help="Écrit le schéma JSON du fichier de réglages.")
def config_schema() -> None:
    from workflow.settings.schema import schema_text

    click.echo(schema_text().encode(), nl=False)
