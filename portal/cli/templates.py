"""``oda mail templates`` and ``oda mail preview``: what can be reworded, and how a mail looks with it (R68)."""

import os
import tempfile
import webbrowser
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from notifications.authoring.examples import examples_of
from notifications.authoring.reference import (
    Known,
    choices_in,
    choices_of,
    facts_of,
    frame,
    kind_of,
    of_export,
    papers_with,
    settings,
    title_of,
    users_of,
)
from notifications.authoring.reference_texts import ALWAYS, FILTERS
from notifications.messages.catalogue import template_of
from notifications.rendering.environment import TemplateLoader
from notifications.rendering.exports import REMOVALS, Removal
from notifications.rendering.papers import PaperUnmakeable, papers_of
from notifications.rendering.renderer import FRAME, Rendered, Renderer, Unrenderable
from notifications.vocabulary import AnyKind, Kind, TransientMail
from portal.cli.context import CliContext, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import Paper, emit, json_option, printable, say
from portal.cli.parameters import LabelledChoice
from states import french
from states.vocabulary import Labelled
from workflow.app import mail_context

if TYPE_CHECKING:
    from workflow.settings.model import Settings


# A template described for whoever replaces it: what it may use, and where to put one's own (R68).


def row(name: str, wordings: TemplateLoader) -> dict[str, Any]:
    """A line of the listing."""
    path = str(wordings.path_of(name)) if name in wordings.overridden() else None
    status = f"remplacé : {path}" if path else "d'origine"
    return {"name": name, "title": title_of(name), "replaced": path is not None, "path": path, "status": status}


def shape(name: str, wordings: TemplateLoader) -> dict[str, Any]:
    """A template for a program."""
    told = row(name, wordings)
    del told["status"]
    closed = {name: [one.value for one in values] for name, values in _choices(name).items()}
    known = [asdict(one) for one in _known(name)]
    return told | {"used_by": [kind.value for kind in _users(name)], "known": known, "choices": closed}


def _known(name: str) -> list[Known]:
    if name == FRAME:
        return frame()
    if name == REMOVALS:
        return of_export()
    kind = kind_of(name)
    if kind:
        return facts_of(kind)
    users = [facts_of(one) for one in users_of(name)]
    first = users[0] if users else []
    return [one for one in first if all(one.name in {other.name for other in told} for told in users)]


def _choices(name: str) -> dict[str, tuple[Any, ...]]:
    if name == REMOVALS:
        return {f"one.{field}": values for field, values in choices_in(Removal).items()}
    kind = kind_of(name)
    return dict(choices_of(kind)) if kind else {}


def _users(name: str) -> tuple[Kind, ...]:
    return papers_with(name) if _is_paper(name) else users_of(name)


def _is_paper(name: str) -> bool:
    return name.startswith("papers/")


def write(name: str, wordings: TemplateLoader, folder: Path) -> None:
    """The template as a page of text."""
    paper = Paper()
    told = row(name, wordings)
    paper.title(f"{name} — {told['title']}")
    _whole(f"État : {told['status']}")
    if not kind_of(name) and name != REMOVALS:
        users = _users(name)
        everyone = len(users) == len(Kind)
        paper.fact("Concerne", "tous les courriels" if everyone else french.listing([one.value for one in users]))
    if _is_paper(name):
        _header(paper, wordings.source(name))
    else:
        _names(paper, name)
    paper.section("Le remplacer")
    if wordings.folder is None:
        paper.line(
            f"Créer un dossier, par exemple {folder / 'modeles'}, et régler templates.directory sur « modeles »."
        )
    _whole(f"Y mettre le fichier {(wordings.folder or folder / 'modeles') / name}")
    _whole(f"Pour partir du modèle en vigueur : oda mail templates {name} --source")


def _whole(text: str) -> None:
    """A line that is not folded: it holds a path or a command to copy."""
    click.echo(printable(f"  {text}"))


def _names(paper: Paper, name: str) -> None:
    known = _known(name)
    paper.section("Ce qu'il peut employer")
    _list(paper, known)
    for field, values in _choices(name).items():
        paper.line(f"Valeurs de {field} : {', '.join(f'{one.value} ({one.label})' for one in values)}")
    if name == FRAME:
        return
    paper.section("Les réglages de l'académie" if name == REMOVALS else "Comme tout courriel")
    if name != REMOVALS:
        for always, meaning in ALWAYS.items():
            paper.line(f"{always} — {meaning}")
    _list(paper, settings())
    paper.section("Les filtres du logiciel, à côté de ceux de Jinja")
    for one, (gives, use) in FILTERS.items():
        paper.line(f"{one} — {gives} : {use}")


def _list(paper: Paper, known: list[Known]) -> None:
    loops = set[str]()
    for one in known:
        if one.loop and one.loop not in loops:
            loops.add(one.loop)
            paper.line(f"pour chacun, après {{% for one in {one.loop} %}} :", 2)
        example = f" ; exemple : {one.example}" if one.example else ""
        paper.line(f"{one.name} — {one.meaning} ({one.type}){example}", 3 if one.loop else 1)


def _header(paper: Paper, source: str) -> None:
    """The comments that stand first in a paper's template: they say which values it is given."""
    paper.section("Ce qu'en dit le modèle")
    for line in source.splitlines():
        if not line.startswith("//"):
            break
        click.echo(printable(f" {line.removeprefix('//')}".rstrip()))


# A mail made of example data, shown in the terminal or in a browser.


def rendered(
    kind: AnyKind, example: str, settings: "Settings", wordings: TemplateLoader, *, must: bool
) -> Rendered | None:
    """The words of an example. When they cannot be made: None, or CliFailure when they ``must``."""
    facts, renderer, context = examples_of(kind)[example], Renderer(wordings), mail_context(settings)
    try:
        return (
            renderer.render_check(facts, context)
            if isinstance(kind, TransientMail)
            else renderer.render(kind, facts, context)
        )
    except (Unrenderable, RecursionError) as error:
        if must:
            raise CliFailure("Ce courriel ne peut pas être composé.", ExitCode.SETTINGS, [str(error)]) from error
    return None


def page(kind: AnyKind, example: str, words: Rendered, settings: "Settings", wordings: TemplateLoader) -> None:
    """The mail as a page of text, as its reader would have it; the kind's other examples are named."""
    paper = Paper()
    paper.title(f"Aperçu — {kind.label}")
    paper.fact("Exemple", example)
    paper.fact("Autres exemples", ", ".join(one for one in examples_of(kind) if one != example))
    paper.fact("Modèle", template_of(kind))
    paper.fact("De", settings.mail.sender)
    paper.fact("Objet", words.subject)
    paper.fact("Joint", ", ".join(_attached(kind, example, settings, wordings)))
    click.echo()
    for line in words.body.split("\n"):
        click.echo(f"  {printable(line)}".rstrip())


def _attached(kind: AnyKind, example: str, settings: "Settings", wordings: TemplateLoader) -> list[str]:
    if isinstance(kind, TransientMail):
        return []
    facts, context = examples_of(kind)[example], mail_context(settings)
    try:
        return [paper.filename for paper in papers_of(kind, facts, context, wordings)]
    except PaperUnmakeable:
        return []  # told with the other problems of the templates


def in_a_browser(html: str, name: str) -> str:
    """Open the page from a file that this account alone reads; returns the sentence that says where it is."""
    descriptor, path = tempfile.mkstemp(prefix=f"oda-{name}-", suffix=".html")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(html)
    if webbrowser.open(Path(path).as_uri()):
        return f"Page ouverte dans le navigateur : {path}"
    return f"Aucun navigateur ne s'ouvre d'ici ; la page est dans {path}"


_COLUMNS = {"name": "Modèle", "title": "Ce que c'est", "status": "État"}


_MAILS: tuple[AnyKind, ...] = (*Kind, *TransientMail)


_MAIL = LabelledChoice(Labelled, _MAILS)


_KINDS = {"name": "Courriel", "title": "Titre", "examples": "Exemples"}


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
    from notifications.rendering.environment import TemplateLoader

    if (source or original) and not name:
        raise click.UsageError("Dire quel modèle écrire, par exemple : oda mail templates declared --source")
    settings = context.settings()
    wordings = TemplateLoader(settings.templates_folder)
    if name is None:
        emit([row(one, wordings) for one in wordings.names()], _COLUMNS, as_json)
        say(f"Attention : {problem}" for problem in wordings.folder_problems)
        return
    _one(_found(name), settings, wordings, source=source, original=original, as_json=as_json)


def _one(
    name: str, settings: "Settings", wordings: "TemplateLoader", *, source: bool, original: bool, as_json: bool
) -> None:
    from notifications.rendering.environment import TemplateLoader
    from portal.cli.request.execute import echo_object

    if original or (source and not wordings.source(name)):
        # An empty file is what the shell has just made for our output: the académie's copy begins with the original.
        click.echo(TemplateLoader().source(name).encode(), nl=False)
    elif source:
        click.echo(wordings.source(name).encode(), nl=False)
    elif as_json:
        echo_object(shape(name, wordings))
    else:
        write(name, wordings, settings.folder)


def _found(name: str) -> str:
    from notifications.authoring.reference import full_name
    from notifications.rendering.environment import own_names

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
    help="Montre un courriel avec des données d'exemple et les réglages de l'installation, sans rien envoyer ; le code"
    " est masqué. Sans nom, la liste des courriels.",
)
@click.argument("kind", metavar="[COURRIEL]", required=False, type=_MAIL, help=f"Le courriel.{_MAIL.paragraph}")
@click.option("--example", metavar="NOM", help="Un autre exemple du même courriel ; à défaut le premier.")
@click.option("--html", is_flag=True, help="Écrit la page HTML.")
@click.option("--open", "in_browser", is_flag=True, help="Ouvre la page HTML dans le navigateur.")
@pass_cli_context
def preview(context: CliContext, /, kind: AnyKind | None, example: str | None, html: bool, in_browser: bool) -> None:
    from notifications.rendering.environment import TemplateLoader, TemplatesRefused
    from workflow.app import template_problems

    if kind is None:
        if example or html or in_browser:
            raise click.UsageError("Dire quel courriel montrer, par exemple : oda mail preview declared")
        emit([{"name": one.value, "title": one.label, "examples": _examples(one)} for one in _MAILS], _KINDS, False)
        return
    name = _example(kind, example)
    settings = context.settings()
    wordings = TemplateLoader(settings.templates_folder)
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
    from notifications.authoring.examples import examples_of

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
