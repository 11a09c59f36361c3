"""A key that no section knows: misspelt, out of place, or a secret."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import get_args

from notifications.settings import Section
from workflow.settings.model import Settings
from workflow.settings.nodes import KeyPath
from workflow.settings.secrets import environment_name

_SECRET = re.compile(r"pass|mot_?de_?passe|\bmdp|secret|token|jeton|cl[eé]|(^|[_-])(key|pin|pwd|mdp)$", re.IGNORECASE)
_SECRET_OF = {"mail": "smtp-password", "database": "database-password", "removals": "connector-key"}


def unknown_key(path: KeyPath, value: object) -> str:
    """What to tell of an unknown key, in French; its value is never quoted."""
    key = str(path[-1])
    if _SECRET.search(key) and not isinstance(value, dict | list):
        return _secret_elsewhere(path)
    known = list(_section_at(path[:-1]).model_fields)
    if close := get_close_matches(key.lower(), known, n=1):
        return f"clé inconnue ; vouliez-vous dire « {close[0]} » ?"
    if places := [place for place in _every_key(Settings) if place.rpartition(".")[2] == key]:
        return f"clé inconnue ici ; sa place est {' ou '.join(places)}"
    return f"clé inconnue ; les clés de cette section sont {', '.join(known)}"


def _secret_elsewhere(path: KeyPath) -> str:
    """Where a secret goes; the section says which one when it can."""
    name = _SECRET_OF.get(str(path[0]))
    if name is None:
        return "un secret n'a pas sa place dans ce fichier : le mettre dans le dossier des secrets (secrets.directory)"
    return (
        "un secret n'a pas sa place dans ce fichier : le mettre dans le fichier"
        f" secrets/{name} (chmod 600) ou dans la variable {environment_name(name)}"
    )


def _section_at(path: KeyPath) -> type[Section]:
    section: type[Section] = Settings
    for part in path:
        if part in section.model_fields:  # else it is the index of a list, or a year
            section = _section_of(section.model_fields[str(part)].annotation) or section
    return section


def _section_of(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _section_of(inner))), None)


def _every_key(section: type[Section], prefix: str = "") -> Iterator[str]:
    for name, found in section.model_fields.items():
        yield prefix + name
        if inner := _section_of(found.annotation):
            yield from _every_key(inner, f"{prefix}{name}.")
