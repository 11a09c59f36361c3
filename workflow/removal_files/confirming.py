"""The lines of a file confirmed, slice after slice, each refused or done by itself (R49)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from states.actors import Actor
from workflow.engine import Engine, Result
from workflow.removal_files.judging import command_of
from workflow.removal_files.rows import Asked

SLICE: Final = 100
"""How many are confirmed in one transaction."""


@dataclass(frozen=True, slots=True)
class Told:
    """A line and what came of it."""

    asked: Asked
    result: Result


def confirm(engine: Engine, lines: Sequence[Asked], actor: Actor, *, key: str | None) -> Iterator[list[Told]]:
    """A slice's results once it is done: what is done stays done if a later one fails.

    ``key`` makes the same lines sent twice one action (R10). Raises DatabaseBusy, DatabaseUnreachable.
    """
    for start in range(0, len(lines), SLICE):
        some = lines[start : start + SLICE]
        own = f"{key}:{start}" if key is not None else None
        results = engine.execute([command_of(one) for one in some], actor, key=own)
        yield [Told(one, result) for one, result in zip(some, results, strict=True)]
