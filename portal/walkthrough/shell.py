"""The line that one would type for a command of the engine: made from the command itself, so that it cannot differ."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import date
from typing import Final

from portal.cli.parameters import spelling
from states.commands import Command, OnRequest, SignCharter, Submit
from states.vocabulary import Labelled

_UNSAID: Final = ("reference", "uai", "code", "expected_version", "on_behalf")
"""An argument, what the actor already tells, or what is never typed on the line."""

Words = tuple[str, ...]


def oda(*words: str, who: str = "") -> list[Words]:
    """``oda [--as WHO] …``: groups of words that a fold keeps together; ``who`` empty is the account's operator."""
    return [("oda", *(("--as", who) if who else ())), words]


def request_line(who: str, command: Command, name: str = "") -> list[Words]:
    """What ``who`` types for this command; ``name`` is what a chef says of himself (R37)."""
    line = oda("request", spelling(command.trigger), who=who)
    if isinstance(command, OnRequest):
        line.append((command.reference,))
    return [*line, *_options(command), *([("--name", name)] if name else [])]


def _options(command: Command) -> Iterator[Words]:
    if isinstance(command, Submit):
        yield ("--confirmed",)
        return
    for one in fields(command):
        value = getattr(command, one.name)
        if one.name in _UNSAID or value is None or value is False or value == "":
            continue
        flag = f"--{spelling('charter' if isinstance(command, SignCharter) and one.name == 'version' else one.name)}"
        yield (flag,) if value is True else (flag, _typed(value))


def _typed(value: object) -> str:
    if isinstance(value, Labelled):
        return spelling(value.value)
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    return str(value)


def folded(line: Iterable[Words], width: int) -> list[str]:
    """The line quoted for a shell, on as many lines as ``width`` asks for, each but the last ending with ``\\``."""
    lines: list[str] = []
    for group in line:
        text = shlex.join(group)
        if lines and len(lines[-1]) + 1 + len(text) <= width - 2:
            lines[-1] += f" {text}"
        else:
            lines.append(f"    {text}" if lines else text)
    return [f"{text} \\" for text in lines[:-1]] + lines[-1:]
