"""The texts of the public pages: ours, each replaceable by a file of the académie's, checked before it serves (R68)."""

import re
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from jinja2 import Environment, TemplateError, TemplateSyntaxError, nodes

from notifications.wordings_folder import PAGES, Contents, TemplateProblem, read_folder
from portal.web.public_facts import WORDS, Facts
from workflow.settings import Settings
from workflow.settings.portal import AccessibilitySettings

PIECES: Final = {
    "accueil.html": "l'accueil : la phrase sous le titre",
    "avant-de-commencer.html": "l'accueil : ce qu'il faut savoir et avoir sous la main",
    "demarche.html": "la démarche expliquée, avant le schéma",
    "accessibilite.html": "la déclaration d'accessibilité",
    "mentions-legales.html": "les mentions légales",
    "donnees-personnelles.html": "les données personnelles",
    "contact.html": "à qui s'adresser",
}
KNOWN: Final = frozenset({"here", "home"})
"""What a piece may name: the facts, and the address of the visitor's own home, empty for nobody."""
_KNOWN: Final = "une page ne connaît que « here », avec ce que dit docs/pages.md, et « home »"
_REFUSED: Final = (
    (re.compile(r"<h1\b", re.I), "la page a déjà son titre : commencer par <h2>"),
    (re.compile(r"<(script|style|iframe|form)\b", re.I), "cette balise est sans effet ici : l'ôter"),
    (re.compile(r"\s(style|on\w+)\s*=", re.I), "un style ou un script dans une balise est sans effet : l'ôter"),
    (re.compile(r"<(img|source|video|link)\b[^>]*(https?:)?//", re.I), "une page ne charge rien d'un autre site"),
)


def read_pieces(settings: Settings) -> Contents:
    """The académie's pieces, by their file name, and what is wrong with its files."""
    folder = settings.templates_folder
    if folder is None or not (folder / PAGES).is_dir():
        return Contents()
    return read_folder(folder / PAGES, PIECES)


def piece_problems(settings: Settings, contents: Contents, environment: Environment) -> list[TemplateProblem]:
    """All that is wrong with the académie's pieces, each with its file and line: they are read, then tried (R68)."""
    found = list(contents.problems)
    for name, text in sorted(contents.texts.items()):
        path = (settings.templates_folder or Path()) / PAGES / name
        wrong = _read(text, environment) or _tried(text, environment, settings)
        found += [TemplateProblem(path, line, said) for line, said in wrong]
    return found


def _read(text: str, environment: Environment) -> list[tuple[int | None, str]]:
    """What reading it shows."""
    try:
        tree = environment.parse(text)
        environment.compile(tree)
    except TemplateSyntaxError as error:
        return [(error.lineno, f"faute de syntaxe : {error.message}")]
    set_here = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    wrong: list[tuple[int | None, str]] = [
        (name.lineno, f"« {name.name} » n'existe pas ici : {_KNOWN}")
        for name in tree.find_all(nodes.Name) if name.ctx == "load" and name.name not in KNOWN | set_here
    ]  # fmt: skip
    wrong.extend(
        (fact.lineno, f"« here.{fact.attr} » n'existe pas : {_KNOWN}")
        for fact in tree.find_all(nodes.Getattr)
        if isinstance(fact.node, nodes.Name) and fact.node.name == "here" and fact.attr not in WORDS
    )
    called = tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends))
    wrong.extend((one.lineno, "une page n'en appelle pas d'autre : y écrire tout le texte") for one in called)
    for number, line in enumerate(text.splitlines(), 1):
        wrong.extend((number, said) for pattern, said in _REFUSED if pattern.search(line))
    return sorted(wrong, key=lambda one: one[0] or 0)


def _tried(text: str, environment: Environment, settings: Settings) -> list[tuple[int | None, str]]:
    """What showing it shows: once with all that may be missing, once without."""
    for facts, home in _examples(settings):
        try:
            environment.from_string(text).render(here=facts, home=home)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            return [(_line(), f"échoue quand on l'affiche : {error}")]
    return []


def _examples(settings: Settings) -> tuple[tuple[Facts, str], ...]:
    """The facts of a day without any time-dependent surprise: full, then as bare as settings allow."""
    facts = Facts.of(settings, date(2026, 9, 14))
    audited = AccessibilitySettings(status="partiellement", audited_on="le 1er octobre 2026", percentage=91)
    full = replace(
        facts, hosting="Rectorat", data_protection="dpd@exemple.fr", drane_address="https://drane.exemple.fr",
        accessibility=audited,
    )  # fmt: skip
    bare = replace(facts, hosting=None, data_protection=None, drane_address=None,
                   accessibility=AccessibilitySettings())  # fmt: skip
    return (full, "/etablissement"), (bare, "")


def _line() -> int | None:
    """The template's line that the exception being handled crossed last."""
    trace, line = sys.exc_info()[2], None
    while trace:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
