"""``oda paper`` and ``oda diagram``: the charter, the slip, the sheet, the report as PDF (R69); the states drawn."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli.context import CliContext, FilePath, Year, opened, pass_cli_context
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, failure_for, refused, writing
from portal.cli.output import ExportByCommand, printable
from portal.cli.request.execute import Callback, Reference, reference_argument

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from notifications.rendering.papers import Paper
    from states.model import Actor
    from states.school_calendar import SchoolYear
    from workflow.app import App
    from workflow.requests.detail import RequestView


def _file_options(function: Callback) -> Callback:
    """Add the options that say where the PDF goes."""
    force = click.option("--force", is_flag=True, help="Remplace le fichier s'il existe déjà.")
    place = click.option(
        "-o", "--output", type=FilePath(dir_okay=False, path_type=Path), metavar="FICHIER",
        help="Le fichier PDF à écrire, ou « - » pour la sortie standard ; sinon un nom tout fait, dans ce dossier.",
    )  # fmt: skip
    return place(force(function))


@click.group(
    "paper", cls=CommandGroup, help="Les documents : la charte, le bordereau de remise, la fiche du RUPN, le bilan."
)
def paper() -> None:
    pass


@paper.command(
    "charter", help="La charte d'une demande, prête à signer (R27) ; ou, avec --blank, une charte à remplir à la main."
)
@click.argument(
    "reference", type=Reference(), required=False, metavar="[RÉFÉRENCE]", help="La demande, par exemple ODA-2027-00042."
)
@click.option("--blank", is_flag=True, help="Une charte vierge, sans demande.")
@_file_options
@pass_cli_context
def write_charter(context: CliContext, reference: str | None, blank: bool, output: Path | None, force: bool) -> None:
    if bool(reference) is blank:
        raise click.UsageError("Donner la référence d'une demande, ou --blank pour une charte vierge.")
    with opened(context) as (app, actor), app.database.read() as connection:
        from notifications.rendering import papers
        from portal.documents import make_charter

        if reference:
            document = make_charter(app, _load_visible_request(app, actor, connection, reference))
        else:
            document = papers.blank_charter(app.mailer.mail_context, app.mailer.wordings)
        now = app.clock.now()
    _write_pdf(document, now, output, force)


@paper.command("slip", help="Le bordereau que le RUPN signe quand le code lui est remis (R31). Le code n'y figure pas.")
@reference_argument
@_file_options
@pass_cli_context
def write_slip(context: CliContext, reference: str, output: Path | None, force: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from portal.documents import make_slip

        document = make_slip(app, connection, _load_visible_request(app, actor, connection, reference))
        now = app.clock.now()
    _write_pdf(document, now, output, force)


@paper.command(
    "first-connection",
    help="La fiche que l'on donne au RUPN : comment se connecter, que faire si… ; ou, avec --blank, une fiche sans"
    " nom. Aucun code n'y figure.",
)
@click.argument(
    "reference", type=Reference(), required=False, metavar="[RÉFÉRENCE]", help="La demande, par exemple ODA-2027-00042."
)
@click.option("--blank", is_flag=True, help="Une fiche sans nom, sans demande.")
@_file_options
@pass_cli_context
def write_first_connection(
    context: CliContext, reference: str | None, blank: bool, output: Path | None, force: bool
) -> None:
    if bool(reference) is blank:
        raise click.UsageError("Donner la référence d'une demande, ou --blank pour une fiche sans nom.")
    with opened(context) as (app, actor), app.database.read() as connection:
        from notifications.rendering import papers
        from portal.documents import make_first_connection

        if reference:
            document = make_first_connection(app, _load_visible_request(app, actor, connection, reference))
        else:
            document = papers.blank_first_connection(app.mailer.mail_context, app.mailer.wordings)
        now = app.clock.now()
    _write_pdf(document, now, output, force)


@paper.command(
    "year-end",
    help="Le bilan d'une fin d'année, tel qu'il a été joint au courriel des opérateurs (R54). Réservé aux opérateurs et"
    " aux lecteurs.",
)
@click.argument("year", type=Year(), metavar="ANNÉE", help="L'année scolaire, par exemple 2026-2027.")
@_file_options
@pass_cli_context
def write_year_end(context: CliContext, year: "SchoolYear", output: Path | None, force: bool) -> None:
    with opened(context) as (app, actor), app.database.read() as connection:
        from notifications.rendering.papers import stored_year_end_report
        from workflow.auth.actors import require_rectorat

        require_rectorat(
            actor, "Le bilan de toute l'académie se lit avec --as operator:ADRESSE ou reader:ADRESSE (R2)."
        )
        report = stored_year_end_report(
            connection, str(year), app.mailer.mail_context, app.mailer.wordings, app.clock.now()
        )
        if report is None:
            details = ["Que faire : voir « oda year-end preview », ce que ferait sa fin ; le bilan vient avec elle."]
            raise CliFailure(f"Il n'y a pas encore de bilan de l'année {year}.", ExitCode.REFUSED, details)
        _write_pdf(*report, output, force)
        ExportByCommand(app=app, actor=actor, what="year_end_report", criteria={"year": year}).record("pdf")


@failure_for("notifications.rendering.papers.PaperUnmakeable")
def _unmakeable(error: Exception) -> CliFailure:
    return CliFailure("Le document ne peut pas être composé.", ExitCode.SETTINGS, [str(error)])


@failure_for("portal.documents.NoSlip")
def _no_slip(error: Exception) -> CliFailure:
    why, remedy = getattr(error, "why", ""), getattr(error, "remedy", "")
    return CliFailure(f"Pas de bordereau : {why}.", ExitCode.REFUSED, [f"Que faire : {remedy}."])


def _load_visible_request(app: "App", actor: "Actor", connection: "Connection", reference: str) -> "RequestView":
    """Return the request, or refuse as ``oda request show`` does when the actor may not see it (R3)."""
    from workflow.requests.detail import show_request
    from workflow.requests.filters import not_visible

    view = show_request(connection, reference, actor, app.policy, app.mailer, app.clock.now())
    if view is None:
        raise refused([not_visible(actor, reference)], "Rien à imprimer.")
    return view


def _write_pdf(paper: "Paper", at: "datetime", output: Path | None, force: bool) -> None:
    """Compose the PDF, then write it to a file or to the standard output. No file is replaced without ``force``."""
    from notifications.rendering.papers import compile_paper

    place = output or Path(paper.filename)
    if str(place) == "-" and sys.stdout.isatty():
        raise click.UsageError("Un PDF ne s'affiche pas dans un terminal : rediriger la sortie vers un fichier.")
    content = compile_paper(paper, at)
    if str(place) == "-":
        click.echo(content, nl=False)
        return
    with writing(place, "choisir un autre fichier avec --output"):
        try:
            file = place.open("wb" if force else "xb")
        except FileExistsError:
            remedy = "Que faire : ajouter --force pour le remplacer, ou choisir un autre fichier avec --output."
            raise CliFailure(f"{place} existe déjà, rien n'est écrit.", ExitCode.REFUSED, [remedy]) from None
        try:
            with file:
                file.write(content)
        except OSError:
            if place.is_file():  # remove half a PDF, never a device
                place.unlink()
            raise
    click.echo(printable(f"{place} : {paper.title}."))


@click.command(
    "diagram",
    help="Dessine les états d'une demande et ce qui mène de l'un à l'autre, d'après la table même que le logiciel"
    " applique. En SVG c'est une image ; en Mermaid, un texte qu'une forge ou un wiki dessine.",
)
@click.option(
    "--format", "form", type=click.Choice(["svg", "mermaid"]), default="mermaid", show_default=True, metavar="FORME",
    help="svg ou mermaid.",
)  # fmt: skip
def diagram(form: str) -> None:
    from portal.diagrams import mermaid, svg

    click.echo((svg() if form == "svg" else mermaid()).encode(), nl=False)
