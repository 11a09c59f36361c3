"""``oda mail templates`` and ``oda mail preview``: the templates to replace, and mails as they will look (R68)."""

import os
import tempfile
import webbrowser
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from notifications.authoring.examples import examples_of
from notifications.authoring.reference import (
    ALL_KINDS,
    ALWAYS,
    FILTERS,
    TITLES,
    Variable,
    choices_in,
    code_export_variables,
    export_variables,
    full_name,
    kind_of,
    mail_variables,
    page_variables,
    settings_variables,
    users_in_french,
    users_of,
)
from notifications.messages.catalogue import facts_class, template_of
from notifications.rendering.environment import TemplateLoader, TemplatesRefused, own_names
from notifications.rendering.papers import PaperUnmakeable, papers_of
from notifications.rendering.renderer import CODES, FRAME, REMOVALS, Removal, Rendered, Renderer, Unrenderable
from notifications.vocabulary import AnyKind, TransientMail
from portal.cli.context import CliContext, LabelledChoice, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import SectionPrinter, echo_object, emit, json_option, printable, say
from states.vocabulary import Labelled
from workflow.app import mail_context, template_problems

if TYPE_CHECKING:
    from workflow.settings.model import Settings

_COLUMNS = {"name": "Modèle", "title": "Ce que c'est", "status": "État"}
_KIND_COLUMNS = {"name": "Courriel", "title": "Titre", "examples": "Exemples"}
_MAIL = LabelledChoice(Labelled, ALL_KINDS)


@click.command(
    "templates",
    help="Les modèles de courriels et de documents que l'académie peut remplacer ; avec un nom, ce qu'il peut employer"
    " (R68).",
)
@click.argument(
    "name", metavar="[MODÈLE]", required=False, help="Par exemple declared, ou mails/declared.j2 ; à défaut, tous."
)
@click.option("--source", is_flag=True, help="Écrit le modèle en vigueur, à copier pour le changer.")
@click.option("--original", is_flag=True, help="Écrit le modèle d'origine, même s'il est remplacé.")
@json_option
@pass_cli_context
def templates(context: CliContext, /, name: str | None, source: bool, original: bool, as_json: bool) -> None:
    if (source or original) and not name:
        raise click.UsageError("Dire quel modèle écrire, par exemple : oda mail templates declared --source")
    settings = context.settings()
    wordings = TemplateLoader(settings.templates_folder)
    if name is None:
        emit([_row(template, wordings) for template in wordings.names()], _COLUMNS, as_json)
        say(f"Attention : {problem}" for problem in wordings.folder_problems)
        return
    template = _resolve(name)
    if original or (source and not wordings.source(template)):
        # The shell may have just made an empty file for our output: the académie's copy begins with the original.
        click.echo(TemplateLoader().source(template).encode(), nl=False)
    elif source:
        click.echo(wordings.source(template).encode(), nl=False)
    elif as_json:
        row = _row(template, wordings)
        del row["status"]
        choices = {field: [choice.value for choice in values] for field, values in _choices(template).items()}
        variables = [asdict(variable) for variable in _variables(template)]
        users = [kind.value for kind in users_of(template)]
        echo_object(row | {"used_by": users, "known": variables, "choices": choices})
    else:
        _describe(template, wordings, settings.folder)


def _resolve(name: str) -> str:
    """Return a template's full name. Raises CliFailure, with the names close to it, for an unknown one."""
    if template := full_name(name):
        return template
    stems = {own.rpartition("/")[2].partition(".")[0]: own for own in own_names()}
    close = [stems[stem] for stem in get_close_matches(name.rpartition("/")[2].partition(".")[0], stems)]
    remedy = f"Noms proches : {', '.join(close)}." if close else "« oda mail templates » donne tous les noms."
    raise CliFailure(f"Aucun modèle ne s'appelle « {name} ».", ExitCode.USAGE, [remedy])


def _row(name: str, wordings: TemplateLoader) -> dict[str, Any]:
    path = str(wordings.path_of(name)) if name in wordings.overridden() else None
    status = f"remplacé : {path}" if path else "d'origine"
    return {"name": name, "title": TITLES[name], "replaced": path is not None, "path": path, "status": status}


def _variables(name: str) -> list[Variable]:
    """List the variables of a template; for a part, those that every mail that uses it has."""
    if name == FRAME:
        return page_variables()
    if name == REMOVALS:
        return export_variables()
    if name == CODES:
        return code_export_variables()
    if kind := kind_of(name):
        return mail_variables(kind)
    users = [mail_variables(user) for user in users_of(name)]
    shared = set.intersection(*({variable.name for variable in variables} for variables in users)) if users else set()
    return [variable for variable in users[0] if variable.name in shared] if users else []


def _choices(name: str) -> dict[str, tuple[Labelled, ...]]:
    if name == REMOVALS:
        return {f"one.{field}": values for field, values in choices_in(Removal).items()}
    kind = kind_of(name)
    return choices_in(facts_class(kind)) if kind else {}


def _describe(name: str, wordings: TemplateLoader, folder: Path) -> None:
    """Write a page of text about a template: its users, its variables, and how to replace it."""
    paper, row = SectionPrinter(), _row(name, wordings)
    paper.title(f"{name} — {row['title']}")
    _echo_whole(f"État : {row['status']}")
    if not kind_of(name) and name not in (REMOVALS, CODES):
        paper.fact("Concerne", users_in_french(users_of(name)))
    if name.startswith("papers/"):
        paper.section("Ce qu'en dit le modèle")
        for line in wordings.source(name).splitlines():
            if not line.startswith("//"):
                break
            click.echo(printable(f" {line.removeprefix('//')}".rstrip()))
    else:
        _describe_variables(paper, name)
    paper.section("Le remplacer")
    if wordings.folder is None:
        paper.line(
            f"Créer un dossier, par exemple {folder / 'modeles'}, et régler templates.directory sur « modeles »."
        )
    _echo_whole(f"Y mettre le fichier {(wordings.folder or folder / 'modeles') / name}")
    _echo_whole(f"Pour partir du modèle en vigueur : oda mail templates {name} --source")


def _echo_whole(text: str) -> None:
    """Write a line that is not folded: it holds a path or a command to copy."""
    click.echo(printable(f"  {text}"))


def _describe_variables(paper: SectionPrinter, name: str) -> None:
    paper.section("Ce qu'il peut employer")
    _list(paper, _variables(name))
    for field, values in _choices(name).items():
        paper.line(f"Valeurs de {field} : {', '.join(f'{choice.value} ({choice.label})' for choice in values)}")
    if name == FRAME:
        return
    paper.section("Les réglages de l'académie" if name in (REMOVALS, CODES) else "Comme tout courriel")
    if name not in (REMOVALS, CODES):
        for variable, meaning in ALWAYS.items():
            paper.line(f"{variable} — {meaning}")
    _list(paper, settings_variables())
    paper.section("Les filtres du logiciel, à côté de ceux de Jinja")
    for filter_name, (result, use) in FILTERS.items():
        paper.line(f"{filter_name} — {result} : {use}")


def _list(paper: SectionPrinter, variables: Sequence[Variable]) -> None:
    loops = set[str]()
    for variable in variables:
        if variable.loop and variable.loop not in loops:
            loops.add(variable.loop)
            paper.line(f"pour chacun, après {{% for one in {variable.loop} %}} :", 2)
        example = f" ; exemple : {variable.example}" if variable.example else ""
        paper.line(f"{variable.name} — {variable.meaning} ({variable.type}){example}", 3 if variable.loop else 1)


@click.command(
    "preview",
    help="Montre un courriel avec des données d'exemple et les réglages de l'installation, sans rien envoyer ; le code"
    " est masqué. Sans nom, la liste des courriels.",
)
@click.argument("kind", metavar="[COURRIEL]", required=False, type=_MAIL, help=f"Le courriel.{_MAIL.paragraph}")
@click.option("--example", metavar="NOM", help="Un autre exemple du même courriel ; à défaut le premier.")
@click.option("--html", is_flag=True, help="Écrit la page HTML.")
@click.option("--open", "in_browser", is_flag=True, help="Ouvre la page HTML dans le navigateur.")
@pass_cli_context
def preview_mail(
    context: CliContext, /, kind: AnyKind | None, example: str | None, html: bool, in_browser: bool
) -> None:
    if kind is None:
        if example or html or in_browser:
            raise click.UsageError("Dire quel courriel montrer, par exemple : oda mail preview declared")
        rows = [{"name": mail.value, "title": mail.label, "examples": list(examples_of(mail))} for mail in ALL_KINDS]
        emit(rows, _KIND_COLUMNS, False)
        return
    examples = examples_of(kind)
    if example is not None and example not in examples:
        message = f"Le courriel « {kind.value} » n'a pas d'exemple « {example} »."
        raise CliFailure(message, ExitCode.USAGE, [f"Exemples possibles : {', '.join(examples)}."])
    example = example or next(iter(examples))
    settings = context.settings()
    wordings = TemplateLoader(settings.templates_folder)
    problems = template_problems(settings, wordings)
    rendered = _render(kind, examples[example], settings, wordings, must=not problems)
    if rendered and in_browser:
        click.echo(_open_in_browser(rendered.html, kind.value))
    elif rendered and html:
        click.echo(rendered.html.encode(), nl=False)
    elif rendered:
        _show(kind, example, rendered, settings, wordings)
    if problems:
        raise TemplatesRefused(problems)


def _render(
    kind: AnyKind, facts: Any, settings: "Settings", wordings: TemplateLoader, *, must: bool
) -> Rendered | None:
    """Render an example. When it cannot be rendered, return None, or raise CliFailure if it ``must``."""
    renderer, context = Renderer(wordings), mail_context(settings)
    try:
        if isinstance(kind, TransientMail):
            return renderer.render_check(facts, context)
        return renderer.render(kind, facts, context)
    except (Unrenderable, RecursionError) as error:
        if must:
            raise CliFailure("Ce courriel ne peut pas être composé.", ExitCode.SETTINGS, [str(error)]) from error
        return None


def _show(kind: AnyKind, example: str, rendered: Rendered, settings: "Settings", wordings: TemplateLoader) -> None:
    """Write the mail as its recipient would read it, and name the kind's other examples."""
    examples = examples_of(kind)
    attached: list[str] = []
    if not isinstance(kind, TransientMail):
        try:
            papers = papers_of(kind, examples[example], mail_context(settings), wordings)
            attached = [paper.filename for paper in papers]
        except PaperUnmakeable:
            pass  # reported with the other problems of the templates
    paper = SectionPrinter()
    paper.title(f"Aperçu — {kind.label}")
    paper.fact("Exemple", example)
    paper.fact("Autres exemples", ", ".join(other for other in examples if other != example))
    paper.fact("Modèle", template_of(kind))
    paper.fact("De", settings.mail.sender)
    paper.fact("Objet", rendered.subject)
    paper.fact("Joint", ", ".join(attached))
    click.echo()
    for line in rendered.body.split("\n"):
        click.echo(f"  {printable(line)}".rstrip())


def _open_in_browser(html: str, name: str) -> str:
    """Open the page from a file that only this account reads; return the sentence that says where it is."""
    descriptor, path = tempfile.mkstemp(prefix=f"oda-{name}-", suffix=".html")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(html)
    if webbrowser.open(Path(path).as_uri()):
        return f"Page ouverte dans le navigateur : {path}"
    return f"Aucun navigateur ne s'ouvre d'ici ; la page est dans {path}"
