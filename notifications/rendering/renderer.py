"""From frozen facts to words, by templates: one gives the text and the HTML of a mail, that say the same (R56).

Other templates give the files that another software reads: the removals to do (R83), the codes drawn (R97).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import date
from difflib import get_close_matches
from functools import cache, lru_cache
from html import escape
from typing import Annotated, Any, Final

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import MAX_RANGE

from notifications.messages.catalogue import CATALOGUE, MailContext, template_of
from notifications.messages.facts import Doc, Person, Place, RelayCheck
from notifications.rendering import markup
from notifications.rendering.child import (
    TOO_LARGE,
    TOO_LONG,
    Child,
    ChildStopped,
    TooLong,
    in_child,
    run_in_child,
    step,
)
from notifications.rendering.environment import TemplateLoader
from notifications.rendering.markup import (
    HTML_LINK_SLOT,
    HTML_SLOT,
    LINK_MASK,
    MASK,
    SLOT,
    Block,
    Button,
    Foot,
    Paragraph,
    as_html,
    as_text,
    french_spacing,
    inline,
    parse,
    single_line,
)
from notifications.vocabulary import LINK_KINDS, LINK_PATH, OPERATORS_TAG, AnyKind, Audience, Kind, TransientMail
from states import french
from states.vocabulary import Action

FRAME: Final = "mails/frame.html.j2"
"""The page around the HTML of every mail."""

_TAG = re.compile(r"^\[[^\]]{1,20}\] (?=.)")

_SENTENCE = re.compile(r".{20,}?[.!?](?= [A-ZÀÂÇÉÈÊÎÔ])")

_NO_SLOT = "il faut un emplacement pour le code ou le lien"

_OPEN = "Ouvrir la page du portail"
"""The label of a button that no template names."""

_PREVIEW_LENGTH = 140
"""Characters of a mail that the lists of mail readers show, at most."""

_MOST_NAMES: Final = 24
"""More names than this are no help: only the close ones are given."""

REMOVALS: Final = "exports/removals.j2"
"""The template of the removals to do, replaceable as any other (R68)."""

CODES: Final = "exports/codes.j2"
"""That of the codes drawn."""

_CHUNK: Final = 16_384
"""Characters handed on at once: a template gives them a cell at a time."""


TEMPLATE_ERRORS: Final = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Whatever a template raises while it is filled, but what stops it."""


class Unrenderable(Exception):
    """The words of a mail could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one mail, as text and as HTML; both hold a placeholder where a code or a link will stand."""

    subject: str
    body: str
    html: str


class Unexportable(Exception):
    """An export could not be made; the message says why, and its cause where."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """One removal to do, as it stands today (R48).

    ``asks``: nobody knows whether a key was enabled (R47). ``new_expiry`` is the last day that the kept key must bear,
    ``expires_on`` the one recorded for this request; ``following``: the person's requests that have no key yet.
    """

    reference: Annotated[str, Doc("la référence de la demande")]
    establishment: Annotated[Place, Doc("l'établissement")]
    departement: Annotated[str, Doc("le code du département ; parfois vide")]
    rupn: Annotated[Person, Doc("la personne dont les droits sont à retirer")]
    school_year: Annotated[str, Doc("l'année scolaire de la demande")]
    action: Annotated[Action, Doc("ce qu'il y a à faire aujourd'hui")]
    asks: Annotated[bool, Doc("faut-il d'abord regarder si une clé a été activée ?")]
    since: Annotated[date, Doc("jour depuis lequel le retrait attend")]
    expires_on: Annotated[date | None, Doc("l'expiration enregistrée pour cette demande")] = None
    new_expiry: Annotated[date | None, Doc("le dernier jour que doit porter la clé, si elle est gardée")] = None
    kept_for: Annotated[
        tuple[str, ...], Doc("les références des autres demandes qui gardent la clé ; parfois aucune")
    ] = ()
    following: Annotated[
        tuple[str, ...], Doc("celles de la même personne qui n'ont pas encore de clé ; parfois aucune")
    ] = ()
    to_verify: Annotated[bool, Doc("une de ces demandes n'est-elle de la même personne que par le nom ?")] = False

    @property
    def to_do(self) -> Annotated[str, Doc("ce qu'il y a à faire, en mots")]:
        """The task on the ODA server, without dates or references."""
        label = self.action.label
        return (
            f"Regarder si une clé a été activée ; si oui : {label}" if self.asks else f"{label[0].upper()}{label[1:]}"
        )

    @property
    def remarks(self) -> Annotated[tuple[str, ...], Doc("ce qu'il faut savoir avant de le faire ; parfois rien")]:
        """Warnings to read before doing it."""
        several = len(self.following) > 1
        which = f"{'les demandes' if several else 'la demande'} {french.listing(list(self.following))}"
        waiting = (f"{which} {'suivent' if several else 'suit'}, sans clé pour l'instant",) if self.following else ()
        verify = ("vérifier qu'il s'agit bien de la même personne",) if self.to_verify else ()
        return waiting + verify


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnCode:
    """One code to set on the ODA server, in clear: it shows itself to nobody who prints this by accident (R60)."""

    reference: Annotated[str, Doc("la référence de la demande")]
    establishment: Annotated[Place, Doc("l'établissement")]
    departement: Annotated[str, Doc("le code du département ; parfois vide")]
    rupn: Annotated[Person, Doc("la personne dont c'est le code")]
    school_year: Annotated[str, Doc("l'année scolaire de la demande")]
    expires_on: Annotated[date | None, Doc("le dernier jour que doit porter la clé")]
    has_key: Annotated[bool, Doc("un code avait-il déjà été émis pour cette demande ?")]
    batch: Annotated[int, Doc("le numéro du lot")]
    code: Annotated[str, Doc("le code d'initialisation")] = field(repr=False)


class Renderer:
    """Makes the words of mails from the templates of ``wordings``.

    Those that the académie has replaced are filled in a child process, which is kept: one that never ends, or takes
    all the memory, stops its own mail, and no other.
    """

    def __init__(self, wordings: TemplateLoader | None = None) -> None:
        self._wordings = wordings = wordings or TemplateLoader()
        self._environment = wordings.environment
        self._child = Child(f"{__name__}:rendered", wordings)

    def render(self, kind: Kind, facts: Any, mail_context: MailContext) -> Rendered:
        """Make the subject, the text and the HTML. Raises Unrenderable."""
        return self._render(kind, facts, mail_context)

    def render_check(self, facts: RelayCheck, mail_context: MailContext) -> Rendered:
        """Make the words of a trial of the relay, which is stored nowhere. Raises Unrenderable."""
        return self._render(TransientMail.CHECK, facts, mail_context)

    def _render(self, kind: AnyKind, facts: Any, mail_context: MailContext) -> Rendered:
        if in_child() or not self._is_replaced(kind):
            return self.words(kind, facts, mail_context)
        try:
            made: Rendered = self._child.call(kind, facts, mail_context)
        except (ChildStopped, TooLong, MemoryError, RecursionError) as error:
            raise Unrenderable(f"{template_of(kind)} : {why(error)}") from error
        return made

    def _is_replaced(self, kind: AnyKind) -> bool:
        """Return True for a mail that takes a template of the académie's."""
        replaced = self._wordings.overridden()
        return bool(replaced) and any(
            not self._wordings.uses(name).isdisjoint(replaced) for name in (template_of(kind), FRAME)
        )

    def words(self, kind: AnyKind, facts: Any, mail_context: MailContext) -> Rendered:
        """The words, made in this very process. Raises Unrenderable, and whatever stops what is unbounded."""
        entry = None if isinstance(kind, TransientMail) else CATALOGUE[kind]
        has_code, page = bool(entry and entry.has_code), entry.page_of(facts) if entry else None
        for_operators = entry is None or entry.audience is Audience.OPERATORS
        template = name = template_of(kind)
        context, facts = _single_line_context(mail_context), single_line(facts)
        slot = markup.link_slot(f"{context.portal}{LINK_PATH}") if kind in LINK_KINDS else SLOT
        try:
            words = self._environment.get_template(name).render(
                {field.name: getattr(facts, field.name) for field in fields(facts)}, facts=facts, kind=kind,
                has_code=has_code, for_operators=for_operators, here=context, slot=slot,
            )  # fmt: skip
            subject, _, body = words.lstrip("\n").partition("\n")
            subject, blocks = french_spacing(subject).strip(), leading_to(parse(body), page and context.portal + page)
            if for_operators and subject and not subject.startswith(OPERATORS_TAG):
                subject = OPERATORS_TAG + subject
            name = FRAME
            rendered = Rendered(subject, as_text(blocks), self._page(subject, blocks, context))
        except TEMPLATE_ERRORS as error:
            raise Unrenderable(f"{name} : {why(error)}") from error
        if sum(isinstance(block, Button) for block in blocks) > 1:
            raise Unrenderable(f"{template} : il faut un seul bouton")
        _check_slot(rendered, slot if has_code or kind in LINK_KINDS else None, template)
        return rendered

    def _page(self, subject: str, blocks: tuple[Block, ...], context: MailContext) -> str:
        """Make the whole page; the frame is given HTML alone, so that no frame can forget to escape."""
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
            academie_de=escape(french.de(context.academie)),
        )


@cache
def _renderer_of(wordings: TemplateLoader) -> Renderer:
    return Renderer(wordings)


def rendered(wordings: TemplateLoader, kind: AnyKind, facts: Any, mail_context: MailContext) -> Rendered:
    """The words of one mail, in a child process. Raises Unrenderable, TooLong."""
    with step(template_of(kind)):
        return _renderer_of(wordings).words(kind, facts, mail_context)


@lru_cache(maxsize=8)
def _single_line_context(mail_context: MailContext) -> MailContext:
    context: MailContext = single_line(mail_context)
    return context


def leading_to(blocks: tuple[Block, ...], address: str | None) -> tuple[Block, ...]:
    """The blocks, their button leading to this address; no button without one (R55).

    Words that name no button, and the address nowhere, are given one at their end: they may be an académie's, older
    than the buttons.
    """
    if address is None:
        return tuple(block for block in blocks if not isinstance(block, Button))
    if not any(isinstance(block, Button) for block in blocks):
        if address in as_text(blocks):
            return blocks
        cut = blocks.index(Foot()) if Foot() in blocks else len(blocks)
        blocks = (*blocks[:cut], Button(_OPEN), *blocks[cut:])
    return tuple(replace(block, address=address) if isinstance(block, Button) else block for block in blocks)


def preview(blocks: tuple[Block, ...]) -> str:
    """The first sentence after the greeting, which a list of mails shows beside the subject."""
    texts = (block.text for block in blocks if isinstance(block, Paragraph))
    text = next((text for text in texts if not text.endswith(",")), "")
    sentence = match[0] if (match := _SENTENCE.match(text)) else text
    return sentence if len(sentence) <= _PREVIEW_LENGTH else f"{sentence[:_PREVIEW_LENGTH].rpartition(' ')[0]}…"


def _check_slot(rendered: Rendered, slot: str | None, template: str) -> None:
    """Refuse words without a subject, or with another number of slots than they must have. Raises Unrenderable."""
    expected_lines = [slot] if slot else []
    expected_marks = [HTML_SLOT if slot == SLOT else HTML_LINK_SLOT] if slot else []
    lines = [line for line in rendered.body.split("\n") if markup.is_slot(line)]
    marks = [mark for mark in (HTML_SLOT, HTML_LINK_SLOT) for _ in range(rendered.html.count(mark))]
    if not rendered.subject or lines != expected_lines or marks != expected_marks:
        count = french.plural(len(expected_lines), "emplacement")
        raise Unrenderable(f"{template} : il faut un objet et {count} pour le code ou le lien")


def with_code(body: str, code: str) -> str:
    """Put the code, or the link's secret, in place of its mask: the body as it goes on the wire (R60, R72).

    Raises Unrenderable without a slot.
    """
    lines = body.split("\n")
    slots = [number for number, line in enumerate(lines) if markup.is_slot(line)]
    if len(slots) != 1:
        raise Unrenderable(_NO_SLOT)
    slot = lines[slots[0]]
    lines[slots[0]] = f"    {code}" if slot == SLOT else slot.removesuffix(LINK_MASK) + code
    return "\n".join(lines)


def html_with_code(html: str, code: str) -> str:
    """The HTML as it goes on the wire, in the same way (R60, R72). Raises Unrenderable without a mark."""
    if html.count(HTML_SLOT) + html.count(HTML_LINK_SLOT) != 1:
        raise Unrenderable(_NO_SLOT)
    html = html.replace(HTML_SLOT, HTML_SLOT.replace(MASK, escape(code)))
    return html.replace(HTML_LINK_SLOT, HTML_LINK_SLOT.replace(LINK_MASK, escape(code)))


def why(error: BaseException) -> str:
    """Say in French why a template cannot be filled; of its syntax, in Jinja's own words."""
    match error:
        case TemplateSyntaxError():
            words = (error.message or "").replace("\n", " ")
            return f"le modèle n'est pas bien écrit ({words})"
        case SecurityError():
            return "cette ligne emploie ce qui est interdit à un modèle"
        case TemplateNotFound():
            return f"le modèle « {error.name} » n'existe pas"
        case UndefinedError():
            match = re.search(r"(?:attribute|element) '(.+?)'$|^'(.+?)' is undefined$", str(error))
            name = f"« {match[1] or match[2]} »" if match else str(error)
            return f"cette ligne emploie ce qui n'existe pas : {name}"
        case TooLong():
            return TOO_LONG
        case ChildStopped():
            return error.why
        case MemoryError():
            return TOO_LARGE
        case RecursionError():
            return "le modèle s'appelle lui-même sans fin"
        case OverflowError():
            return f"cette ligne demande trop de tours ou un trop grand nombre ({MAX_RANGE} tours au plus)"
    if "NoneType" in str(error):
        return "cette ligne emploie une valeur qui peut manquer : l'entourer de « {% if … %} »"
    return f"cette ligne ne peut pas être calculée ({type(error).__name__} : {error})"


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """« ; vouliez-vous dire … ? … » and all that could have been written, less what Jinja itself gives."""
    names = sorted(name for name in known if not name.startswith("_"))
    if not names:
        return ""
    close = get_close_matches(wrong, names, n=2, cutoff=0.6)
    question = f" ; vouliez-vous dire {french.listing([f'« {name} »' for name in close], 'ou')} ?" if close else " ;"
    if len(names) > _MOST_NAMES:
        return question if close else ""
    return f"{question} {'Ce' if close else 'ce'} qu'il peut employer ici : {', '.join(names)}"


def codes(wordings: TemplateLoader, lines: Iterable[DrawnCode], today: date, context: MailContext) -> Iterator[str]:
    """The codes drawn, likewise; no error says what a line holds. Raises Unexportable."""
    try:
        yield from _export(wordings, CODES, lines, today, context)
    except TEMPLATE_ERRORS as error:
        raise Unexportable(f"{CODES} : {type(error).__name__}") from error


def removals(wordings: TemplateLoader, lines: Iterable[Removal], today: date, context: MailContext) -> Iterator[str]:
    """The export piece by piece, so that its length costs no memory; ``lines`` are taken as they are needed.

    Raises Unexportable, which can be after pieces were given.
    """
    try:
        yield from _export(wordings, REMOVALS, lines, today, context)
    except TEMPLATE_ERRORS as error:
        raise Unexportable(f"{REMOVALS} : {type(error).__name__} : {error}") from error


_EXPORT_S: Final = 30
"""Seconds of processor that the académie's template of an export may use: it makes some thousand lines a second."""


def _export(
    wordings: TemplateLoader, name: str, lines: Iterable[Any], today: date, context: MailContext
) -> Iterator[str]:
    """The pieces of an export; the académie's template makes them whole, in a child process. Raises Unexportable."""
    if in_child() or wordings.uses(name).isdisjoint(wordings.overridden()):
        yield from _joined(wordings.environment.get_template(name).generate(lines=lines, today=today, here=context))
        return
    arguments = wordings, name, tuple(lines), today, context
    try:
        yield run_in_child(f"{__name__}:export_text", *arguments, step_s=_EXPORT_S)
    except (ChildStopped, TooLong, MemoryError, RecursionError) as error:
        raise Unexportable(f"{name} : {why(error)}") from error


def export_text(wordings: TemplateLoader, name: str, lines: Iterable[Any], today: date, context: MailContext) -> str:
    """The whole text of an export, in a child process. ``lines`` come one by one, as they do from the database."""
    with step(name):
        return wordings.environment.get_template(name).render(lines=iter(lines), today=today, here=context)


def _joined(pieces: Iterator[str]) -> Iterator[str]:
    chunk: list[str] = []
    length = 0
    for piece in pieces:
        chunk.append(piece)
        length += len(piece)
        if length >= _CHUNK:
            yield "".join(chunk)
            chunk, length = [], 0
    if chunk:
        yield "".join(chunk)
