"""One mail's templates read as its rendering would follow them: every name written is one that it is given (R68)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError, nodes

from notifications.authoring.expression_types import Expressions, Finding, Names, constants, item
from notifications.rendering.environment import TemplateLoader

# A template with those that it extends, and the blocks that each gives (R68).


Definition: TypeAlias = tuple[str, nodes.Block]
"""A block, and the template that gives it."""


class Shelf:
    """The syntax trees of the templates, each parsed once."""

    def __init__(self, wordings: TemplateLoader) -> None:
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


class Walk:
    """What is wrong with ``template`` and all that it draws in is in ``found``; the names of all these in ``used``."""

    def __init__(self, shelf: Shelf, template: str, names: Names) -> None:
        self.found: list[Finding] = []
        self.used: set[str] = set()
        self._shelf = shelf
        self._names = names
        self._chain = Chain()
        self._open: list[str] = []
        self._active: list[str] = []
        self._within: list[Definition] = []
        self._expressions = Expressions(shelf.environment, self._report, self._super)
        self._page(template, dict(names))

    def _report(self, node: nodes.Node, message: str, wrong: str = "", known: Iterable[str] = ()) -> None:
        self.found.append(Finding(self._open[-1], node.lineno, message, wrong, frozenset(known)))

    def _page(self, name: str, names: Names) -> None:
        """Read a template with all that it extends; its blocks are its own."""
        outer = self._chain, self._within
        self._chain, self._within = chain_of(self._shelf, name, self.found), []
        names_of_all = [one for one, _ in self._chain.trees]
        self.used.update(names_of_all)
        self._active += names_of_all
        for position, (one, tree) in enumerate(self._chain.trees):
            self._open.append(one)
            if position < len(self._chain.trees) - 1:
                self.found += check_derived(self._shelf, self._chain, position)
                self._body([node for node in tree.body if not isinstance(node, _ONLY_BLOCKS)], names)
            else:
                self._body(tree.body, names)
            self._open.pop()
        del self._active[len(self._active) - len(names_of_all) :]
        self._chain, self._within = outer

    def _body(self, body: Iterable[nodes.Node], names: Names) -> None:
        for node in body:
            self._statement(node, names)

    def _statement(self, node: nodes.Node, names: Names) -> None:
        match node:
            case nodes.Block():
                self._block(node, names)
            case nodes.If():
                self._if(node, names)
            case nodes.For():
                self._for(node, names)
            case nodes.Include():
                self._include(node, names)
            case nodes.Assign():
                _bind(node.target, self._expressions.type_of(node.node, names), names)
            case nodes.AssignBlock():
                self._body(node.body, dict(names))
                _bind(node.target, Any, names)
            case nodes.With():
                given = [self._expressions.type_of(value, names) for value in node.values]
                inner = dict(names)
                for target, kind in zip(node.targets, given, strict=True):
                    _bind(target, kind, inner)
                self._body(node.body, inner)
            case nodes.Macro() | nodes.CallBlock():
                self._macro(node, names)
            case nodes.Import() | nodes.FromImport():
                self._import(node, names)
            case nodes.FilterBlock():
                self._expressions.type_of(node.filter, names)
                self._body(node.body, dict(names))
            case nodes.Expr():
                self._expressions.type_of(node, names)
            case _:
                self._body(node.iter_child_nodes(), names)

    def _block(self, node: nodes.Block, names: Names) -> None:
        definitions = self._chain.blocks[node.name]
        if definitions[0] in self._within:
            return  # written twice in one template, one within the other: Jinja refuses it
        name, first = definitions[0]
        if node.required and first is node:
            message = f"il manque le bloc « {node.name} », que {name} demande"
            self.found.append(Finding(self._chain.trees[0][0], None, message))
        self._definition((name, first), names)

    def _definition(self, definition: Definition, names: Names) -> None:
        self._open.append(definition[0])
        self._within.append(definition)
        self._body(definition[1].body, dict(names))
        self._within.pop()
        self._open.pop()

    def _super(self, node: nodes.Node, names: Names) -> None:
        """``super()``: the same block as the template extended has it."""
        inner = self._within[-1] if self._within else None
        definitions = self._chain.blocks[inner[1].name] if inner else []
        after = definitions[definitions.index(inner) + 1 :] if inner else []
        if after:
            self._definition(after[0], names)
        else:
            self._report(node, "« super() » : il n'y a pas ici de bloc à reprendre")

    def _if(self, node: nodes.If, names: Names) -> None:
        for branch in (node, *node.elif_):
            self._expressions.type_of(branch.test, names)
            truth = self._expressions.truth(branch.test, names)
            if truth is not False:
                self._body(branch.body, names)
            if truth:
                return
        self._body(node.else_, names)

    def _for(self, node: nodes.For, names: Names) -> None:
        inner = {**names, "loop": Any}
        _bind(node.target, item(self._expressions.type_of(node.iter, names)), inner)
        if node.test:
            self._expressions.type_of(node.test, inner)
        self._body(node.body, inner)
        self._body(node.else_, dict(names))

    def _include(self, node: nodes.Include, names: Names) -> None:
        name = named(self._shelf, self.found, self._open[-1], node, may_miss=node.ignore_missing)
        if name in self._active:
            self._report(node, f"« {name} » s'inclut lui-même")
        elif name:
            self._page(name, dict(names) if node.with_context else {})

    def _import(self, node: nodes.Import | nodes.FromImport, names: Names) -> None:
        name = named(self._shelf, self.found, self._open[-1], node)
        if name in self._active:
            self._report(node, f"« {name} » s'importe lui-même")
        elif name:
            self._page(name, dict(self._names) if node.with_context else {})
        names |= dict.fromkeys(_imported(node), Any)

    def _macro(self, node: nodes.Macro | nodes.CallBlock, names: Names) -> None:
        if isinstance(node, nodes.CallBlock):
            self._expressions.type_of(node.call, names)
        else:
            names[node.name] = Any
        for default in node.defaults:
            self._expressions.type_of(default, names)
        self._body(node.body, names | dict.fromkeys((*(arg.name for arg in node.args), *_IN_MACROS), Any))


_IN_MACROS: Final = ("varargs", "kwargs", "caller")


_ONLY_BLOCKS: Final = (nodes.Block, nodes.Extends, nodes.Output)
"""What stands at the top of a template that extends another, and is not run there."""


def _imported(node: nodes.Import | nodes.FromImport) -> Iterator[str]:
    if isinstance(node, nodes.Import):
        yield node.target
    else:
        yield from (one if isinstance(one, str) else one[1] for one in node.names)


def _bind(target: nodes.Node, kind: Any, names: Names) -> None:
    """Give a name of the template its type; each name of ``{% for a, b in … %}`` may be anything."""
    if isinstance(target, nodes.Name):
        names[target.name] = kind
        return
    for one in target.find_all(nodes.Name):
        names[one.name] = Any
