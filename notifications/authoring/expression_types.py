"""The expressions of a template: each has a type, and each name, attribute, filter and test in it exists (R68)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Protocol, Union, get_args, get_origin, get_type_hints

from jinja2 import Environment, nodes

from notifications.messages.catalogue import CATALOGUE, MailContext, facts_class
from notifications.vocabulary import AnyKind, Audience, Kind, TransientMail

# What the reading of a template finds, before it is told.


Names = dict[str, Any]
"""The names that a place of a template knows, each with its type."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: its template and line, French words, what was written, and what could have been."""

    template: str
    line: int | None
    message: str
    wrong: str = ""
    known: frozenset[str] = frozenset()


def constants(node: nodes.Expr) -> list[str] | None:
    """The texts that a literal, or a list of them, stands for; None when it must be computed."""
    items: list[Any] = node.items if isinstance(node, nodes.List | nodes.Tuple) else [node]
    values = [one.value for one in items if isinstance(one, nodes.Const) and isinstance(one.value, str)]
    return values if len(values) == len(items) else None


def spelled(node: nodes.Node | None) -> str:
    """An expression as its author wrote it, when it is a chain of names; ``…`` stands for the rest."""
    match node:
        case nodes.Name():
            return str(node.name)
        case nodes.Getattr():
            return f"{spelled(node.node)}.{node.attr}"
        case nodes.Getitem(arg=nodes.Const(value=key)):
            return f"{spelled(node.node)}[{key!r}]"
        case nodes.Const():
            return repr(node.value)
    return "…"


# What a template may know of each kind of mail, as types: the names given to it, and what each one has (R68).


class NoSuchMember(Exception):
    """The value has nothing of that name; ``known`` is what it has."""

    def __init__(self, known: tuple[str, ...] = ()) -> None:
        super().__init__(known)
        self.known = known


def names_of(kind: AnyKind) -> dict[str, Any]:
    """The names that a template of this mail is given, with their types; Literal for what never changes."""
    facts = facts_class(kind)
    entry = None if isinstance(kind, TransientMail) else CATALOGUE[kind]
    return {
        **{name: hint for name, hint in members(facts).items() if name in fields_of(facts)},
        "kind": Literal[kind],
        "has_code": Literal[bool(entry and entry.has_code)],
        "for_operators": Literal[entry is None or entry.audience is Audience.OPERATORS],
        "here": MailContext,
        "slot": str,
        "facts": facts,
    }


FRAME_NAMES: Final = dict.fromkeys(("subject", "title", "preview", "content", "foot", "signature", "academie"), str)
"""What the page around the HTML of every mail is given: each is HTML already."""


@cache
def names_of_some_mail() -> frozenset[str]:
    """Every fact's name: a part shared by several mails may ask whether it is there."""
    return frozenset(name for entry in CATALOGUE.values() for name in fields_of(entry.facts))


def plain(hint: Any) -> Any:
    """The type without ``None``, a constant's own type; ``Any`` when several remain."""
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        left = [one for one in get_args(hint) if one is not NoneType]
        return plain(left[0]) if len(left) == 1 else Any
    return hint


def constant(hint: Any) -> Any:
    """The value of what never changes in a mail; None when it may."""
    return get_args(hint)[0] if get_origin(hint) is Literal else None


@cache
def members(record: Any) -> dict[str, Any]:
    """The fields and then the properties of a frozen record, with their types."""
    hints = get_type_hints(record)
    own = {name: hints[name] for name in fields_of(record)}
    classes = reversed(record.__mro__)
    found = {name: value for one in classes for name, value in vars(one).items() if isinstance(value, property)}
    return own | {name: get_type_hints(one.fget)["return"] for name, one in found.items() if name[0] != "_"}


def member(hint: Any, name: str) -> Any:
    """The type of ``value.name``. Raises NoSuchMember."""
    if name.startswith("_"):
        raise NoSuchMember
    owner = plain(hint)
    if owner is Any:
        return Any
    if is_dataclass(owner) and isinstance(owner, type):
        known = members(owner)
        if name not in known and not callable(getattr(owner, name, None)):
            raise NoSuchMember(tuple(known))
        return known.get(name, Any)
    if isinstance(owner, type) and issubclass(owner, Enum) and name in ("label", "value", "name"):
        return str
    if not hasattr(get_origin(owner) or owner, name):
        raise NoSuchMember(("label", "value") if isinstance(owner, type) and issubclass(owner, Enum) else ())
    return Any


def item(hint: Any) -> Any:
    """The type of what a sequence holds; Any when nobody knows."""
    kind = plain(hint)
    return get_args(kind)[0] if get_origin(kind) in (tuple, list) else Any


def words(hint: Any) -> tuple[str, ...]:
    """The stored values of a closed list of words; none for any other type."""
    kind = plain(hint)
    if kind in (Kind, TransientMail):  # a part that mails share may ask for any of them
        return tuple(one.value for one in (*Kind, *TransientMail))
    return tuple(str(one.value) for one in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ()


def fields_of(record: Any) -> tuple[str, ...]:
    """The names of a frozen record's fields, in their order."""
    return tuple(field.name for field in fields(record))


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
