"""Which templates draw in which: who is concerned when one is replaced (R68)."""

from functools import cache

from notifications.catalogue import template_of
from notifications.examples import EXAMPLES, SURROUNDINGS
from notifications.papers import papers_of
from notifications.papers.sources import COMMON
from notifications.reference_words import TITLES
from notifications.rendering import FRAME
from notifications.vocabulary import AnyKind, Kind, Unstored
from notifications.wordings import Wordings, own_names
from notifications.wordings_chain import Shelf
from notifications.wordings_types import names_of
from notifications.wordings_walk import Walk

_SHORT = (("mails/", ".j2"), ("mails/", ".html.j2"), ("mails/parts/", ".j2"), ("exports/", ".j2"), ("papers/", ".typ"))


def title_of(name: str) -> str:
    """What a template is, in French."""
    return TITLES[name]


def full_name(written: str) -> str | None:
    """The template meant by ``declared`` or ``mails/declared.j2``; None when there is no such one."""
    known = own_names()
    candidates = (written, f"mails/{written}", *(f"{folder}{written}{ending}" for folder, ending in _SHORT))
    spelled = (one for candidate in candidates for one in (candidate, candidate.replace("-", "_")))
    return next((one for one in spelled if one in known), None)


def kind_of(name: str) -> AnyKind | None:
    """The kind of mail whose own template this is; None for a part, the layout, a paper."""
    every: tuple[AnyKind, ...] = (*Kind, *Unstored)
    return next((kind for kind in every if template_of(kind) == name), None)


@cache
def users_of(name: str) -> tuple[Kind, ...]:
    """The mails that draw in this template, with this package's own templates."""
    if name == FRAME:
        return tuple(Kind)
    return tuple(kind for kind, used in _uses().items() if name in used)


@cache
def _uses() -> dict[Kind, frozenset[str]]:
    shelf = Shelf(Wordings())
    return {kind: frozenset(Walk(shelf, template_of(kind), names_of(kind)).used) for kind in Kind}


def papers_with(name: str) -> tuple[Kind, ...]:
    """The mails to which the paper of this template is attached; all of them for what papers share."""
    wordings = Wordings()
    found = dict.fromkeys(
        kind
        for kind, facts in EXAMPLES.values()
        for paper in papers_of(kind, facts, SURROUNDINGS, wordings)
        if name in (COMMON, paper.name.template)
    )
    return tuple(kind for kind in Kind if kind in found)
