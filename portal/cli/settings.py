"""``oda check-config`` and ``config-schema``: an installation's settings, checked and described."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, pass_cli_context, running_year
from portal.cli.output import printable, say
from portal.cli.parameters import FilePath

if TYPE_CHECKING:
    from notifications.rendering.environment import TemplateLoader
    from workflow.settings.model import Settings


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
    from workflow.app import load_templates
    from workflow.settings.warnings import check_settings

    warnings = check_settings(settings, settings.calendar().today(SystemClock().now()))
    warnings += _secret_warnings(settings)
    for warning in warnings:
        say([f"Attention : {warning}"])
    wordings = load_templates(settings)
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
