"""Prose folded to a width as French is: never before « : », nor inside guillemets or a date."""

import textwrap
from typing import Final

from notifications.rendering.typography import NBSP, french_spacing
from portal.cli.output import printable

_NARROWEST: Final = 10


def folded(text: str, width: int, first: str = "", then: str = "", *, keep: bool = False) -> list[str]:
    """The lines of one paragraph, harmless to a terminal; ``keep`` leaves its margin, and a line that fits."""
    safe = printable(text)
    if keep and len(safe) <= width:
        return [safe.replace(NBSP, " ")]
    margin = first + safe[: len(safe) - len(safe.lstrip(" "))] if keep else first
    lines = textwrap.wrap(
        french_spacing(safe.strip(" ")), max(width, _NARROWEST + len(margin)), initial_indent=margin,
        subsequent_indent=margin if keep else then, break_on_hyphens=False, break_long_words=keep,
    )  # fmt: skip
    return [line.replace(NBSP, " ") for line in lines] or [""]
