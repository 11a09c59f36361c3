"""Settings as they are written: in YAML read as text, and in the environment of a container.

YAML's own guesses (09 in octal, 12:30 in base 60, « no » as false, dates) never happen: every scalar stays what was
typed, every key keeps its line, the models decide the types. A variable ``ODA__PORTAL__ADDRESS`` is ``portal.address``:
it comes before the file, and is read as the file is. Its value is a text, unless it begins as a list or a section of
YAML does (``[a, b]``, ``{key: value}``); an empty one counts as not given.

A value of the wrong form is told in French, by pydantic's kind of error, whether a file or a program gives it: whoever
reports it names the field its own way, and decides whether to quote it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.reader import ReaderError

from states.validation import is_invisible

OTHER_ERROR: Final = "cette valeur n'est pas admise"

_MESSAGES: Final = {
    "string_type": "un texte est attendu",
    "int_type": "un nombre entier est attendu",
    "int_parsing": "« {input} » n'est pas un nombre entier",
    "int_from_float": "« {input} » n'est pas un nombre entier",
    "int_parsing_size": "ce nombre est trop grand",
    "bool_type": "ni vrai ni faux",
    "bool_parsing": "« {input} » n'est ni vrai ni faux",
    "literal_error": "« {input} » n'est pas admis",
    "too_long": "cette liste est trop longue",
    "string_too_long": "ce texte est trop long",
    "greater_than_equal": "{input} est trop petit",
    "less_than_equal": "{input} est trop grand",
}

_ALLOWED: Final = {
    "bool_type": "true ou false",
    "bool_parsing": "true ou false",
    "literal_error": "{expected}",
    "too_long": "{max_length} valeurs au plus",
    "string_too_long": "{max_length} caractères au plus",
    "greater_than_equal": "{ge} ou plus",
    "less_than_equal": "{le} ou moins",
}

MAX_PROBLEMS: Final = 50
"""Problems that a SettingsError prints."""

MAX_DEPTH: Final = 12

KeyPath = tuple[str | int, ...]

_STANDARD_TAGS: Final = "tag:yaml.org,2002:"

_NULL: Final = f"{_STANDARD_TAGS}null"

_TAGS: Final = {"str", "int", "float", "bool", "null", "timestamp", "merge", "value", "seq", "map"}

PREFIX: Final = "ODA__"

SEPARATOR: Final = "__"


def error_message(kind: str, quoted: str | None = None) -> str:
    """Say what is wrong, in French; without ``quoted``, the value is not repeated: it may be a code."""
    message = _MESSAGES.get(kind, OTHER_ERROR)
    if quoted is None:
        return message.replace("« {input} »", "ce texte").replace("{input}", "ce nombre")
    return message.replace("{input}", quoted)


def allowed_values(kind: str, context: Mapping[str, Any]) -> str | None:
    """Say which values are allowed, in French, with the bounds of the error's context; None when unknown."""
    if kind not in _ALLOWED:
        return None
    return _ALLOWED[kind].format_map(context).replace("'", "").replace(" or ", " ou ")


def quote(value: object, width: int = 60) -> str:
    """Shorten a value to quote it in a message: one line, no invisible character."""
    text = " ".join(str(value).split())
    text = "".join("·" if is_invisible(character) else character for character in text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


@dataclass(frozen=True, slots=True)
class SettingsProblem:
    """One thing to mend: its line (from 1; None when it has none), its dotted key (may be empty), what and how.

    ``variable`` names the one of the environment that gives the value, where the file does not.
    """

    line: int | None
    key: str
    message: str
    allowed: str | None = None
    variable: str | None = None

    def __str__(self) -> str:
        sentence = f"{self.key} : {self.message}" if self.key else self.message
        return f"{sentence} ; valeurs permises : {self.allowed}" if self.allowed else sentence


class SettingsError(Exception):
    """The settings cannot be used. ``problems`` holds everything that is wrong, in the order of the file."""

    def __init__(self, path: Path, problems: Sequence[SettingsProblem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__(path, self.problems)

    def __str__(self) -> str:
        lines = []
        for problem in self.problems[:MAX_PROBLEMS]:
            place = f"{self.path}, ligne {problem.line}" if problem.line else str(self.path)
            lines.append(f"variable {problem.variable} : {problem}" if problem.variable else f"{place} : {problem}")
        if (others := len(self.problems) - MAX_PROBLEMS) > 0:
            lines.append(f"{self.path} : et {others} autres problèmes")
        return "\n".join(lines)


@dataclass
class YamlDocument:
    """The content of a file: values (text, None, lists, dicts), the line of each key path, and its problems.

    ``variables`` are those of the environment that gave a value in the place of the file.
    """

    values: object = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    variables: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[SettingsProblem] = field(default_factory=list)

    def line_of(self, path: KeyPath) -> int | None:
        """The line of this key, or of the closest section around it; None when the file has neither."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def variable_of(self, path: KeyPath) -> str | None:
        """The variable that gave this key, or the section around it, or, absent from the file, a key in it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.variables:
                return self.variables[path[:length]]
        inner = (name for given, name in self.variables.items() if given[: len(path)] == path)
        return None if path in self.lines else next(inner, None)


def read_document(text: str) -> YamlDocument:
    """Read a whole file; never raises on its content."""
    document = YamlDocument()
    try:
        node = yaml.compose(text, Loader=_PlainLoader)
    except yaml.YAMLError as error:
        document.problems.append(_yaml_problem(error, text))
        return document
    if node is not None:
        document.values = _value(node, (), document)
    return document


class _NotAllowed(yaml.MarkedYAMLError):
    """Valid YAML that a settings file may not use; ``problem`` says which, in French."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _PlainLoader(yaml.SafeLoader):
    """Refuse aliases (a few lines of them fill a memory) and deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise _NotAllowed("les alias YAML (*nom) ne sont pas admis : recopier la valeur", mark)
        if self.depth >= MAX_DEPTH:
            raise _NotAllowed(f"plus de {MAX_DEPTH} niveaux imbriqués", mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def overrides_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that give a setting, with their values."""
    return {name: text for name, text in sorted(environ.items()) if name.startswith(PREFIX) and text.strip()}


def setting_of(variable: str) -> tuple[str, ...]:
    """The path of the setting that a variable gives."""
    return tuple(variable.removeprefix(PREFIX).lower().split(SEPARATOR))


def apply_overrides(document: YamlDocument, overrides: Mapping[str, str]) -> None:
    """Put each value in its place in the document; what cannot be becomes one of its problems."""
    for variable in sorted(overrides, key=lambda name: (name.count(SEPARATOR), name)):  # a section, then its keys
        path = setting_of(variable)
        document.variables[path] = variable
        problem = _put(document.values, path, overrides[variable])
        if problem:
            document.problems.append(SettingsProblem(None, ".".join(path), problem, variable=variable))


def _yaml_problem(error: yaml.YAMLError, text: str) -> SettingsProblem:
    """Say where the text is not YAML, with the parser's own words, which are in English."""
    line, words = None, str(error)
    if isinstance(error, ReaderError):
        line, words = text.count("\n", 0, error.position) + 1, str(error.reason)
    elif isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        words = ", ".join(part for part in (error.context, error.problem) if part)
    if isinstance(error, _NotAllowed):
        return SettingsProblem(line, "", words)
    advice = "vérifier le retrait, les deux-points et les guillemets"
    return SettingsProblem(line, "", f"ce n'est pas du YAML (« {quote(words, 150)} ») ; {advice}")


def _value(node: yaml.Node, path: KeyPath, document: YamlDocument) -> object:
    tag = node.tag.removeprefix(_STANDARD_TAGS)
    if tag not in _TAGS:
        _report(document, node, path, f"l'étiquette YAML « {quote(tag)} » n'est pas admise : donner la valeur seule")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            document.lines[*path, index] = _line(item)
            items.append(_value(item, (*path, index), document))
        return items
    return None if node.tag == _NULL else str(node.value)


def _mapping(node: yaml.MappingNode, path: KeyPath, document: YamlDocument) -> dict[str, object]:
    values: dict[str, object] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            message = "une clé est un simple mot ; mettre entre guillemets un texte qui contient des accolades"
            _report(document, key_node, path, message)
            continue
        key_path = (*path, key := str(key_node.value))
        if first := document.lines.get(key_path):
            message = f"cette clé est déjà à la ligne {first} : garder une seule des deux"
            _report(document, key_node, key_path, message)
            continue
        document.lines[key_path] = _line(key_node)
        # ``key:`` and nothing after it counts as a key not given; an explicit ``null`` is a value.
        if value_node.tag != _NULL or value_node.value:
            values[key] = _value(value_node, key_path, document)
    return values


def _report(document: YamlDocument, node: yaml.Node, path: KeyPath, message: str) -> None:
    key = ".".join(part for part in path if isinstance(part, str))
    document.problems.append(SettingsProblem(_line(node), key, message))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _put(values: object, path: tuple[str, ...], text: str) -> str | None:
    """Set one value; return what is wrong, in French."""
    if not all(path):
        return "ce nom n'est celui d'aucun réglage ; l'écrire ODA__SECTION__CLE, les niveaux séparés par « __ »"
    value: object = None if text.strip() == "null" else text
    if text.lstrip().startswith(("[", "{")):
        read = read_document(text)
        if read.problems:
            return read.problems[0].message
        value = read.values
    for part in path[:-1]:
        if not isinstance(values, dict):
            break
        if values.get(part) is None:
            values[part] = {}
        values = values[part]
    if not isinstance(values, dict):
        return "ce réglage n'est pas une section ; donner sa valeur entière, une liste s'écrivant [valeur, valeur]"
    values[path[-1]] = value
    return None
