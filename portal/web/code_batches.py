"""One batch of drawn codes as a page, below what was just done of it (R97)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from portal.web.context import WebContext
from portal.web.forms import blank
from portal.web.security import Visitor
from states.decision import Refused
from states.refusals import Reason
from states.vocabulary import CodeStatus
from workflow.codes.batches import MOST, BatchView, UnknownBatch, batch_state, load_batch
from workflow.engine.engine import Done, Result
from workflow.requests.worklist import WorkLine, Worklist

CODES_PATH: Final = "/rectorat/codes"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The results of some requests of a batch; ``done`` is said of those that were accepted."""

    done: str
    results: Mapping[str, Result]

    @property
    def accepted(self) -> int:
        return sum(isinstance(result, Done) for result in self.results.values())

    @property
    def on_the_way(self) -> Mapping[str, int]:
        """The version of each request whose mail was let go, for who takes it back (R62)."""
        return {ref: x.version for ref, x in self.results.items() if isinstance(x, Done) and not x.replayed}

    @property
    def refused(self) -> Mapping[str, tuple[Reason, ...]]:
        return {ref: result.reasons for ref, result in self.results.items() if isinstance(result, Refused)}

    @property
    def warned(self) -> Mapping[str, tuple[Reason, ...]]:
        return {r: x.warnings for r, x in self.results.items() if isinstance(x, Done) and x.warnings}


def render_batch(
    request: Request, context: WebContext, visitor: Visitor, number: int, *, result: BatchResult | None = None,
    reasons: Sequence[Reason] = (), problem: str = "", ticked: Sequence[str] = (), status: int = 200,
) -> Response:  # fmt: skip
    """The batch as it is now, below what was just done of it. Raises HTTPException (404)."""
    app = context.app
    with app.database.read() as connection:
        try:
            batch = load_batch(connection, number)
        except UnknownBatch:
            raise HTTPException(404) from None
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        lines = worklist.lines(batch.references[:MOST])
    waiting, others = _parted(lines, batch)
    hold = app.policy.code_hold
    return context.pages.page(
        request, "rectorat/code_batch.html", visitor, status=status, batch=batch, waiting=waiting, others=others,
        result=result, reasons=reasons, problem=problem, ticked=ticked, state=batch_state(batch), form=blank(()),
        file_form=blank(()), leaves_at=app.clock.now() + hold if hold else None, hold_key=blank(()).key,
        HELD=CodeStatus.HELD,
    )  # fmt: skip


def _parted(lines: Iterable[WorkLine], batch: BatchView) -> tuple[list[WorkLine], list[WorkLine]]:
    """The requests whose code waits in this batch, and the others that it was drawn for."""
    waiting, others = list[WorkLine](), list[WorkLine]()
    for line in lines:
        (waiting if line.line.reference in batch.waiting else others).append(line)
    return waiting, others
