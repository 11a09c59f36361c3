"""The templates of mails and papers: this package's own, each replaceable by a file of the académie's (R68).

The académie's folder is read once: what was checked is what serves, whatever the disk becomes.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    PackageLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    meta,
    nodes,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notifications.rendering.markup import csv_cell, iso_day, short_day
from states import french

MAX_BYTES: Final = 500_000

PAGES: Final = "pages"
"""The sub-folder of the public pages' texts."""

_MOST_CLOSE_NAMES: Final = 3


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
    """The contents of a folder: the text of each template by its name, and the problems of its files."""

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

    for root, folders, filenames in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not _is_left_out(name))
        for name in folders:
            if (link := Path(root, name)).is_symlink():
                message = "un lien vers un dossier n'est pas suivi : y mettre un vrai dossier"
                problems.append(TemplateProblem(link, None, message))
        yield from (Path(root, name) for name in sorted(filenames) if not _is_left_out(name))


def _is_left_out(name: str) -> bool:
    return name.startswith((".", "README")) or name.endswith("~")


def _text(path: Path, folder: Path, name: str, known: Collection[str]) -> str:
    if name not in known:
        same_ending = [other for other in sorted(known) if other.rpartition("/")[2] == name.rpartition("/")[2]]
        if close := same_ending or get_close_matches(name, sorted(known), n=_MOST_CLOSE_NAMES, cutoff=0.6):
            label = "nom proche" if len(close) == 1 else "noms proches"
            raise _Refused(f"ne remplace aucun modèle ; {label} : {french.listing(close, 'ou')}")
        raise _Refused("ne remplace aucun modèle : l'ôter, ou le renommer (« oda mail templates » donne les noms)")
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


OWN: Final = files("notifications") / "templates"


@cache
def own_names() -> tuple[str, ...]:
    """The name of every template of this package, sorted: its path below ``notifications/templates``."""
    return tuple(sorted(_below(OWN, "")))


class TemplateLoader:
    """Finds a template by its name in ``notifications/templates``: ``mails/declared.j2``.

    ``folder`` holds the académie's, read here and now; None: none is replaced. The problems of its files are in
    ``folder_problems``; ``notifications.authoring.checks`` finds those of their text. ``loader`` is for a test's own;
    ``contents``: what was read already.
    """

    def __init__(
        self, folder: Path | None = None, loader: BaseLoader | None = None, contents: Contents | None = None
    ) -> None:
        self.folder = folder
        self._contents = contents or (read_folder(folder, own_names()) if folder else Contents())
        own = PackageLoader("notifications", "templates")
        self._loader = loader or (ChoiceLoader([_Texts(folder, self._contents.texts), own]) if folder else own)
        self._has_own_below = bool(folder and not loader)
        self._trees: dict[str, nodes.Template | None] = {}
        self._uses: dict[str, frozenset[str]] = {}

    def __reduce__(self) -> "tuple[type[TemplateLoader], tuple[Path | None, None, Contents]]":
        """Send a child process the texts that were read, and not the folder, which may change."""
        return TemplateLoader, (self.folder, None, self._contents)

    @property
    def folder_problems(self) -> tuple[TemplateProblem, ...]:
        """The files of the folder that replace nothing or cannot be read."""
        return self._contents.problems

    def names(self) -> tuple[str, ...]:
        """Every template there is, sorted; each can be replaced."""
        return own_names()

    def overridden(self) -> tuple[str, ...]:
        """The templates that the académie replaces, sorted."""
        return tuple(sorted(self._contents.texts))

    def path_of(self, name: str) -> Path:
        """The path of the académie's file of that name, there or not. Raises ValueError without a folder."""
        if self.folder is None:
            raise ValueError("no folder of templates")
        return self.folder / name

    @cached_property
    def environment(self) -> ImmutableSandboxedEnvironment:
        """Sandboxed, and strict about unknown names; each template is compiled once."""
        environment = ImmutableSandboxedEnvironment(
            loader=self._loader,
            autoescape=False,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(
            day=french.day, number=french.number, plural=french.plural, de=french.de,
            listing=lambda words, last="et": french.listing([str(word) for word in words], last),
            lower_first=lambda text: text[:1].lower() + text[1:], csv=csv_cell, short_day=short_day, iso_day=iso_day,
        )  # fmt: skip
        return environment

    def source(self, name: str) -> str:
        """A template as written. Raises jinja2.TemplateNotFound."""
        return self._loader.get_source(self.environment, name)[0]

    def tree(self, name: str) -> nodes.Template | None:
        """The syntax tree of a template, parsed once; None when it is missing or its syntax is wrong."""
        if self._has_own_below and name not in self._contents.texts:
            return own_wordings().tree(name)
        if name not in self._trees:
            try:
                self._trees[name] = self.environment.parse(self.source(name), name)
            except (TemplateNotFound, TemplateSyntaxError):
                self._trees[name] = None
        return self._trees[name]

    def uses(self, name: str) -> frozenset[str]:
        """The templates that one extends, includes or imports by name, at any depth, and itself; looked for once."""
        if name not in self._uses:
            used: set[str] = set()
            following = [name]
            while following:
                each = following.pop()
                if each not in used and (tree := self.tree(each)):
                    following += filter(None, meta.find_referenced_templates(tree))
                used.add(each)
            self._uses[name] = frozenset(used)
        return self._uses[name]


@cache
def own_wordings() -> TemplateLoader:
    """This package's own templates alone, compiled once for all who need no other."""
    return TemplateLoader()


class _Texts(BaseLoader):
    """The académie's templates as they were read; an error in one is told with its file."""

    def __init__(self, folder: Path, texts: Mapping[str, str]) -> None:
        self._folder, self._texts = folder, texts

    def get_source(
        self,
        environment: Environment,  # noqa: ARG002
        template: str,
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        if template not in self._texts:
            raise TemplateNotFound(template)
        return self._texts[template], str(self._folder / template), None


def _below(place: Traversable, prefix: str) -> Iterator[str]:
    for child in place.iterdir():
        if child.is_dir():
            yield from _below(child, f"{prefix}{child.name}/")
        elif not child.name.startswith("."):
            yield f"{prefix}{child.name}"
