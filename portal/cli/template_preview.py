"""A mail made of example data, shown in the terminal or in a browser."""

import os
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifications.examples import EXAMPLES
from notifications.papers import PaperUnmakeable, papers_of
from notifications.rendering import Rendered, Renderer, Unrenderable
from notifications.wordings import Wordings
from portal.cli.cells import printable
from portal.cli.exits import CliFailure, ExitCode
from portal.cli.request.paper import Paper
from workflow.house import surroundings_of

if TYPE_CHECKING:
    from workflow.settings import Settings


def rendered(example: str, settings: "Settings", wordings: Wordings, *, must: bool) -> Rendered | None:
    """The words of an example. When they cannot be made: None, or CliFailure when they ``must``."""
    kind, facts = EXAMPLES[example]
    try:
        return Renderer(wordings).render(kind, facts, surroundings_of(settings))
    except (Unrenderable, RecursionError) as error:
        if must:
            raise CliFailure("Ce courriel ne peut pas être composé.", ExitCode.SETTINGS, [str(error)]) from error
    return None


def page(example: str, words: Rendered, settings: "Settings", wordings: Wordings, others: list[str]) -> None:
    """The mail as a page of text, as its reader would have it; ``others`` are the kind's other examples."""
    kind, _ = EXAMPLES[example]
    paper = Paper()
    paper.title(f"Aperçu — {kind.label}")
    paper.fact("Exemple", example)
    paper.fact("Autres exemples", ", ".join(others))
    paper.fact("Modèle", f"mails/{kind.value}.j2")
    paper.fact("De", settings.mail.sender)
    paper.fact("Objet", words.subject)
    paper.fact("Joint", ", ".join(_attached(example, settings, wordings)))
    click.echo()
    for line in words.body.split("\n"):
        click.echo(f"  {printable(line)}".rstrip())


def _attached(example: str, settings: "Settings", wordings: Wordings) -> list[str]:
    try:
        return [paper.filename for paper in papers_of(*EXAMPLES[example], surroundings_of(settings), wordings)]
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
