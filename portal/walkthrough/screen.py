"""How the story looks: a few shapes, 100 columns at most, readable without colour and in a file."""

import time
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from rich.box import ROUNDED
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from portal.cli.output import printable
from portal.walkthrough.folding import folded
from states.vocabulary import Role, State

WIDEST: Final = 100
NARROWEST: Final = 30
_PAPER: Final = 78
"""The width of a mail: 72 columns of text and a frame."""
_COLOURS: Final = {Role.CHEF: "cyan", Role.OPERATOR: "magenta", Role.SCHEDULE: "yellow", Role.CONNECTOR: "green"}
_ASCII: Final = {"●": "*", "○": "o", "✓": "+", "✗": "x", "│": "|"}


class _Paper(Console):
    """A console on which a reader who left is an error like another: the command line knows what to do of it."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Screen:
    """Draws on ``stream``; ``pause`` is how long it rests before each scene, in seconds."""

    def __init__(self, stream: TextIO, *, pause: float) -> None:
        self._console = _Paper(
            file=stream, force_terminal=stream.isatty(), highlight=False, markup=False, emoji=False, soft_wrap=True
        )
        self.width = max(NARROWEST, min(self._console.width, WIDEST))
        self._pause = pause

    def blank(self) -> None:
        self._console.print()

    def say(self, text: str, style: str = "", *, first: str = "  ", then: str | None = None) -> None:
        """A paragraph."""
        for line in folded(text, self.width, first, first if then is None else then):
            self._console.print(Text(self._plain(line), style=style))

    def as_it_is(self, lines: Iterable[str], style: str = "", margin: str = "  ") -> None:
        """Lines that are not folded."""
        for line in lines:
            self._console.print(Text(self._plain(f"{margin}{line}"), style=style))

    def poster(self, title: str, paragraphs: Sequence[str]) -> None:
        """The first thing that is seen."""
        lines = Text(title, style="bold")
        for paragraph in paragraphs:
            lines.append("\n\n" + "\n".join(folded(paragraph, self.width - 6)), style="not bold")
        self._console.print(Panel(lines, box=ROUNDED, border_style="cyan", padding=(1, 2), width=self.width))

    def chapter(self, number: int, title: str) -> None:
        """A new part of the story."""
        self.blank()
        rule = Rule(Text(f"{number}. {title}", style="bold"), align="left", style="cyan")
        self._console.print(rule, width=self.width)

    def scene(self, when: str, who: str, role: Role, what: str) -> None:
        """The date of the story, who acts and in which role, and what is about to happen."""
        self._rest()
        self.blank()
        heading = Text(self._plain(f"  {when} · "), style="bold").append(who, style=f"bold {_COLOURS[role]}")
        if heading.cell_len <= self.width:
            self._console.print(heading)
        else:
            self.say(f"{when} · {who}", "bold")
        self.say(what)

    def command(self, lines: Sequence[str]) -> None:
        """What would be typed in a shell."""
        self.blank()
        for number, line in enumerate(lines):
            prompt = "  $ " if number == 0 else "    "
            self._console.print(Text(self._plain(prompt + line), style="green"))

    def done(self, text: str) -> None:
        self.say(text, "bold", first=f"  {self._plain('✓')} ", then="    ")

    def refused(self, text: str, reasons: Iterable[tuple[str, str]]) -> None:
        """A refusal: each reason, and what to do about it."""
        self.say(text, "bold red", first=f"  {self._plain('✗')} ", then="    ")
        for reason, remedy in reasons:
            self.say(reason, first="    — ", then="      ")
            self.say(f"Que faire : {remedy}", "dim", first="      ")

    def chain(self, state: State) -> None:
        """Where the request stands on its way."""
        reached = list(State).index(state)
        line = Text("    ")
        for place, one in enumerate(State):
            mark = self._plain("●" if place <= reached else "○")
            style = "bold green" if place == reached else "green" if place < reached else "dim"
            line.append(f"{mark} {one.label}", style=style).append(" ")
        if line.cell_len - 1 > self.width:
            marks = "".join("●" if place <= reached else "○" for place, _ in enumerate(State))
            line = Text(f"    {self._plain(marks)} ").append(state.label, style="bold green")
        line.rstrip()
        self._console.print(line)

    def sheet(self, title: str, headers: Iterable[tuple[str, str]], body: str, marked: str = "") -> None:
        """A mail, whole; the lines that hold ``marked`` stand out."""
        width = min(self.width - 2, _PAPER)
        sheet = Text()
        for label, value in headers:
            sheet.append("\n".join(folded(f"{label:<6} {value}", width - 4, then=" " * 7)) + "\n", style="bold")
        for line in body.rstrip("\n").split("\n"):
            style = "bold yellow" if marked and marked in line else ""
            sheet.append("\n" + "\n".join(folded(line, width - 4, keep=True)), style=style)
        panel = Panel(sheet, title=title, title_align="left", box=ROUNDED, border_style="cyan", width=width)
        self.blank()
        self._console.print(Padding(panel, (0, 0, 0, 2)), width=width + 2)

    def slip(self, title: str, lines: Sequence[str]) -> None:
        """A mail, its beginning only."""
        self.blank()
        bar, styles = self._plain("  │ "), ("cyan", "bold", "")
        for number, text in enumerate((title, *lines)):
            for line in folded(text, self.width - len(bar)):
                self._console.print(Text.assemble((bar, "cyan"), (self._plain(line), styles[min(number, 2)])))

    def _rest(self) -> None:
        if self._pause:
            time.sleep(self._pause)

    def _plain(self, text: str) -> str:
        """Harmless to a terminal, and drawn with what it knows."""
        safe = printable(text)
        if self._console.options.ascii_only:
            return "".join(_ASCII.get(character, character) for character in safe)
        return safe
