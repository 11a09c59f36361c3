"""The expressions of a template: each has a type, and each name, attribute, filter and test in it exists (R68)."""

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from jinja2 import Environment, nodes

from notifications.wordings_finding import Names, constants, spelled
from notifications.wordings_types import NoSuchMember, constant, item, member, names_of_some_mail, words

_ALWAYS: Final = ("self", "super")
_SAME: Final = ("sort", "reject", "select", "list", "reverse", "unique", "selectattr", "rejectattr")
"""Filters that hand on items of the same kind."""
_FIRST: Final = ("first", "last", "random", "min", "max")
_BY_ATTRIBUTE: Final = ("map", "sort", "unique", "sum", "groupby", "min", "max", "join")
_BY_FIRST_ARGUMENT: Final = ("selectattr", "rejectattr", "groupby")
_ASKS: Final = ("defined", "undefined")


class Report(Protocol):
    """Says what is wrong with a node."""

    def __call__(self, node: nodes.Node, message: str, wrong: str = "", known: Iterable[str] = ()) -> None: ...


class Expressions:
    """Types expressions, reporting what does not exist; ``on_super`` is told of ``super()``."""

    def __init__(self, environment: Environment, report: Report, on_super: Callable[[nodes.Node, Names], None]) -> None:
        self._environment = environment
        self._report = report
        self._on_super = on_super

    def type_of(self, node: nodes.Node, names: Names) -> Any:
        """The type of an expression; Any when it cannot be known."""
        match node:
            case nodes.TemplateData():
                return str
            case nodes.Const():
                return type(node.value)
            case nodes.Name():
                return self._name(node, names)
            case nodes.Getattr():
                return self._member(node, node.attr, names)
            case nodes.Getitem():
                return self._item(node, names)
            case nodes.Filter():
                return self._filter(node, names)
            case nodes.Test():
                return self._test(node, names)
            case nodes.And() | nodes.Or():
                self.type_of(node.left, names)
                if self.truth(node.left, names) is not isinstance(node, nodes.Or):
                    self.type_of(node.right, names)
            case nodes.CondExpr():
                return self._either(node, names)
            case nodes.Compare():
                self._compare(node, names)
            case nodes.Call(node=nodes.Name(name="super")):
                self._on_super(node, names)
            case _:
                for child in node.iter_child_nodes():
                    self.type_of(child, names)
        return Any

    def truth(self, node: nodes.Node, names: Names) -> bool | None:
        """Whether a condition always, or never, holds in this mail; None when it depends."""
        match node:
            case nodes.Const():
                return bool(node.value)
            case nodes.Name():
                value = constant(names.get(node.name))
                return None if value is None else bool(value)
            case nodes.Not():
                inner = self.truth(node.node, names)
                return None if inner is None else not inner
            case nodes.And() | nodes.Or():
                decides = isinstance(node, nodes.Or)
                sides = (self.truth(node.left, names), self.truth(node.right, names))
                return decides if decides in sides else None if None in sides else not decides
            case nodes.Test(node=nodes.Name()) if node.name in _ASKS:
                return self._is_known(spelled(node.node), names) is (node.name == "defined")
            case nodes.Compare(ops=[nodes.Operand(op="eq" | "ne" | "in" | "notin")]):
                value, wanted = constant(self._quietly(node.expr, names)), constants(node.ops[0].expr)
                if value is not None and wanted is not None:
                    return (value in wanted) is (node.ops[0].op in ("eq", "in"))
        return None

    def _quietly(self, node: nodes.Node, names: Names) -> Any:
        return names.get(node.name) if isinstance(node, nodes.Name) else None

    def _is_known(self, name: str, names: Names) -> bool:
        return name in names or name in _ALWAYS or name in self._environment.globals

    def _name(self, node: nodes.Name, names: Names) -> Any:
        if not self._is_known(node.name, names):
            if node.name in self._environment.filters:
                self._report(node, f"« {node.name} » est un filtre : l'écrire après une barre, « valeur|{node.name} »")
            else:
                self._report(node, f"« {node.name} » n'existe pas", node.name, names)
        return names.get(node.name, Any)

    def _member(self, node: nodes.Getattr | nodes.Getitem, name: str, names: Names) -> Any:
        return self._has(node, self.type_of(node.node, names), name, spelled(node))

    def _has(self, node: nodes.Node, owner: Any, name: str, written: str) -> Any:
        try:
            return member(owner, name)
        except NoSuchMember as error:
            why = "est interdit : un modèle n'emploie que ce qu'on lui donne" if name[:1] == "_" else "n'existe pas"
            self._report(node, f"« {written} » {why}", name, error.known)
        return Any

    def _item(self, node: nodes.Getitem, names: Names) -> Any:
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return self._member(node, node.arg.value, names)
        owner = self.type_of(node.node, names)
        self.type_of(node.arg, names)
        return owner if isinstance(node.arg, nodes.Slice) else item(owner)

    def _filter(self, node: nodes.Filter, names: Names) -> Any:
        if node.name not in self._environment.filters:
            self._report(node, f"le filtre « {node.name} » n'existe pas", node.name, self._environment.filters)
        if node.name in ("default", "d") and self._may_miss(node.node):
            owner = names.get(getattr(node.node, "name", ""), Any)
        else:
            owner = self.type_of(node.node, names) if node.node else Any
        for argument in (*node.args, *(pair.value for pair in node.kwargs)):
            self.type_of(argument, names)
        by = self._attribute(node)
        found = item(owner)
        for name in by.split(".") if by else ():
            found = item(found) if name.isdigit() else self._has(node, found, name, f"{spelled(node.node)} → {by}")
        if node.name in _FIRST:
            return item(owner)
        if node.name == "map" and by:
            return tuple[found, ...]  # type: ignore[valid-type]
        return owner if node.name in _SAME else Any

    def _attribute(self, node: nodes.Filter) -> str:
        """The attribute by which a filter looks at the items of a list."""
        named = [pair.value for pair in node.kwargs if pair.key == "attribute" and node.name in _BY_ATTRIBUTE]
        found = named or (node.args[:1] if node.name in _BY_FIRST_ARGUMENT else [])
        return found[0].value if found and isinstance(found[0], nodes.Const) and found[0].value else ""

    def _test(self, node: nodes.Test, names: Names) -> Any:
        if node.name not in self._environment.tests:
            self._report(node, f"le test « {node.name} » n'existe pas", node.name, self._environment.tests)
        if not (node.name in _ASKS and self._may_miss(node.node)):
            self.type_of(node.node, names)
        for argument in node.args:
            self.type_of(argument, names)
        return bool

    def _may_miss(self, node: nodes.Node | None) -> bool:
        """Whether a template may ask if this is there: it is, in another mail that shares the template."""
        return isinstance(node, nodes.Name) and node.name in names_of_some_mail()

    def _either(self, node: nodes.CondExpr, names: Names) -> Any:
        self.type_of(node.test, names)
        truth = self.truth(node.test, names)
        sides = [node.expr1] if truth is not False else []
        if truth is not True and node.expr2:
            sides.append(node.expr2)
        kinds = [self.type_of(side, names) for side in sides]
        return kinds[0] if kinds and kinds[0] == kinds[-1] else Any

    def _compare(self, node: nodes.Compare, names: Names) -> None:
        """A closed list of words is compared with one of its words."""
        known = words(self.type_of(node.expr, names))
        for operand in node.ops:
            self.type_of(operand.expr, names)
            for word in constants(operand.expr) or () if known else ():
                if word not in known:
                    message = f"« {word} » n'est pas une valeur de « {spelled(node.expr)} »"
                    self._report(operand.expr, message, word, known)
