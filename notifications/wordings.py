"""The templates of mails and papers: this package's own, each replaceable by a file of the académie's (R68)."""

from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from states import french

OWN: Final = files("notifications") / "templates"


class Wordings:
    """Where a template is found, by its name in ``notifications/templates``: ``mails/declared.j2``.

    ``folder`` holds the académie's; None: none is replaced. ``loader`` is for a test that writes its own.
    """

    def __init__(self, folder: Path | None = None, loader: BaseLoader | None = None) -> None:
        self.folder = folder
        self._loader = loader or _loader(folder)

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
            day=french.day, plural=french.plural, listing=_listing, de=french.de, lower_first=_lower_first
        )
        return environment

    def source(self, name: str) -> str:
        """A template as written. Raises jinja2.TemplateNotFound."""
        return self._loader.get_source(self.environment, name)[0]


def _loader(folder: Path | None) -> BaseLoader:
    own = PackageLoader("notifications", "templates")
    return ChoiceLoader([FileSystemLoader(folder), own]) if folder else own


def _listing(words: object, last: str = "et") -> str:
    return french.listing([str(word) for word in words], last)  # type: ignore[attr-defined]


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
