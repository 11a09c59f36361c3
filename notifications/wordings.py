"""The templates of mails and papers: this package's own, each replaceable by a file of the académie's (R68)."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, StrictUndefined, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notifications.cells import csv_cell, iso_day, short_day
from notifications.wordings_folder import Contents, TemplateProblem, read_folder
from states import french

OWN: Final = files("notifications") / "templates"


@cache
def own_names() -> tuple[str, ...]:
    """The name of every template of this package, sorted: its path below ``notifications/templates``."""
    return tuple(sorted(_below(OWN, "")))


class Wordings:
    """Where a template is found, by its name in ``notifications/templates``: ``mails/declared.j2``.

    ``folder`` holds the académie's, read here and now; None: none is replaced. What is wrong with its files is in
    ``folder_problems``, and with what they say in ``wordings_check.problems``. ``loader`` is for a test's own.
    """

    def __init__(self, folder: Path | None = None, loader: BaseLoader | None = None) -> None:
        self.folder = folder
        self._contents = read_folder(folder, own_names()) if folder else Contents()
        self._loader = loader or _loader(folder, self._contents.texts)

    @property
    def folder_problems(self) -> tuple[TemplateProblem, ...]:
        """The files of the folder that replace nothing or cannot be read."""
        return self._contents.problems

    def names(self) -> tuple[str, ...]:
        """Every template there is, sorted; each can be replaced."""
        return own_names()

    def overridden(self) -> tuple[str, ...]:
        """Those that the académie replaces, sorted."""
        return tuple(sorted(self._contents.texts))

    def path_of(self, name: str) -> Path:
        """Where the académie's file of that name is, or would be. Raises ValueError without a folder."""
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
            day=french.day, plural=french.plural, listing=_listing, de=french.de, lower_first=_lower_first,
            csv=csv_cell, short_day=short_day, iso_day=iso_day,
        )  # fmt: skip
        return environment

    def source(self, name: str) -> str:
        """A template as written. Raises jinja2.TemplateNotFound."""
        return self._loader.get_source(self.environment, name)[0]


@cache
def own_wordings() -> Wordings:
    """This package's own templates alone, compiled once for all who need no other."""
    return Wordings()


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


def _loader(folder: Path | None, texts: Mapping[str, str]) -> BaseLoader:
    own = PackageLoader("notifications", "templates")
    return ChoiceLoader([_Texts(folder, texts), own]) if folder else own


def _below(place: Traversable, prefix: str) -> Iterator[str]:
    for child in place.iterdir():
        if child.is_dir():
            yield from _below(child, f"{prefix}{child.name}/")
        elif not child.name.startswith("."):
            yield f"{prefix}{child.name}"


def _listing(words: object, last: str = "et") -> str:
    return french.listing([str(word) for word in words], last)  # type: ignore[attr-defined]


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
