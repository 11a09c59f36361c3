"""What was done, as the person is told: a French sentence with what follows, or JSON for a program."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from textwrap import dedent
from typing import TYPE_CHECKING

import click

from portal.cli import cells
from portal.cli.exits import say
from portal.cli.values import spelling
from portal.done import DONE

if TYPE_CHECKING:
    from states.refusals import Reason
    from workflow.engine import Done
    from workflow.reading.next_step import NextStep

_AGAIN = "déjà fait sous cette clé, rien n'est fait deux fois"


def sentence(done: "Done") -> str:
    """One sentence: the reference, what was done, where the request now stands."""
    what = _AGAIN if done.replayed else DONE[done.trigger]
    return f"{done.reference} : {what} (état : {done.state.label})."


def following(step: "NextStep | None", reference: str) -> str:
    """« Ensuite : … », with who does it and by which command."""
    if step is None:
        return "Ensuite : rien, personne n'est attendu."
    command = f" — oda request {spelling(step.trigger)} {reference}" if step.trigger in DONE else ""
    return f"Ensuite : {step.what} ({step.who.label}){command}"


def warn(warnings: "Iterable[Reason]", before: str = "") -> None:
    """What was done all the same, but must be known (R19, R21), on the error output."""
    lines = [f"Attention : {before}{w.message} ({w.rule}). {w.remedy}" for w in warnings]
    if lines:
        say(lines)


def reason_row(reason: "Reason") -> dict[str, object]:
    """A reason for a program."""
    return asdict(reason)


def done_row(done: "Done") -> dict[str, object]:
    """An accepted action for a program."""
    return {
        "reference": done.reference, "state": done.state, "version": done.version,
        "warnings": [reason_row(warning) for warning in done.warnings], "replayed": done.replayed,
    }  # fmt: skip


def echo_object(row: Mapping[str, object]) -> None:
    """Write one JSON object, in UTF-8 whatever the terminal."""
    array = cells.as_json([row])
    click.echo(f"{dedent(array[2:-2])}\n".encode(), nl=False)
