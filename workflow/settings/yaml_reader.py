"""YAML read as text: every scalar stays what was typed, and every key keeps its line.

YAML's own guesses (09 in octal, 12:30 in base 60, « no » as false, dates) never happen: the models decide the types.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

# What is wrong with a settings file, as its author is told.


MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: its line (from 1; None when it has none), its dotted key (may be empty), what and how."""

    line: int | None
    key: str
    message: str
    allowed: str | None = None

    def __str__(self) -> str:
        said = f"{self.key} : {self.message}" if self.key else self.message
        return f"{said} ; valeurs permises : {self.allowed}" if self.allowed else said


class SettingsError(Exception):
    """The settings cannot be used. ``problems`` holds everything that is wrong, in the order of the file."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        shown = [self._located(problem) for problem in self.problems[:MAX_SHOWN]]
        if (left := len(self.problems) - MAX_SHOWN) > 0:
            shown.append(f"{self.path} : et {left} autres problèmes")
        return "\n".join(shown)

    def _located(self, problem: Problem) -> str:
        where = f"{self.path}, ligne {problem.line}" if problem.line else f"{self.path}"
        return f"{where} : {problem}"


def shown(value: object, width: int = 60) -> str:
    """A value as it may be quoted in a message: short, on one line, without invisible characters."""
    text = " ".join(str(value).split())
    text = "".join(c if c.isprintable() else "·" for c in text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


# What PyYAML says in English of a broken file, in French and with what to do.


_FRENCH = (
    ("found character '\\t'", "une tabulation ; mettre des espaces à la place"),
    (
        "that cannot start any token",
        "une valeur commence par un caractère que YAML réserve (@, %, `…) ; la mettre entre guillemets",
    ),
    (
        "mapping values are not allowed",
        "deux-points inattendus ; vérifier le retrait de la ligne, ou mettre la valeur entre guillemets",
    ),
    ("could not find expected ':'", "il manque deux-points (:) après une clé"),
    ("while scanning a quoted scalar", "un guillemet ouvert n'est pas refermé"),
    ("while scanning a double-quoted scalar", "une barre oblique inverse mal employée entre guillemets doubles"),
    ("while parsing a flow", "un crochet ou une accolade n'est pas bien refermé"),
    ("while parsing a block", "le retrait de cette ligne ne va pas avec celui des lignes voisines"),
    ("but found another document", "un seul document est admis ; ôter la ligne « --- »"),
    ("duplicate anchor", "les ancres YAML (&nom) ne sont pas admises"),
)


_OTHERWISE = "ce n'est pas du YAML ; vérifier le retrait, les deux-points et les guillemets"


class NotAllowed(yaml.MarkedYAMLError):
    """Valid YAML that a settings file may not use; ``problem`` says which, in French."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


def french_problem(error: yaml.YAMLError, text: str) -> Problem:
    """Where and why this text is not the YAML that a settings file may be."""
    if isinstance(error, ReaderError):
        found = text.count("\n", 0, error.position) + 1
        return Problem(found, "", "un caractère invisible que YAML n'admet pas ; retaper cette ligne")
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(None, "", _OTHERWISE)
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    if isinstance(error, NotAllowed):
        return Problem(line, "", str(error.problem))
    said = f"{error.context} {error.problem}"
    return Problem(line, "", next((french for english, french in _FRENCH if english in said), _OTHERWISE))


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
