"""From a mail's frozen facts to its words: one template gives the text and the HTML that says the same (R56)."""

import re
from dataclasses import dataclass, fields
from functools import lru_cache
from html import escape
from typing import Any, Final

from jinja2 import TemplateError

from notifications import markup
from notifications.catalogue import CATALOGUE, template_of
from notifications.contexts import RelayCheck
from notifications.markup import Block, Foot, Paragraph, parse
from notifications.markup_html import HTML_SLOT, as_html, inline
from notifications.markup_text import as_text
from notifications.surroundings import Surroundings
from notifications.typography import spaced, tame
from notifications.vocabulary import AnyKind, Audience, Kind, Unstored
from notifications.wordings import Wordings
from states import french

MASK: Final = markup.MASK
SLOT: Final = markup.SLOT
"""The line that stands for the code in a stored body. No value can forge it: values never begin a line so."""
FRAME: Final = "mails/frame.html.j2"
"""The page around the HTML of every mail."""

_TAG = re.compile(r"^\[[^\]]{1,20}\] (?=.)")
_SENTENCE = re.compile(r".{20,}?[.!?](?= [A-ZÀÂÇÉÈÊÎÔ])")
_PREVIEW = 140
"""Characters of a mail that the lists of mail readers show, at most."""


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
        """Subject, text and HTML. Raises Unrenderable."""
        entry = CATALOGUE[kind]
        operators = entry.audience is Audience.OPERATORS
        return self._made(kind, facts, surroundings, has_code=entry.has_code, for_operators=operators)

    def render_check(self, facts: RelayCheck, surroundings: Surroundings) -> Rendered:
        """The words of a trial of the relay, which is stored nowhere. Raises Unrenderable."""
        return self._made(Unstored.CHECK, facts, surroundings, has_code=False, for_operators=True)

    def _made(
        self, kind: AnyKind, facts: Any, surroundings: Surroundings, *, has_code: bool, for_operators: bool
    ) -> Rendered:
        template = name = template_of(kind)
        here = _tamed(surroundings)
        try:
            words = self._environment.get_template(name).render(
                _scope(facts), kind=kind, has_code=has_code, for_operators=for_operators, here=here, slot=SLOT
            )
            subject, _, body = words.lstrip("\n").partition("\n")
            subject, blocks = spaced(subject).strip(), parse(body)
            name = FRAME
            rendered = Rendered(subject, as_text(blocks), self._framed(subject, blocks, here))
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Unrenderable(f"{name} : {type(error).__name__} : {error}") from error
        return _checked(rendered, slots=1 if has_code else 0, template=template)

    def _framed(self, subject: str, blocks: tuple[Block, ...], here: Surroundings) -> str:
        """The whole page; all that the frame is given is HTML already, so that no frame can forget to escape."""
        cut = blocks.index(Foot()) if Foot() in blocks else len(blocks)
        title = _TAG.sub("", subject, count=1) if subject.startswith("[") else subject
        return self._environment.get_template(FRAME).render(
            subject=escape(subject),
            title=inline(title),
            preview=escape(preview(blocks)),
            content=as_html(blocks[:cut]),
            foot=as_html(blocks[cut + 1 :]),
            signature=escape(here.signature),
            academie=escape(here.academie),
        )


@lru_cache(maxsize=8)
def _tamed(surroundings: Surroundings) -> Surroundings:
    tamed: Surroundings = tame(surroundings)
    return tamed


def _scope(facts: Any) -> dict[str, Any]:
    tamed = tame(facts)
    return {"facts": tamed} | {f.name: getattr(tamed, f.name) for f in fields(tamed)}


def preview(blocks: tuple[Block, ...]) -> str:
    """The first sentence after the greeting, which a list of mails shows beside the subject."""
    texts = (block.text for block in blocks if isinstance(block, Paragraph))
    text = next((text for text in texts if not text.endswith(",")), "")
    sentence = found[0] if (found := _SENTENCE.match(text)) else text
    return sentence if len(sentence) <= _PREVIEW else f"{sentence[:_PREVIEW].rpartition(' ')[0]}…"


def _checked(rendered: Rendered, *, slots: int, template: str) -> Rendered:
    if not rendered.subject or (rendered.body.split("\n").count(SLOT), rendered.html.count(HTML_SLOT)) != (
        slots,
        slots,
    ):
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
    if html.count(HTML_SLOT) != 1:
        raise Unrenderable("il faut un emplacement pour le code")
    return html.replace(HTML_SLOT, HTML_SLOT.replace(MASK, escape(code)))


@lru_cache(maxsize=1)
def _standard() -> Renderer:
    return Renderer()


def render(kind: Kind, facts: Any, surroundings: Surroundings) -> Rendered:
    """Subject, text and HTML with this package's own templates. Raises Unrenderable."""
    return _standard().render(kind, facts, surroundings)
