"""One action on many requests, slice after slice, each request refused or done by itself (R7, R10)."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from portal.web.installed import Installed
from portal.web.visitors import Visitor
from states.case import Refused
from states.commands import Command
from states.refusals import Reason
from workflow.database import DatabaseBusy, DatabaseUnreachable
from workflow.engine import Done, Result
from workflow.reading.worklist import WorkLine

SLICE: Final = 100
"""Requests a transaction: short enough to leave the database to others in between."""
_INTERRUPTED: Final = Reason(
    "interrupted", "R7", "La base de données n'a pas répondu : rien n'a changé pour cette demande",
    "Recommencer pour elle dans un instant.",
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A request and what came of it."""

    reference: str
    line: WorkLine | None
    result: Result

    @property
    def is_done(self) -> bool:
        return isinstance(self.result, Done)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.result.reasons if isinstance(self.result, Refused) else ()

    @property
    def warnings(self) -> tuple[Reason, ...]:
        return self.result.warnings if isinstance(self.result, Done) else ()


def execute_all(
    here: Installed, visitor: Visitor, commands: Mapping[str, Command], key: str
) -> Iterator[tuple[str, Result]]:
    """What came of each, in order. Sent twice, the same answers: a slice's key is drawn from the form's and from the
    references that it holds, so that another selection under the same form is another action (R10). What is done
    stays done if a later slice meets a database that does not answer."""
    references, interrupted = list(commands), False
    for start in range(0, len(references), SLICE):
        some = references[start : start + SLICE]
        if not interrupted:
            try:
                results = _slice(here, visitor, [commands[one] for one in some], some, key)
                yield from zip(some, results, strict=True)
                continue
            except (DatabaseBusy, DatabaseUnreachable):
                if not start:
                    raise
                interrupted = True
        yield from ((reference, Refused((_INTERRUPTED,))) for reference in some)


def _slice(
    here: Installed, visitor: Visitor, commands: Sequence[Command], references: Sequence[str], key: str
) -> list[Result]:
    drawn = hashlib.sha256(" ".join(references).encode()).hexdigest()[:16]
    return here.house.engine.execute(commands, visitor.actor, key=f"web:{key}:{drawn}")


def build_all(versions: Mapping[str, int], build: Callable[[str, Mapping[str, Any]], Command]) -> dict[str, Command]:
    """The command of each request, which must still be as it was shown (R9)."""
    return {
        reference: build(reference, {"reference": reference, "expected_version": version})
        for reference, version in versions.items()
    }
