"""From a mail's frozen facts to its words: one environment, each template compiled once (R56)."""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined, TemplateError

from notifications.catalogue import CATALOGUE
from notifications.surroundings import Surroundings
from notifications.typography import laid_out, spaced, tame
from notifications.vocabulary import Audience, Kind
from states import french

MASK: Final = "[code masqué]"
SLOT: Final = f"    {MASK}"
"""The line that stands for the code in a stored body. No value can forge it: values never begin a line so."""


class Unrenderable(Exception):
    """The words of a mail could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one mail. ``body`` holds the placeholder line where a code will stand."""

    subject: str
    body: str


class Renderer:
    """Holds the compiled templates. ``loader`` None takes those of this package."""

    def __init__(self, loader: BaseLoader | None = None) -> None:
        self._environment = Environment(
            loader=loader or PackageLoader("notifications", "templates"),
            autoescape=False,  # noqa: S701  plain text
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            day=french.day, plural=french.plural, listing=_listing, de=french.de, lower_first=_lower_first
        )

    def render(self, kind: Kind, facts: Any, surroundings: Surroundings) -> Rendered:
        """Subject and body. Raises Unrenderable."""
        entry = CATALOGUE[kind]
        try:
            text = self._environment.get_template(entry.template).render(
                _scope(facts),
                kind=kind,
                has_code=entry.has_code,
                for_operators=entry.audience is Audience.OPERATORS,
                here=tame(surroundings),
                slot=SLOT,
            )
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Unrenderable(f"{entry.template} : {type(error).__name__} : {error}") from error
        return _checked(text, slots=1 if entry.has_code else 0, template=entry.template)


def _scope(facts: Any) -> dict[str, Any]:
    tamed = tame(facts)
    return {"facts": tamed} | {f.name: getattr(tamed, f.name) for f in fields(tamed)}


def _checked(text: str, *, slots: int, template: str) -> Rendered:
    subject, _, body = text.lstrip("\n").partition("\n")
    rendered = Rendered(" ".join(spaced(subject).split(" ")).strip(), laid_out(body))
    if not rendered.subject or rendered.body.split("\n").count(SLOT) != slots:
        raise Unrenderable(f"{template} : il faut un objet et {french.plural(slots, 'emplacement')} pour le code")
    return rendered


def with_code(body: str, code: str) -> str:
    """The body as it goes on the wire: the code in place of its line (R60). Raises Unrenderable without a slot."""
    lines = body.split("\n")
    if lines.count(SLOT) != 1:
        raise Unrenderable("il faut un emplacement pour le code")
    return "\n".join(f"    {code}" if line == SLOT else line for line in lines)


def _listing(words: Any, last: str = "et") -> str:
    return french.listing([str(word) for word in words], last)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


@lru_cache(maxsize=1)
def _standard() -> Renderer:
    return Renderer()


def render(kind: Kind, facts: Any, surroundings: Surroundings) -> Rendered:
    """Subject and body with this package's own templates. Raises Unrenderable."""
    return _standard().render(kind, facts, surroundings)
