"""``oda mail templates`` and ``oda mail preview``: what can be reworded, and how a mail looks with it (R68)."""

from typing import TYPE_CHECKING

import click

from notifications.vocabulary import AnyKind, Kind, Unstored
from portal.cli.context import App, pass_app
from portal.cli.exits import CliFailure, ExitCode, say
from portal.cli.french import FrenchCommand, LabelledChoice
from portal.cli.output import emit, json_option
from states.vocabulary import Labelled

if TYPE_CHECKING:
    from notifications.rendering import Rendered
    from notifications.wordings import Wordings
    from workflow.settings import Settings

_COLUMNS = {"name": "Modèle", "title": "Ce que c'est", "status": "État"}
_MAILS: tuple[AnyKind, ...] = (*Kind, *Unstored)
_KINDS = {"name": "Courriel", "title": "Titre", "examples": "Exemples"}


@click.command(
    "templates",
    cls=FrenchCommand,
    help="Les modèles de courriels et de documents que l'académie peut remplacer ; avec un nom, ce qu'il peut employer"
    " (R68).",
)
@click.argument(
    "name", metavar="[MODÈLE]", required=False, help="Par exemple declared, ou mails/declared.j2 ; à défaut, tous."
)
@click.option("--source", is_flag=True, help="Écrit le modèle en vigueur, à copier pour le changer.")
@click.option("--original", is_flag=True, help="Écrit le modèle d'origine, même s'il est remplacé.")
@json_option
@pass_app
def templates(app: App, /, name: str | None, source: bool, original: bool, as_json: bool) -> None:
    from notifications.wordings import Wordings

    if (source or original) and not name:
        raise click.UsageError("Dire quel modèle écrire, par exemple : oda mail templates declared --source")
    settings = app.settings()
    wordings = Wordings(settings.templates_folder)
    if name is None:
        from portal.cli.template_page import row

        emit([row(one, wordings) for one in wordings.names()], _COLUMNS, as_json)
        say(f"Attention : {problem}" for problem in wordings.folder_problems)
        return
    _one(_found(name), settings, wordings, source=source, original=original, as_json=as_json)


def _one(name: str, settings: "Settings", wordings: "Wordings", *, source: bool, original: bool, as_json: bool) -> None:
    from notifications.wordings import Wordings
    from portal.cli.request.told import echo_object
    from portal.cli.template_page import shape, write

    if original or (source and not wordings.source(name)):
        # An empty file is what the shell has just made for our output: the académie's copy begins with the original.
        click.echo(Wordings().source(name).encode(), nl=False)
    elif source:
        click.echo(wordings.source(name).encode(), nl=False)
    elif as_json:
        echo_object(shape(name, wordings))
    else:
        write(name, wordings, settings.folder)


def _found(name: str) -> str:
    from notifications.reference_uses import full_name
    from notifications.wordings import own_names

    found = full_name(name)
    if found is None:
        from difflib import get_close_matches

        short = {one.rpartition("/")[2].partition(".")[0]: one for one in own_names()}
        close = [short[one] for one in get_close_matches(name.rpartition("/")[2].partition(".")[0], short)]
        remedy = f"Noms proches : {', '.join(close)}." if close else "« oda mail templates » donne tous les noms."
        raise CliFailure(f"Aucun modèle ne s'appelle « {name} ».", ExitCode.USAGE, [remedy])
    return found


@click.command(
    "preview",
    cls=FrenchCommand,
    help="Montre un courriel avec des données d'exemple et les réglages de l'installation, sans rien envoyer ; le code"
    " est masqué. Sans nom, la liste des courriels.",
)
@click.argument(
    "kind", metavar="[COURRIEL]", required=False, type=LabelledChoice(Labelled, _MAILS), help="Le courriel."
)
@click.option("--example", metavar="NOM", help="Un autre exemple du même courriel ; à défaut le premier.")
@click.option("--html", is_flag=True, help="Écrit la page HTML.")
@click.option("--open", "in_browser", is_flag=True, help="Ouvre la page HTML dans le navigateur.")
@pass_app
def preview(app: App, /, kind: AnyKind | None, example: str | None, html: bool, in_browser: bool) -> None:
    from notifications.wordings import Wordings
    from notifications.wordings_folder import TemplatesRefused
    from portal.cli.template_preview import in_a_browser, page, rendered
    from workflow.house import template_problems

    if kind is None:
        if example or html or in_browser:
            raise click.UsageError("Dire quel courriel montrer, par exemple : oda mail preview declared")
        emit([{"name": one.value, "title": one.label, "examples": _examples(one)} for one in _MAILS], _KINDS, False)
        return
    name = _example(kind, example)
    settings = app.settings()
    wordings = Wordings(settings.templates_folder)
    problems = template_problems(settings, wordings)
    made: Rendered | None = rendered(kind, name, settings, wordings, must=not problems)
    if made and in_browser:
        click.echo(in_a_browser(made.html, kind.value))
    elif made and html:
        click.echo(made.html.encode(), nl=False)
    elif made:
        page(kind, name, made, settings, wordings)
    if problems:
        raise TemplatesRefused(problems)


def _examples(kind: AnyKind) -> list[str]:
    from notifications.examples import examples_of

    return list(examples_of(kind))


def _example(kind: AnyKind, wanted: str | None) -> str:
    names = _examples(kind)
    if wanted is None:
        return names[0]
    if wanted not in names:
        raise CliFailure(
            f"Le courriel « {kind.value} » n'a pas d'exemple « {wanted} ».",
            ExitCode.USAGE,
            [f"Exemples possibles : {', '.join(names)}."],
        )
    return wanted
