"""From a mail's frozen facts to its words: one template gives the text and the HTML that says the same (R56)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import lru_cache
from html import escape
from typing import Any, Final

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import MAX_RANGE

from notifications.messages.catalogue import CATALOGUE, MailContext, template_of
from notifications.messages.facts import RelayCheck
from notifications.rendering import markup
from notifications.rendering.environment import TemplateLoader
from notifications.rendering.markup import (
    HTML_LINK_SLOT,
    HTML_SLOT,
    Block,
    Foot,
    Paragraph,
    as_html,
    as_text,
    inline,
    parse,
)
from notifications.rendering.typography import french_spacing, single_line
from notifications.vocabulary import LINK_KINDS, LINK_PATH, AnyKind, Audience, Kind, TransientMail
from states import french

# What Jinja says of a template, in French.


_LONG: Final = 24
"""More names than this are no help: only the close ones are told."""


def why(error: BaseException) -> str:
    """Why a template cannot be filled."""
    match error:
        case TemplateSyntaxError():
            words = (error.message or "").replace("\n", " ")
            return f"le modèle n'est pas bien écrit ({words})"
        case SecurityError():
            return "cette ligne emploie ce qui est interdit à un modèle"
        case TemplateNotFound():
            return f"le modèle « {error.name} » n'existe pas"
        case UndefinedError():
            return f"cette ligne emploie ce qui n'existe pas : {_undefined(str(error))}"
        case RecursionError():
            return "le modèle s'appelle lui-même sans fin"
        case OverflowError():
            return f"cette ligne demande trop de tours ou un trop grand nombre ({MAX_RANGE} tours au plus)"
    if "NoneType" in str(error):
        return "cette ligne emploie une valeur qui peut manquer : l'entourer de « {% if … %} »"
    return f"cette ligne ne peut pas être calculée ({type(error).__name__} : {error})"


def _undefined(said: str) -> str:
    found = re.search(r"(?:attribute|element) '(.+?)'$|^'(.+?)' is undefined$", said)
    return f"« {found[1] or found[2]} »" if found else said


def suggestion(wrong: str, known: Iterable[str], *, named: str = "ce qu'il peut employer ici") -> str:
    """« ; vouliez-vous dire … ? … » and all that could have been written, less what Jinja itself gives."""
    names = sorted(one for one in known if not one.startswith("_"))
    if not names:
        return ""
    close = get_close_matches(wrong, names, n=2, cutoff=0.6)
    meant = f" ; vouliez-vous dire {french.listing([f'« {one} »' for one in close], 'ou')} ?" if close else " ;"
    if len(names) > _LONG:
        return meant if close else ""
    return f"{meant} {named[:1].upper() if close else named[:1]}{named[1:]} : {', '.join(names)}"


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

    def __init__(self, wordings: TemplateLoader | None = None) -> None:
        self._environment = (wordings or TemplateLoader()).environment

    def render(self, kind: Kind, facts: Any, mail_context: MailContext) -> Rendered:
        """Subject, text and HTML. Raises Unrenderable."""
        entry = CATALOGUE[kind]
        operators = entry.audience is Audience.OPERATORS
        return self._made(kind, facts, mail_context, has_code=entry.has_code, for_operators=operators)

    def render_check(self, facts: RelayCheck, mail_context: MailContext) -> Rendered:
        """The words of a trial of the relay, which is stored nowhere. Raises Unrenderable."""
        return self._made(TransientMail.CHECK, facts, mail_context, has_code=False, for_operators=True)

    def _made(
        self, kind: AnyKind, facts: Any, mail_context: MailContext, *, has_code: bool, for_operators: bool
    ) -> Rendered:
        template = name = template_of(kind)
        context = _tamed(mail_context)
        slot = markup.link_slot(f"{context.portal}{LINK_PATH}") if kind in LINK_KINDS else SLOT
        try:
            words = self._environment.get_template(name).render(
                _scope(facts), kind=kind, has_code=has_code, for_operators=for_operators, here=context, slot=slot
            )
            subject, _, body = words.lstrip("\n").partition("\n")
            subject, blocks = french_spacing(subject).strip(), parse(body)
            name = FRAME
            rendered = Rendered(subject, as_text(blocks), self._framed(subject, blocks, context))
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Unrenderable(f"{name} : {why(error)}") from error
        is_sealed = has_code or kind in LINK_KINDS
        return _checked(rendered, slot if is_sealed else None, template=template)

    def _framed(self, subject: str, blocks: tuple[Block, ...], context: MailContext) -> str:
        """The whole page; all that the frame is given is HTML already, so that no frame can forget to escape."""
        cut = blocks.index(Foot()) if Foot() in blocks else len(blocks)
        title = _TAG.sub("", subject, count=1) if subject.startswith("[") else subject
        return self._environment.get_template(FRAME).render(
            subject=escape(subject),
            title=inline(title),
            preview=escape(preview(blocks)),
            content=as_html(blocks[:cut]),
            foot=as_html(blocks[cut + 1 :]),
            signature=escape(context.signature),
            academie=escape(context.academie),
        )


@lru_cache(maxsize=8)
def _tamed(mail_context: MailContext) -> MailContext:
    tamed: MailContext = single_line(mail_context)
    return tamed


def _scope(facts: Any) -> dict[str, Any]:
    tamed = single_line(facts)
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


def render(kind: Kind, facts: Any, mail_context: MailContext) -> Rendered:
    """Subject, text and HTML with this package's own templates. Raises Unrenderable."""
    return _standard().render(kind, facts, mail_context)
