"""Find and read ``config.yaml``, and say everything that is wrong with it at once."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from workflow.settings.french import problems_of
from workflow.settings.model import Settings
from workflow.settings.nodes import read_document
from workflow.settings.problems import Problem, SettingsError

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
