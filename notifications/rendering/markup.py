"""The line markup in which mails are written: parsed once into blocks, laid out as text and as HTML.

A blank line ends a block, and so does a line that begins with another mark:

| mark              | block                                                                     |
|-------------------|---------------------------------------------------------------------------|
| none              | a paragraph, refilled                                                     |
| ``## ``           | a heading                                                                 |
| ``- ``            | an item of a list                                                         |
| ``1. ``           | a step; whatever the numbers written, they are counted anew               |
| ``= Label : x``   | a key fact                                                                |
| ``! ``            | a notice: what is urgent or serious                                       |
| ``| ``            | a line that stays a line of its own                                       |
| ``> ``            | the button to the page of what the mail asks for: its label; the address  |
|                   | is the renderer's                                                         |
| four spaces       | a line kept as it is, such as a command; with the mask alone, the code;   |
|                   | an address that ends with the link's mask, a sign-in link                 |
| ``--`` alone      | what follows is the foot of the mail                                      |
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from html import escape
from typing import Any, Final, TypeAlias

from states.validation import has_invisible, without_invisible

WIDTH: Final = 72

NBSP: Final = "\u00a0"

_MONTH = "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"

BOUND: Final = re.compile(
    " (?:(?=[:;?!»])"  # before the high signs
    r"|(?<=[«\drh°] )(?:"  # only after these, so that most of a text's spaces are passed over at once
    "(?<=« )"
    rf"|(?<=[\dr] )(?=(?:{_MONTH}|jours?|mois|h|%)\b)"  # 31 août, 1er mars, 10 jours
    r"|(?<=\d h )(?=\d\d\b)"  # 9 h 05
    r"|(?<=n° )(?=\d)))"
)
"""Each space of a text that must not break."""

_FORMULA: Final = tuple("=+-@|%＝＋－＠")

_QUOTED: Final = re.compile(r'[;,|"]')

MASK: Final = "[code masqué]"

SLOT: Final = f"    {MASK}"
"""The line that stands for the code. No value can forge it: values begin no line, and nothing is indented so."""

LINK_MASK: Final = "[lien masqué]"

_INDENT: Final = "    "

_MARK = re.compile(r"## |- |\d{1,3}\. |= |! |\| |> | {4}|--$")

_PLAIN, _STEP, _VERBATIM, _BUTTON_MARK, _FOOT = "", "1. ", "    ", "> ", "--"

_LINK_LINE: Final = f"{_INDENT}{LINK_MASK}"

_JOINED = frozenset({_PLAIN, "- ", _STEP, "= ", "! "})
"""Blocks in which a line without a mark goes on with the line above."""

_ALONE = frozenset({_PLAIN, "## ", SLOT, _LINK_LINE, _BUTTON_MARK, _FOOT})
"""Blocks that hold one entry."""

HTML_SLOT: Final = f'<strong id="code">{MASK}</strong>'
"""The element that stands for the code. No value can forge it: a value's ``<`` is escaped."""

HTML_LINK_SLOT: Final = f'{LINK_MASK}">Me connecter</a>'
"""The end of the button, whose address the secret of a link will end. No value can forge it either."""

BLUE: Final = "#000091"

_LEFT = 'role="presentation" width="100%" cellpadding="0" cellspacing="0"'

_BELOW = "margin:0 0 16px"

_CELL = "padding:8px 0;border-bottom:1px solid #dddddd;text-align:left;vertical-align:top"

_NOTICE_CELL = "padding:12px 16px 4px;border-left:4px solid #b34000;background:#ffe9e6;color:#161616"

_CODE_CELL = (
    f"padding:20px 8px;border:2px solid {BLUE};background:#f5f5fe;color:#161616;text-align:center;"
    "font:bold 24px/32px Consolas,'Courier New',monospace;letter-spacing:1px"
)

_BUTTON = (
    f"display:inline-block;padding:12px 24px;border:2px solid #6a6af4;background:{BLUE};color:#ffffff!important;"
    "text-decoration:none;font:bold 18px/24px Arial,Helvetica,sans-serif"
)

_PRE = "padding:12px 16px;background:#eeeeee;color:#161616;font:16px/24px Consolas,'Courier New',monospace"

_LINK_STYLE = f"color:{BLUE};overflow-wrap:anywhere"

_NEXT_LINE = "display:inline-block;max-width:100%"
"""Rather goes to the next line than is cut after a hyphen; cut all the same when it is longer than a line."""

_ADDRESS = re.compile(
    r"(?<!\w)(?i:https?)://\w[^\s<>\"«»“”]*"
    r"|(?<![\w.+@/'’!#$%&*=?^`{|}~-])[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?![\w@-]|\.\w)"
)

_HYPHENS = re.compile(r"(?:\b[A-Z]{2,8}-)?\b\d{4}-\d{1,6}\b")
"""A school year, a request's reference: not to be cut after a hyphen."""

_OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]{,30}(?!\S)")
"""An option of a command, to be copied: not to be cut either."""

_WHOLE = r'<span style="white-space:nowrap">\g<0></span>'

_DIGITS = re.compile(r"\d-\d")

_TRAILING = re.compile(r"[.,;:!?'’…]+$")

_PAIRS = ((")", "("), ("]", "["), ("}", "{"))


def one_line(value: str) -> str:
    """A value on one line: line breaks and runs of spaces become a space, invisible characters go."""
    line = " ".join(value.split())
    if not has_invisible(line):
        return line
    return " ".join(without_invisible(line).split())  # once more: what went may have held spaces apart


def single_line(value: Any) -> Any:
    """The same facts with every string on one line, at any depth."""
    if type(value) is str:
        return one_line(value)
    if isinstance(value, tuple):
        return tuple(single_line(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: single_line(getattr(value, f.name)) for f in fields(value)})
    return value


def french_spacing(line: str) -> str:
    """French spacing: a space that must not break before ``: ; ? !``, inside guillemets, in a date, after ``n°``."""
    return BOUND.sub(NBSP, line)


def csv_cell(value: object) -> str:
    """A value as one cell of a CSV file, whatever separates the cells; nothing for None, ``31/08/2027`` for a date.

    Line ends, tabs and invisible characters go; what a spreadsheet would take for a formula begins with an apostrophe.
    """
    if isinstance(value, bool):
        text = "oui" if value else "non"
    elif isinstance(value, date):
        text = short_day(value)
    else:
        text = "" if value is None else one_line(str(value))
    neutral = f"'{text}" if text.startswith(_FORMULA) else text
    if _QUOTED.search(neutral):
        doubled = neutral.replace('"', '""')
        return f'"{doubled}"'
    return neutral


def short_day(value: date | None) -> str:
    """``31/08/2027``; nothing for None."""
    return f"{value:%d/%m/%Y}" if value else ""


def iso_day(value: date | None) -> str:
    """``2027-08-31``; nothing for None."""
    return f"{value:%Y-%m-%d}" if value else ""


def link_slot(address: str) -> str:
    """The line that stands for a sign-in link: its secret will follow ``address``. As hard to forge as ``SLOT``."""
    return f"{_INDENT}{address}{LINK_MASK}"


def is_slot(line: str) -> bool:
    """True if a secret will stand in this line of a text."""
    return line == SLOT or (line.startswith(_INDENT) and line.endswith(LINK_MASK))


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """``numbered``: steps, in their order."""

    entries: tuple[str, ...]
    numbered: bool


@dataclass(frozen=True, slots=True)
class MarkupFacts:
    """Pairs of a label and its value."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Notice:
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that are not joined. ``verbatim``: not even their spaces change."""

    lines: tuple[str, ...]
    verbatim: bool


@dataclass(frozen=True, slots=True)
class Button:
    """The link to the page on which what a mail asks for is done (R55)."""

    label: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of the code (R60)."""


@dataclass(frozen=True, slots=True)
class LinkSlot:
    """The place of the sign-in link: ``address`` and then its secret (R72)."""

    address: str


@dataclass(frozen=True, slots=True)
class Foot:
    """The line after which the foot of the mail begins."""


Block: TypeAlias = Paragraph | Heading | Items | MarkupFacts | Notice | Lines | Button | Slot | LinkSlot | Foot


def parse(text: str) -> tuple[Block, ...]:
    """The blocks of a mail, with French spacing everywhere but in verbatim lines."""
    blocks: list[Block] = []
    mark: str = _PLAIN
    entries: list[str] = []
    for line in map(str.rstrip, text.split("\n")):
        own, entry = _split(line)
        if entries and own == mark and own not in _ALONE:
            entries.append(entry)
        elif entries and own == _PLAIN and entry and mark in _JOINED:
            entries[-1] += f" {entry}"
        else:
            if entries:
                blocks.append(_block(mark, entries))
            mark, entries = own, [entry] if line else []
    if entries:
        blocks.append(_block(mark, entries))
    return tuple(blocks)


def _split(line: str) -> tuple[str, str]:
    """The mark of a line, and the rest of it."""
    if line == SLOT:
        return SLOT, MASK
    if is_slot(line):
        return _LINK_LINE, line[len(_VERBATIM) : -len(LINK_MASK)]
    match = _MARK.match(line)
    if match is None:
        return _PLAIN, line.strip()
    mark = match[0]
    return _STEP if mark[0].isdigit() else mark, line[match.end() :]


def _block(mark: str, entries: list[str]) -> Block:
    if mark not in (_VERBATIM, _LINK_LINE):
        entries = [french_spacing(entry) for entry in entries]
    return _MAKERS[mark](entries)


_MAKERS: Final[dict[str, Callable[[list[str]], Block]]] = {
    _PLAIN: lambda entries: Paragraph(entries[0]),
    "## ": lambda entries: Heading(entries[0]),
    "- ": lambda entries: Items(tuple(entries), numbered=False),
    _STEP: lambda entries: Items(tuple(entries), numbered=True),
    "= ": lambda entries: MarkupFacts(
        tuple((label.removesuffix("\u00a0:"), value) for label, _, value in (e.partition("\u00a0: ") for e in entries))
    ),
    "! ": lambda entries: Notice(tuple(entries)),
    "| ": lambda entries: Lines(tuple(entries), verbatim=False),
    _VERBATIM: lambda entries: Lines(tuple(entries), verbatim=True),
    _BUTTON_MARK: lambda entries: Button(entries[0]),
    SLOT: lambda _: Slot(),
    _LINK_LINE: lambda entries: LinkSlot(entries[0]),
    _FOOT: lambda _: Foot(),
}


def as_text(blocks: Sequence[Block]) -> str:
    """The blocks in lines of 72 columns; only a word that is longer, such as an address, goes beyond."""
    lines: list[str] = []
    for block in blocks:
        lines += _laid_out(block)
        if not isinstance(block, Foot):
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _laid_out(block: Block) -> list[str]:
    match block:
        case Paragraph(text):
            return _filled(text)
        case Heading(text):
            return [*(lines := _filled(text)), "-" * max(map(len, lines))]
        case Items(entries, numbered):
            marks = [f"{n}. " if numbered else "- " for n in range(1, len(entries) + 1)]
            return [x for m, entry in zip(marks, entries, strict=True) for x in _filled(entry, m, " " * len(marks[0]))]
        case MarkupFacts(rows):
            width = max(2, *(len(label) for label, _ in rows))
            return [x for label, value in rows for x in _filled(value, f"{label:{width}} : ", " " * (width + 3))]
        case Notice(paragraphs):
            return [x for text in paragraphs for x in _filled(text, "! ", "  ")]
        case Lines(lines, verbatim):
            return [f"    {x}" for x in lines] if verbatim else [x for line in lines for x in _filled(line)]
        case Button(label, address):
            return [*_filled(f"{label}{NBSP}:"), address]
        case Slot():
            return [SLOT]
        case LinkSlot(address):
            return [link_slot(address)]
        case Foot():
            return ["--"]


def _filled(text: str, first: str = "", then: str = "") -> list[str]:
    """One entry refilled. ``first`` begins its first line, ``then`` the others: never with four spaces (SLOT)."""
    if len(first) + len(text) <= WIDTH and "  " not in text:
        return [(first + text).rstrip()]
    lines: list[str] = []
    line, begun = first, False
    for word in filter(None, text.split(" ")):
        if not begun:
            line, begun = line + word, True
        elif len(line) + len(word) < WIDTH:
            line = f"{line} {word}"
        else:
            lines.append(line)
            line = then + word
    return [*lines, line.rstrip()]


def as_html(blocks: Sequence[Block]) -> str:
    """The blocks as elements, one a line; headings are ``h2``.

    Every value is escaped; styles are in the elements, since many mail readers drop the rest.
    """
    return "\n".join(map(_element, blocks))


def _element(block: Block) -> str:
    match block:
        case Paragraph(text):
            return _paragraph(inline(text))
        case Heading(text):
            return f'<h2 style="margin:24px 0 8px;font-size:20px;line-height:28px;color:{BLUE}">{inline(text)}</h2>'
        case Items(entries, numbered):
            name = "ol" if numbered else "ul"
            items = "".join(f'<li style="margin:0 0 8px">{inline(entry)}</li>' for entry in entries)
            return f'<{name} style="{_BELOW};padding:0 0 0 28px">{items}</{name}>'
        case MarkupFacts(rows):
            cells = "".join(
                f'<tr><th scope="row" width="35%" style="{_CELL};padding-right:16px;font-weight:normal;color:#595959">'
                f'{inline(label)}</th><td style="{_CELL};overflow-wrap:anywhere">{inline(value)}</td></tr>'
                for label, value in rows
            )
            return f'<table width="100%" cellspacing="0" style="{_BELOW};border-collapse:collapse">{cells}</table>'
        case Notice(paragraphs):
            content = "".join(f'<p style="margin:0 0 8px">{inline(text)}</p>' for text in paragraphs)
            return _boxed("n", _NOTICE_CELL, content)
        case Lines(lines, verbatim):
            if verbatim:
                text = _OPTION.sub(_WHOLE, escape("\n".join(lines), quote=False))
                return (
                    f'<pre class="v" style="{_BELOW};{_PRE};white-space:pre-wrap;overflow-wrap:anywhere">{text}</pre>'
                )
            return _paragraph("<br>".join(map(inline, lines)))
        case Button(label, address):
            return _paragraph(f'<a style="{_BUTTON}" href="{escape(address)}">{inline(label)}</a>')
        case Slot():
            return _boxed("k", _CODE_CELL, HTML_SLOT)
        case LinkSlot(address):
            return _paragraph(f'<a style="{_BUTTON}" href="{escape(address)}{HTML_LINK_SLOT}')
        case Foot():
            return '<hr style="border:0;border-top:1px solid #dddddd">'


def _paragraph(content: str) -> str:
    return f'<p style="{_BELOW}">{content}</p>'


def _boxed(name: str, style: str, content: str) -> str:
    """In a table, because some readers give no padding to a ``div``; ``name`` is its class, for the dark colours."""
    return f'<table {_LEFT} style="{_BELOW}"><tr><td class="{name}" style="{style}">{content}</td></tr></table>'


def inline(text: str) -> str:
    """Text escaped, its http, https and mail addresses made links that show the very address."""
    if "@" not in text and "://" not in text:
        return _escaped(text)
    pieces: list[str] = []
    done = 0
    for match in _ADDRESS.finditer(text):
        address = _trimmed(match[0])
        is_web = "://" in address
        target, style = (address, _LINK_STYLE) if is_web else (f"mailto:{address}", f"{_LINK_STYLE};{_NEXT_LINE}")
        link = f'<a href="{escape(target)}" style="{style}">{escape(address, quote=False)}</a>'
        pieces += (_escaped(text[done : match.start()]), link)
        done = match.start() + len(address)
    return "".join(pieces) + _escaped(text[done:])


def _escaped(text: str) -> str:
    text = escape(text, quote=False)
    if _DIGITS.search(text) is None:  # many times quicker than to look for the whole
        return text
    return _HYPHENS.sub(_WHOLE, text)


def _trimmed(address: str) -> str:
    """Without the punctuation of the sentence around: a closing bracket stays when it was opened within."""
    before = ""
    while address != before:
        before = address
        address = _TRAILING.sub("", address)
        for closing, opening in _PAIRS:
            if address.endswith(closing) and address.count(closing) > address.count(opening):
                address = address[:-1]
    return address
