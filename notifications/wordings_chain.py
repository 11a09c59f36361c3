"""A template with those that it extends, and the blocks that each gives (R68)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError, nodes

from notifications.wordings import Wordings
from notifications.wordings_finding import Finding, constants

Definition: TypeAlias = tuple[str, nodes.Block]
"""A block, and the template that gives it."""


class Shelf:
    """The syntax trees of the templates, each parsed once."""

    def __init__(self, wordings: Wordings) -> None:
        self.wordings = wordings
        self.environment: Environment = wordings.environment
        self._trees: dict[str, nodes.Template | None] = {}

    def tree(self, name: str) -> nodes.Template | None:
        """The template's tree; None when it is missing or is not written as it must be, which is told elsewhere."""
        if name not in self._trees:
            try:
                self._trees[name] = self.environment.parse(self.wordings.source(name), name)
            except (TemplateNotFound, TemplateSyntaxError):
                self._trees[name] = None
        return self._trees[name]


@dataclass
class Chain:
    """A template and those that it extends, the most derived first; the definitions of each block in that order."""

    trees: list[tuple[str, nodes.Template]] = field(default_factory=list)
    blocks: dict[str, list[Definition]] = field(default_factory=dict)


def chain_of(shelf: Shelf, name: str, found: list[Finding]) -> Chain:
    """The chain that begins with a template; what is wrong with its links goes to ``found``."""
    chain = Chain()
    wanted: str | None = name
    while wanted is not None and (tree := shelf.tree(wanted)) is not None:
        chain.trees.append((wanted, tree))
        for block in tree.find_all(nodes.Block):
            chain.blocks.setdefault(block.name, []).append((wanted, block))
        extends = tree.find(nodes.Extends)
        parent = named(shelf, found, wanted, extends) if extends else None
        if extends and parent in {one for one, _ in chain.trees}:
            found.append(Finding(wanted, extends.lineno, f"« {parent} » se prolonge lui-même"))
            parent = None
        wanted = parent
    return chain


def named(
    shelf: Shelf,
    found: list[Finding],
    template: str,
    node: nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport,
    *,
    may_miss: bool = False,
) -> str | None:
    """The first template there is among those that a tag of ``template`` names."""
    wanted = constants(node.template)
    if wanted is None:
        message = "le nom d'un modèle inclus ou prolongé s'écrit entre guillemets, sans calcul"
        found.append(Finding(template, node.lineno, message))
        return None
    names = shelf.wordings.names()
    first = next((one for one in wanted if one in names), None)
    if first is None and not may_miss:
        message = f"le modèle « {', '.join(wanted)} » n'existe pas"
        found.append(Finding(template, node.lineno, message, wanted[0] if wanted else "", frozenset(names)))
    return first


def check_derived(shelf: Shelf, chain: Chain, position: int) -> Iterator[Finding]:
    """What a template that extends another would not show: text outside of its blocks, blocks that have no place."""
    (name, tree), parents = chain.trees[position], chain.trees[position + 1 :]
    known = frozenset(block.name for _, parent in parents for block in parent.find_all(nodes.Block))
    for node in tree.body:
        if isinstance(node, nodes.Block) and node.name not in known:
            yield _orphan(shelf, name, parents[0][0], node, known)
        elif isinstance(node, nodes.Output):
            shown = (one for one in node.nodes if not (isinstance(one, nodes.TemplateData) and not one.data.strip()))
            for first in list(shown)[:1]:
                message = "ceci est hors des blocs et ne paraîtrait pas : le mettre dans un bloc"
                yield Finding(name, first.lineno, message)


def _orphan(shelf: Shelf, name: str, parent: str, block: nodes.Block, known: frozenset[str]) -> Finding:
    """A block that has no place in the template extended: either of the two may be the académie's."""
    overridden = shelf.wordings.overridden()
    if name in overridden or parent not in overridden:
        message = f"le bloc « {block.name} » n'existe pas dans {parent}"
        return Finding(name, block.lineno, message, block.name, known)
    return Finding(parent, None, f"il manque le bloc « {block.name} », que d'autres modèles remplissent")
