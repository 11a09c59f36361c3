"""From a mail's frozen facts to its words: one environment, each template compiled once (R56)."""

from dataclasses import dataclass, fields
from functools import lru_cache
from html import escape
from typing import Any, Final

from jinja2 import TemplateError

from notifications.catalogue import CATALOGUE
from notifications.surroundings import Surroundings
from notifications.typography import laid_out, spaced, tame
from notifications.vocabulary import Audience, Kind
from notifications.wordings import Wordings
from states import french

MASK: Final = "[code masqué]"
SLOT: Final = f"    {MASK}"
"""The line that stands for the code in a stored body. No value can forge it: values never begin a line so."""


class Unrenderable(Exception):
    """The words of a mail could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one mail, as text and as HTML; both hold a placeholder where a code will stand."""

    subject: str
    body: str
    html: str


class Renderer:
    """Makes the words of mails from the templates of ``wordings``."""

    def __init__(self, wordings: Wordings | None = None) -> None:
        self._environment = (wordings or Wordings()).environment

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
    words = laid_out(body)
    rendered = Rendered(" ".join(spaced(subject).split(" ")).strip(), words, f"<pre>{escape(words)}</pre>")
    if not rendered.subject or rendered.body.split("\n").count(SLOT) != slots:
        raise Unrenderable(f"{template} : il faut un objet et {french.plural(slots, 'emplacement')} pour le code")
    return rendered


def with_code(body: str, code: str) -> str:
    """The body as it goes on the wire: the code in place of its line (R60). Raises Unrenderable without a slot."""
    lines = body.split("\n")
    if lines.count(SLOT) != 1:
        raise Unrenderable("il faut un emplacement pour le code")
    return "\n".join(f"    {code}" if line == SLOT else line for line in lines)


def html_with_code(html: str, code: str) -> str:
    """The HTML as it goes on the wire: the code in place of its mark (R60). Raises Unrenderable without a mark."""
    if html.count(MASK) != 1:
        raise Unrenderable("il faut un emplacement pour le code")
    return html.replace(MASK, escape(code))


@lru_cache(maxsize=1)
def _standard() -> Renderer:
    return Renderer()


def render(kind: Kind, facts: Any, surroundings: Surroundings) -> Rendered:
    """Subject and body with this package's own templates. Raises Unrenderable."""
    return _standard().render(kind, facts, surroundings)
