"""Blocks as a text that stands alone: lines of 72 columns."""

from collections.abc import Sequence

from notifications.markup import (
    SLOT,
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
    link_slot,
)
from notifications.typography import WIDTH


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
        case Facts(rows):
            width = max(2, *(len(label) for label, _ in rows))
            return [x for label, value in rows for x in _filled(value, f"{label:{width}} : ", " " * (width + 3))]
        case Notice(paragraphs):
            return [x for text in paragraphs for x in _filled(text, "! ", "  ")]
        case Lines(lines, verbatim):
            return [f"    {x}" for x in lines] if verbatim else [x for line in lines for x in _filled(line)]
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
