"""Blocks as HTML for a mail: every value escaped, styles in the elements, since many mail readers drop the rest."""

import re
from collections.abc import Sequence
from html import escape
from typing import Final

from notifications.markup import (
    LINK_MASK,
    MASK,
    Block,
    Facts,
    Foot,
    Heading,
    Items,
    Lines,
    LinkSlot,
    Notice,
    Paragraph,
    Slot,
)

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
_LINK = f"color:{BLUE};overflow-wrap:anywhere"
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


def as_html(blocks: Sequence[Block]) -> str:
    """The blocks as elements, one a line; headings are ``h2``."""
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
        case Facts(rows):
            return _facts(rows)
        case Notice(paragraphs):
            told = "".join(f'<p style="margin:0 0 8px">{inline(text)}</p>' for text in paragraphs)
            return _boxed("n", _NOTICE_CELL, told)
        case Lines(lines, verbatim):
            if verbatim:
                kept = _OPTION.sub(_WHOLE, escape("\n".join(lines), quote=False))
                return f'<pre class="v" style="{_BELOW};{_PRE};white-space:pre-wrap">{kept}</pre>'
            return _paragraph("<br>".join(map(inline, lines)))
        case Slot():
            return _boxed("k", _CODE_CELL, HTML_SLOT)
        case LinkSlot(address):
            return _paragraph(f'<a style="{_BUTTON}" href="{escape(address)}{HTML_LINK_SLOT}')
        case Foot():
            return '<hr style="border:0;border-top:1px solid #dddddd">'


def _paragraph(content: str) -> str:
    return f'<p style="{_BELOW}">{content}</p>'


def _facts(rows: tuple[tuple[str, str], ...]) -> str:
    lines = "".join(
        f'<tr><th scope="row" width="35%" style="{_CELL};padding-right:16px;font-weight:normal;color:#595959">'
        f'{inline(label)}</th><td style="{_CELL};overflow-wrap:anywhere">{inline(value)}</td></tr>'
        for label, value in rows
    )
    return f'<table width="100%" cellspacing="0" style="{_BELOW};border-collapse:collapse">{lines}</table>'


def _boxed(name: str, style: str, content: str) -> str:
    """In a table, because some readers give no padding to a ``div``; ``name`` is its class, for the dark colours."""
    return f'<table {_LEFT} style="{_BELOW}"><tr><td class="{name}" style="{style}">{content}</td></tr></table>'


def inline(text: str) -> str:
    """Text escaped, its http, https and mail addresses made links that show the very address."""
    if "@" not in text and "://" not in text:
        return _escaped(text)
    pieces: list[str] = []
    done = 0
    for found in _ADDRESS.finditer(text):
        shown = _trimmed(found[0])
        target, style = (shown, _LINK) if "://" in shown else (f"mailto:{shown}", f"{_LINK};{_NEXT_LINE}")
        link = f'<a href="{escape(target)}" style="{style}">{escape(shown, quote=False)}</a>'
        pieces += (_escaped(text[done : found.start()]), link)
        done = found.start() + len(shown)
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
