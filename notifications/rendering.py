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
from notifications.markup_html import HTML_LINK_SLOT, HTML_SLOT, as_html, inline
from notifications.markup_text import as_text
from notifications.surroundings import Surroundings
from notifications.typography import spaced, tame
from notifications.vocabulary import LINK_KINDS, LINK_PATH, AnyKind, Audience, Kind, Unstored
from notifications.wordings import Wordings
from notifications.wordings_french import why
from states import french

MASK: Final = markup.MASK
LINK_MASK: Final = markup.LINK_MASK
SLOT: Final = markup.SLOT
"""The line that stands for the code in a stored body. No value can forge it: values never begin a line so."""
FRAME: Final = "mails/frame.html.j2"
"""The page around the HTML of every mail."""

_TAG = re.compile(r"^\[[^\]]{1,20}\] (?=.)")
_SENTENCE = re.compile(r".{20,}?[.!?](?= [A-ZÀÂÇÉÈÊÎÔ])")
_NO_SLOT = "il faut un emplacement pour le code ou le lien"
_PREVIEW = 140
"""Characters of a mail that the lists of mail readers show, at most."""


class Unrenderable(Exception):
    """The words of a mail could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one mail, as text and as HTML; both hold a placeholder where a code or a link will stand."""

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
        slot = markup.link_slot(f"{here.portal}{LINK_PATH}") if kind in LINK_KINDS else SLOT
        try:
            words = self._environment.get_template(name).render(
                _scope(facts), kind=kind, has_code=has_code, for_operators=for_operators, here=here, slot=slot
            )
            subject, _, body = words.lstrip("\n").partition("\n")
            subject, blocks = spaced(subject).strip(), parse(body)
            name = FRAME
            rendered = Rendered(subject, as_text(blocks), self._framed(subject, blocks, here))
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Unrenderable(f"{name} : {why(error)}") from error
        is_sealed = has_code or kind in LINK_KINDS
        return _checked(rendered, slot if is_sealed else None, template=template)

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


def _checked(rendered: Rendered, slot: str | None, *, template: str) -> Rendered:
    wanted = [slot] if slot else []
    mark = HTML_SLOT if slot == SLOT else HTML_LINK_SLOT
    found = [line for line in rendered.body.split("\n") if markup.is_slot(line)]
    marks = [one for one in (HTML_SLOT, HTML_LINK_SLOT) for _ in range(rendered.html.count(one))]
    if not rendered.subject or found != wanted or marks != [mark for _ in wanted]:
        many = french.plural(len(wanted), "emplacement")
        raise Unrenderable(f"{template} : il faut un objet et {many} pour le code ou le lien")
    return rendered


def with_code(body: str, code: str) -> str:
    """The body as it goes on the wire: the code, or the link's secret, in place of its mask (R60, R72).

    Raises Unrenderable without a slot.
    """
    lines = body.split("\n")
    if sum(map(markup.is_slot, lines)) != 1:
        raise Unrenderable(_NO_SLOT)
    return "\n".join(_filled(line, code) if markup.is_slot(line) else line for line in lines)


def _filled(line: str, code: str) -> str:
    return f"    {code}" if line == SLOT else line.removesuffix(LINK_MASK) + code


def html_with_code(html: str, code: str) -> str:
    """The HTML as it goes on the wire, in the same way (R60, R72). Raises Unrenderable without a mark."""
    if html.count(HTML_SLOT) + html.count(HTML_LINK_SLOT) != 1:
        raise Unrenderable(_NO_SLOT)
    html = html.replace(HTML_SLOT, HTML_SLOT.replace(MASK, escape(code)))
    return html.replace(HTML_LINK_SLOT, HTML_LINK_SLOT.replace(LINK_MASK, escape(code)))


@lru_cache(maxsize=1)
def _standard() -> Renderer:
    return Renderer()


def render(kind: Kind, facts: Any, surroundings: Surroundings) -> Rendered:
    """Subject, text and HTML with this package's own templates. Raises Unrenderable."""
    return _standard().render(kind, facts, surroundings)
