"""What the reading of a template finds, before it is told."""

from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

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
