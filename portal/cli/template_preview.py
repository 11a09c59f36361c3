"""A mail made of example data, shown in the terminal or in a browser."""

import os
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifications.catalogue import template_of
from notifications.examples import examples_of
from notifications.papers import PaperUnmakeable, papers_of
from notifications.rendering import Rendered, Renderer, Unrenderable
from notifications.vocabulary import AnyKind, Unstored
from notifications.wordings import Wordings
from portal.cli.cells import printable
from portal.cli.exits import CliFailure, ExitCode
from portal.cli.request.paper import Paper
from workflow.house import surroundings_of

if TYPE_CHECKING:
    from workflow.settings import Settings


def rendered(kind: AnyKind, example: str, settings: "Settings", wordings: Wordings, *, must: bool) -> Rendered | None:
    """The words of an example. When they cannot be made: None, or CliFailure when they ``must``."""
    facts, renderer, here = examples_of(kind)[example], Renderer(wordings), surroundings_of(settings)
    try:
        return renderer.render_check(facts, here) if isinstance(kind, Unstored) else renderer.render(kind, facts, here)
    except (Unrenderable, RecursionError) as error:
        if must:
            raise CliFailure("Ce courriel ne peut pas être composé.", ExitCode.SETTINGS, [str(error)]) from error
    return None


def page(kind: AnyKind, example: str, words: Rendered, settings: "Settings", wordings: Wordings) -> None:
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


def _attached(kind: AnyKind, example: str, settings: "Settings", wordings: Wordings) -> list[str]:
    if isinstance(kind, Unstored):
        return []
    facts, here = examples_of(kind)[example], surroundings_of(settings)
    try:
        return [paper.filename for paper in papers_of(kind, facts, here, wordings)]
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
