"""The shape of a text mail: French spacing, lines of 72 columns, and values that cannot break out of their line."""

import re
import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

WIDTH: Final = 72
NBSP: Final = "\u00a0"
_MONTH = "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
_BEFORE = re.compile(r" (?=[:;?!»])")
_AFTER = re.compile(r"(?<=«) ")
_UNITS = re.compile(rf"(?<=\d|r) (?=(?:{_MONTH}|jours?|mois|h|%)\b)|(?<=\d h) (?=\d\d\b)")
_HOURS = re.compile(rf"(?<=\d{NBSP}h) (?=\d\d\b)")


def one_line(value: str) -> str:
    """A value on one line: line breaks and runs of spaces become a space, invisible characters go."""
    spaced = " ".join(value.split())
    return "".join(c for c in spaced if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"))


def tame(value: Any) -> Any:
    """The same facts with every string on one line, at any depth."""
    if type(value) is str:
        return one_line(value)
    if isinstance(value, tuple):
        return tuple(tame(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: tame(getattr(value, f.name)) for f in fields(value)})
    return value


def spaced(line: str) -> str:
    """French spacing: a space that must not break before ``: ; ? !``, inside guillemets, in a date."""
    line = _AFTER.sub(NBSP, _BEFORE.sub(NBSP, line))
    return _HOURS.sub(NBSP, _UNITS.sub(NBSP, line))


def laid_out(text: str) -> str:
    """Paragraphs refilled to 72 columns.

    A blank line ends a paragraph; ``- `` and ``1. `` begin an item; a line that begins with ``| `` stays a line of
    its own; one that begins with four spaces is kept as it is.
    """
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines += [*_block(block), ""]
    return "\n".join(lines[:-1]) + "\n"


def _block(block: str) -> Iterator[str]:
    pending: list[str] = []
    for line in block.split("\n"):
        if re.match(r"- |\d+\. |\| |    ", line) and pending:
            yield from _filled(" ".join(pending))
            pending = []
        if line.startswith("    "):
            yield line.rstrip()
        elif line.startswith("| "):
            yield from _filled(line[2:])
        elif line.strip():
            pending.append(line.strip())
    if pending:
        yield from _filled(" ".join(pending))


def _filled(paragraph: str) -> list[str]:
    marker = re.match(r"- |\d+\. ", paragraph)
    return textwrap.wrap(
        spaced(" ".join(paragraph.split(" "))),
        WIDTH,
        subsequent_indent=" " * len(marker[0]) if marker else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
