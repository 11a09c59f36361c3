"""The académie's folder of templates, read once: what was checked is what serves, whatever the disk becomes (R68)."""

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from states import french

MAX_BYTES: Final = 500_000
PAGES: Final = "pages"
"""The sub-folder of the public pages' texts."""
_CLOSE: Final = 3


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """One thing to mend in a template: its file, its line (from 1; None for the whole file), what and how."""

    path: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.path}{f', ligne {self.line}' if self.line else ''} : {self.message}"


class TemplatesRefused(Exception):
    """The académie's templates cannot be used (R68). ``problems`` holds all that is wrong with them."""

    def __init__(self, problems: Collection[TemplateProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder holds: the text of each template by its name, and what is wrong with its files."""

    texts: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[TemplateProblem, ...] = ()


class _Refused(Exception):
    """A file that cannot be taken; the message is French."""


def read_folder(folder: Path, known: Collection[str]) -> Contents:
    """Read every file whose name is one of ``known``; any other is a problem, but hidden ones, ``…~`` and README.

    The sub-folder ``pages`` is the portal's, which reads it in the same way.
    """
    texts: dict[str, str] = {}
    problems: list[TemplateProblem] = []
    for path in _files(folder, problems):
        name = path.relative_to(folder).as_posix()
        if name.startswith(f"{PAGES}/"):
            continue
        try:
            texts[name] = _text(path, folder, name, known)
        except _Refused as refused:
            problems.append(TemplateProblem(path, None, str(refused)))
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            problems.append(TemplateProblem(path, line, "le fichier n'est pas en UTF-8 : l'enregistrer dans ce codage"))
    return Contents(texts, tuple(problems))


def _files(folder: Path, problems: list[TemplateProblem]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        message = "ce dossier ne peut pas être lu : vérifier le chemin et les droits du compte du service"
        problems.append(TemplateProblem(Path(error.filename), None, message))

    for root, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not _is_left_out(name))
        for name in folders:
            if (link := Path(root, name)).is_symlink():
                message = "un lien vers un dossier n'est pas suivi : y mettre un vrai dossier"
                problems.append(TemplateProblem(link, None, message))
        yield from (Path(root, name) for name in sorted(files) if not _is_left_out(name))


def _is_left_out(name: str) -> bool:
    return name.startswith((".", "README")) or name.endswith("~")


def _text(path: Path, folder: Path, name: str, known: Collection[str]) -> str:
    if name not in known:
        raise _Refused(_replaces_nothing(name, known))
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise _Refused("ce lien mène hors du dossier des modèles : y copier le fichier")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _Refused("ce n'est pas un fichier ordinaire : y mettre un fichier de texte")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        raise _Refused(
            "ce fichier ne peut pas être lu : donner ce droit au compte du service, ou refaire le lien"
        ) from None
    if len(content) > MAX_BYTES:
        raise _Refused(f"plus de {MAX_BYTES // 1000} ko : ce n'est pas un modèle")
    return content.decode("utf-8-sig")


def _replaces_nothing(name: str, known: Collection[str]) -> str:
    same_ending = [one for one in sorted(known) if one.rpartition("/")[2] == name.rpartition("/")[2]]
    if close := same_ending or get_close_matches(name, sorted(known), n=_CLOSE, cutoff=0.6):
        label = "nom proche" if len(close) == 1 else "noms proches"
        return f"ne remplace aucun modèle ; {label} : {french.listing(close, 'ou')}"
    return "ne remplace aucun modèle : l'ôter, ou le renommer (« oda mail templates » donne les noms)"
