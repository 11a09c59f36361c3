"""Settings given by the environment, for a container: ``ODA__PORTAL__ADDRESS`` is ``portal.address``.

A variable comes before the file, and is read as the file is: its value is a text, unless it begins as a list or a
section of YAML does (``[a, b]``, ``{key: value}``). An empty one counts as not given.
"""

from collections.abc import Mapping
from typing import Final

from workflow.settings.yaml_reader import Document, SettingsProblem, read_document

PREFIX: Final = "ODA__"

SEPARATOR: Final = "__"


def overrides_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that give a setting, with their values."""
    return {name: text for name, text in sorted(environ.items()) if name.startswith(PREFIX) and text.strip()}


def setting_of(variable: str) -> tuple[str, ...]:
    """The path of the setting that a variable gives."""
    return tuple(variable.removeprefix(PREFIX).lower().split(SEPARATOR))


def apply_overrides(document: Document, overrides: Mapping[str, str]) -> None:
    """Put each value in its place in the document; what cannot be becomes one of its problems."""
    for variable in sorted(overrides, key=lambda name: (name.count(SEPARATOR), name)):  # a section, then its keys
        path = setting_of(variable)
        document.variables[path] = variable
        problem = _put(document.values, path, overrides[variable])
        if problem:
            document.problems.append(SettingsProblem(None, ".".join(path), problem, variable=variable))


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
