"""A template described for whoever replaces it: what it may use, and where to put one's own (R68)."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from notifications.exports import REMOVALS, Removal
from notifications.reference_names import Known, choices_in, choices_of, facts_of, frame, of_export, settings
from notifications.reference_uses import kind_of, papers_with, title_of, users_of
from notifications.reference_words import ALWAYS, FILTERS
from notifications.rendering import FRAME
from notifications.vocabulary import Kind
from notifications.wordings import Wordings
from portal.cli.cells import printable
from portal.cli.request.paper import Paper
from states import french


def row(name: str, wordings: Wordings) -> dict[str, Any]:
    """A line of the listing."""
    path = str(wordings.path_of(name)) if name in wordings.overridden() else None
    status = f"remplacé : {path}" if path else "d'origine"
    return {"name": name, "title": title_of(name), "replaced": path is not None, "path": path, "status": status}


def shape(name: str, wordings: Wordings) -> dict[str, Any]:
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


def write(name: str, wordings: Wordings, folder: Path) -> None:
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
