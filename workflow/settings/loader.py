"""Find and read ``config.yaml``, and say everything that is wrong with it at once."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from notifications.settings import Section
from workflow.settings.model import Settings
from workflow.settings.secrets import environment_name
from workflow.settings.yaml_reader import Document, KeyPath, Problem, SettingsError, read_document, shown

# A key that no section knows: misspelt, out of place, or a secret.


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


# Pydantic's refusals in French, each with its key, its line and the values allowed.


_LIST = "une liste est attendue : [valeur, valeur], ou une ligne « - valeur » pour chacune"


_SECTION = "une section est attendue : des lignes « clé : valeur » en retrait sous celle-ci"


_BOOLEAN = "ni vrai ni faux"


_MESSAGES = {
    "missing": "cette clé manque",
    "string_type": "un texte est attendu",
    "int_type": "un nombre entier est attendu",
    "int_parsing": "« {input} » n'est pas un nombre entier",
    "int_parsing_size": "ce nombre est trop grand",
    "int_from_float": "« {input} » n'est pas un nombre entier",
    "bool_type": _BOOLEAN,
    "bool_parsing": "« {input} » n'est ni vrai ni faux",
    "literal_error": "« {input} » n'est pas admis",
    "date_type": "une date est attendue",
    "tuple_type": _LIST,
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "too_short": "cette liste est vide",
    "too_long": "cette liste est trop longue",
    "string_too_long": "ce texte est trop long",
    "greater_than_equal": "{input} est trop petit",
    "less_than_equal": "{input} est trop grand",
}


_OTHERWISE = "cette valeur n'est pas admise"


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """Every refusal of the models, as told to the author of the file."""
    found = error.errors(include_url=False)
    around = {details["loc"][:-1] for details in found}
    # Pydantic counts the items that are right: a list whose only item is wrong is said to be short as well.
    return [_problem(d, document) for d in found if d["type"] != "too_short" or d["loc"] not in around]


def _problem(details: ErrorDetails, document: Document) -> Problem:
    path: KeyPath = tuple(part for part in details["loc"] if part != "[key]")
    key = ".".join(part for part in path if isinstance(part, str))
    context = details.get("ctx", {})
    if details["type"] == "refused":
        message, allowed = str(context["message"]), context["allowed"]
    elif details["type"] == "extra_forbidden":
        message, allowed = unknown_key(path, details["input"]), None
    else:
        message, allowed = _message(details), _allowed(details["type"], context)
    return Problem(document.line_of(path), shown(key, 80), shown(message, 300), allowed)


def _message(details: ErrorDetails) -> str:
    value = details["input"]
    if value is None and details["type"] != "missing":
        return "cette valeur ne peut pas être vide (null)"
    quoted = "{…}" if isinstance(value, dict) else "[…]" if isinstance(value, list) else shown(value)
    return _MESSAGES.get(details["type"], _OTHERWISE).replace("{input}", quoted)


def _allowed(kind: str, context: dict[str, Any]) -> str | None:
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "").replace(" or ", " ou ")
    if kind.startswith("bool"):
        return "true ou false"
    if kind == "greater_than_equal":
        return f"{context['ge']} ou plus"
    if kind == "less_than_equal":
        return f"{context['le']} ou moins"
    if kind == "too_long":
        return f"{context['max_length']} valeurs au plus"
    if kind == "string_too_long":
        return f"{context['max_length']} caractères au plus"
    return None


MAX_BYTES = 100_000


DEFAULT_NAME = "config.yaml"


_MAKE_ONE = "en créer un avec « oda init DOSSIER »"


def find_settings(option: str | None, environ: Mapping[str, str]) -> Path:
    """The settings file: ``--config``, else ``ODA_CONFIG``, else ``config.yaml`` in the current folder.

    Raises SettingsError when none is named and none is there; one that is named is not looked at yet.
    """
    if named := option or environ.get("ODA_CONFIG"):
        return Path(named).expanduser()
    here = Path(DEFAULT_NAME)
    if here.exists():
        return here
    message = (
        f"aucun fichier de réglages dans {Path.cwd()} : {_MAKE_ONE},"
        " ou dire où il est par --config FICHIER ou la variable ODA_CONFIG"
    )
    raise SettingsError(here, [Problem(None, "", message)])


def load_settings(path: Path) -> Settings:
    """Read the settings. Raises SettingsError with every problem found, each with its line when it has one."""
    document = read_document(_read(path))
    problems = document.problems
    if document.values is None and not problems:
        raise _unusable(path, f"le fichier est vide : {_MAKE_ONE}")
    if isinstance(document.values, dict):
        try:
            settings = Settings.from_values(document.values, path)
        except ValidationError as error:
            problems += problems_of(error, document)
    elif document.values is not None:
        problems.append(Problem(1, "", "le fichier doit être une suite de sections « clé : », ni liste ni texte seul"))
    if problems:
        raise SettingsError(path, problems)
    return settings


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unusable(path, f"ce fichier n'existe pas : corriger le chemin, ou {_MAKE_ONE}") from None
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
    return SettingsError(path, [Problem(line, "", message)])
