"""Find and read ``config.yaml``, and report all that is wrong with it at once."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from notifications.settings import Section
from workflow.settings.model import Settings
from workflow.settings.secrets import environment_name
from workflow.settings.yaml_reader import (
    KeyPath,
    SettingsError,
    SettingsProblem,
    YamlDocument,
    allowed_values,
    apply_overrides,
    error_message,
    overrides_of,
    quote,
    read_document,
)

MAX_BYTES: Final = 100_000

DEFAULT_NAME: Final = "config.yaml"

_HOW_TO_CREATE: Final = "en créer un avec « oda init DOSSIER »"

_SECTION: Final = "une section est attendue : des lignes « clé : valeur » en retrait sous celle-ci"

_MESSAGES: Final = {
    "missing": "cette clé manque",
    "date_type": "une date est attendue",
    "tuple_type": "une liste est attendue : [valeur, valeur], ou une ligne « - valeur » pour chacune",
    "too_short": "cette liste est vide",
    "dict_type": _SECTION,
    "model_type": _SECTION,
}
"""Errors told in the words of a settings file; the others share theirs with the API."""

_SECRET: Final = re.compile(
    r"pass|mot_?de_?passe|\bmdp|secret|token|jeton|cl[eé]|(^|[_-])(key|pin|pwd|mdp)$", re.IGNORECASE
)

_SECRET_OF_SECTION: Final = {"mail": "smtp-password", "database": "database-password", "removals": "connector-key"}


def find_settings(option: str | None, environ: Mapping[str, str]) -> Path:
    """Find the settings file: ``--config``, else ``ODA_CONFIG``, else ``config.yaml`` in the current folder.

    Raises SettingsError when none is named and none is there; one that is named is not looked at yet.
    """
    if name := option or environ.get("ODA_CONFIG"):
        return Path(name).expanduser()
    default = Path(DEFAULT_NAME)
    if default.exists():
        return default
    raise _unusable(
        default,
        f"aucun fichier de réglages dans {Path.cwd()} : {_HOW_TO_CREATE},"
        " ou dire où il est par --config FICHIER ou la variable ODA_CONFIG",
    )


def load_settings(path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; those that ``environ`` gives come before those of the file.

    Raises SettingsError with every problem found, each with its line, or its variable, when it has one.
    """
    overrides = overrides_of(environ or {})
    document = read_document(_read_text(path))
    if isinstance(document.values, dict):
        apply_overrides(document, overrides)
    problems = document.problems
    if document.values is None and not problems:
        raise _unusable(path, f"le fichier est vide : {_HOW_TO_CREATE}")
    if isinstance(document.values, dict):
        try:
            settings = Settings.from_values(document.values, path, overrides)
        except ValidationError as error:
            errors = error.errors(include_url=False)
            parents = {details["loc"][:-1] for details in errors}
            # Pydantic counts the items that are right: a list whose only item is wrong is said to be short as well.
            problems += [
                _problem(details, document)
                for details in errors
                if details["type"] != "too_short" or details["loc"] not in parents
            ]
    elif document.values is not None:
        message = "le fichier doit être une suite de sections « clé : », ni liste ni texte seul"
        problems.append(SettingsProblem(1, "", message))
    if problems:
        raise SettingsError(path, problems)
    return settings


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unusable(path, f"ce fichier n'existe pas : corriger le chemin, ou {_HOW_TO_CREATE}") from None
    except IsADirectoryError:
        raise _unusable(path, f"c'est un dossier : donner le fichier, par exemple {path / DEFAULT_NAME}") from None
    except PermissionError:
        raise _unusable(path, "lecture refusée : donner au compte du service le droit de lire ce fichier") from None
    except (OSError, ValueError):
        raise _unusable(path, "ce fichier ne peut pas être lu : vérifier le chemin et le disque") from None
    if len(content) > MAX_BYTES:
        raise _unusable(path, f"plus de {MAX_BYTES // 1000} ko : ce n'est pas un fichier de réglages")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unusable(path, "le fichier n'est pas en UTF-8 : l'enregistrer dans ce codage", line) from None


def _unusable(path: Path, message: str, line: int | None = None) -> SettingsError:
    return SettingsError(path, [SettingsProblem(line, "", message)])


def _problem(details: ErrorDetails, document: YamlDocument) -> SettingsProblem:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    path: KeyPath = tuple(part for part in details["loc"] if part != "[key]")
    key = ".".join(part for part in path if isinstance(part, str))
    allowed = None
    if kind == "refused":
        message, allowed = str(context["message"]), context["allowed"]
    elif kind == "extra_forbidden":
        message = _unknown_key(path, value)
    elif value is None and kind != "missing":
        message, allowed = "cette valeur ne peut pas être vide (null)", allowed_values(kind, context)
    elif kind in _MESSAGES:
        message = _MESSAGES[kind]
    else:
        quoted = "{…}" if isinstance(value, dict) else "[…]" if isinstance(value, list) else quote(value)
        message, allowed = error_message(kind, quoted), allowed_values(kind, context)
    variable = document.variable_of(path)
    line = None if variable else document.line_of(path)
    return SettingsProblem(line, quote(key, 80), quote(message, 300), allowed, variable)


def _unknown_key(path: KeyPath, value: object) -> str:
    """Say what an unknown key may be: a secret, misspelt or out of place; its value is never quoted."""
    key = str(path[-1])
    if _SECRET.search(key) and not isinstance(value, dict | list):
        name = _SECRET_OF_SECTION.get(str(path[0]))
        return "un secret n'a pas sa place dans ce fichier : le mettre " + (
            f"dans le fichier secrets/{name} (chmod 600) ou dans la variable {environment_name(name)}"
            if name
            else "dans le dossier des secrets (secrets.directory)"
        )
    section: type[Section] = Settings
    for part in path[:-1]:
        if part in section.model_fields:  # else it is the index of a list, or a year
            section = _section_of(section.model_fields[str(part)].annotation) or section
    known = list(section.model_fields)
    if matches := get_close_matches(key.lower(), known, n=1):
        return f"clé inconnue ; vouliez-vous dire « {matches[0]} » ?"
    if places := [place for place in _key_paths(Settings) if place.rpartition(".")[2] == key]:
        return f"clé inconnue ici ; sa place est {' ou '.join(places)}"
    return f"clé inconnue ; les clés de cette section sont {', '.join(known)}"


def _section_of(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((section for inner in get_args(annotation) if (section := _section_of(inner))), None)


def _key_paths(section: type[Section], prefix: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield prefix + name
        if inner := _section_of(field.annotation):
            yield from _key_paths(inner, f"{prefix}{name}.")
