"""YAML read as text: every scalar stays what was typed, and every key keeps its line.

YAML's own guesses (09 in octal, 12:30 in base 60, « no » as false, dates) never happen: the models decide the types.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

from workflow.settings.problems import Problem, shown
from workflow.settings.yaml_errors import NotAllowed, french_problem

KeyPath = tuple[str | int, ...]
MAX_DEPTH = 12
_NULL = "tag:yaml.org,2002:null"
_STANDARD_TAGS = "tag:yaml.org,2002:"
_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "merge", "value", "seq", "map"}


@dataclass
class Document:
    """What a file holds: values (text, None, lists, dicts), the line of each key path, and what is wrong."""

    values: object = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, path: KeyPath) -> int | None:
        """The line of this key, or of the closest section around it; None when the file has neither."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_document(text: str) -> Document:
    """Read a whole file; never raises on its content."""
    document = Document()
    try:
        node = yaml.compose(text, Loader=_PlainLoader)
    except yaml.YAMLError as error:
        document.problems.append(french_problem(error, text))
        return document
    if node is not None:
        document.values = _value(node, (), document)
    return document


class _PlainLoader(yaml.SafeLoader):
    """No alias (a few lines of them fill a memory) and no deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise NotAllowed("les alias YAML (*nom) ne sont pas admis : recopier la valeur", mark)
        if self.depth >= MAX_DEPTH:
            raise NotAllowed(f"plus de {MAX_DEPTH} niveaux imbriqués", mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _value(node: yaml.Node, path: KeyPath, document: Document) -> object:
    tag = node.tag.removeprefix(_STANDARD_TAGS)
    if tag not in _TAGS:
        message = f"l'étiquette YAML « {shown(tag)} » n'est pas admise : donner la valeur seule"
        document.problems.append(Problem(_line(node), _dotted(path), message))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return _sequence(node, path, document)
    return None if node.tag == _NULL else str(node.value)


def _sequence(node: yaml.SequenceNode, path: KeyPath, document: Document) -> list[object]:
    items = []
    for index, item in enumerate(node.value):
        document.lines[*path, index] = _line(item)
        items.append(_value(item, (*path, index), document))
    return items


def _mapping(node: yaml.MappingNode, path: KeyPath, document: Document) -> dict[str, object]:
    values: dict[str, object] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            message = "une clé est un simple mot ; mettre entre guillemets un texte qui contient des accolades"
            document.problems.append(Problem(_line(key_node), _dotted(path), message))
            continue
        key = str(key_node.value)
        here = (*path, key)
        if here in document.lines:
            message = f"cette clé est déjà à la ligne {document.lines[here]} : garder une seule des deux"
            document.problems.append(Problem(_line(key_node), _dotted(here), message))
            continue
        document.lines[here] = _line(key_node)
        if not _is_left_empty(value_node):
            values[key] = _value(value_node, here, document)
    return values


def _is_left_empty(node: yaml.Node) -> bool:
    """``key:`` and nothing after it counts as a key not given; an explicit ``null`` is a value."""
    return node.tag == _NULL and not node.value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _dotted(path: KeyPath) -> str:
    return ".".join(part for part in path if isinstance(part, str))
