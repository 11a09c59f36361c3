"""The line markup in which mails are written, read once into blocks; markup_text and markup_html lay them out.

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
| four spaces       | a line kept as it is, such as a command; with the mask alone, the code;   |
|                   | an address that ends with the link's mask, a sign-in link                 |
| ``--`` alone      | what follows is the foot of the mail                                      |
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from notifications.typography import spaced

MASK: Final = "[code masqué]"
SLOT: Final = f"    {MASK}"
"""The line that stands for the code. No value can forge it: values begin no line, and nothing is indented so."""
LINK_MASK: Final = "[lien masqué]"
_INDENT: Final = "    "


def link_slot(address: str) -> str:
    """The line that stands for a sign-in link: its secret will follow ``address``. As hard to forge as ``SLOT``."""
    return f"{_INDENT}{address}{LINK_MASK}"


def is_slot(line: str) -> bool:
    """Whether a secret will stand in this line of a text."""
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
class Facts:
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
class Slot:
    """Where the code will stand (R60)."""


@dataclass(frozen=True, slots=True)
class LinkSlot:
    """Where the sign-in link will stand: ``address`` and then its secret (R72)."""

    address: str


@dataclass(frozen=True, slots=True)
class Foot:
    """What follows is the foot of the mail."""


Block: TypeAlias = Paragraph | Heading | Items | Facts | Notice | Lines | Slot | LinkSlot | Foot

_MARK = re.compile(r"## |- |\d{1,3}\. |= |! |\| | {4}|--$")
_PLAIN, _STEP, _KEPT, _FOOT = "", "1. ", "    ", "--"
_LINK: Final = link_slot("")
_JOINED = frozenset({_PLAIN, "- ", _STEP, "= ", "! "})
"""Blocks in which a line without a mark goes on with the line above."""
_ALONE = frozenset({_PLAIN, "## ", SLOT, _LINK, _FOOT})
"""Blocks that hold one entry."""


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
        return _LINK, line[len(_KEPT) : -len(LINK_MASK)]
    found = _MARK.match(line)
    if found is None:
        return _PLAIN, line.strip()
    mark = found[0]
    return _STEP if mark[0].isdigit() else mark, line[found.end() :]


def _block(mark: str, entries: list[str]) -> Block:
    if mark not in (_KEPT, _LINK):
        entries = [spaced(entry) for entry in entries]
    return _MAKERS[mark](entries)


def _row(entry: str) -> tuple[str, str]:
    label, _, value = entry.partition("\u00a0: ")
    return label.removesuffix("\u00a0:"), value


_MAKERS: Final[dict[str, Callable[[list[str]], Block]]] = {
    _PLAIN: lambda entries: Paragraph(entries[0]),
    "## ": lambda entries: Heading(entries[0]),
    "- ": lambda entries: Items(tuple(entries), numbered=False),
    _STEP: lambda entries: Items(tuple(entries), numbered=True),
    "= ": lambda entries: Facts(tuple(map(_row, entries))),
    "! ": lambda entries: Notice(tuple(entries)),
    "| ": lambda entries: Lines(tuple(entries), verbatim=False),
    _KEPT: lambda entries: Lines(tuple(entries), verbatim=True),
    SLOT: lambda _: Slot(),
    _LINK: lambda entries: LinkSlot(entries[0]),
    _FOOT: lambda _: Foot(),
}
