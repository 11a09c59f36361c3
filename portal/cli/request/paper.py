"""Sections of short lines, folded to the width of the terminal: what is shown of one thing in full."""

import re
import shutil
import textwrap

import click

from portal.cli.cells import printable

_WIDEST, _NARROWEST = 100, 30
_NO_BREAK = "\N{NO-BREAK SPACE}"
_LOOSE = re.compile(r"(?<=«) | (?=[:;!?»])")
"""The spaces at which French never folds a line."""


class Paper:
    """Writes titles and lines on the standard output; nothing shown can drive the terminal."""

    def __init__(self) -> None:
        columns = shutil.get_terminal_size((80, 24)).columns
        self._width = max(_NARROWEST, min(columns, _WIDEST))

    def title(self, text: str) -> None:
        """A line that stands out."""
        for line in self._folded(text, "", ""):
            click.secho(line, bold=True)

    def section(self, text: str) -> None:
        """The title of what follows."""
        click.echo()
        self.title(text)

    def line(self, text: str, depth: int = 1) -> None:
        """A line of a section, whose folds are indented further."""
        margin = "  " * depth
        for line in self._folded(text, margin, margin + "  "):
            click.echo(line)

    def fact(self, label: str, value: str, depth: int = 1) -> None:
        """« label : value », or nothing when there is no value."""
        if value:
            self.line(f"{label} : {value}", depth)

    def _folded(self, text: str, first: str, then: str) -> list[str]:
        bound = _LOOSE.sub(_NO_BREAK, printable(text))
        lines = textwrap.wrap(bound, self._width, initial_indent=first, subsequent_indent=then, break_on_hyphens=False)
        return [line.replace(_NO_BREAK, " ") for line in lines]
