"""The connector's calls as people read them: beside a task, and as a list (R84)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select

from states.vocabulary import CallStage
from workflow.connector.calls import CALL
from workflow.rows import REMOVAL

_STAGES: Final = {stage.value: stage for stage in CallStage}
_COLUMNS: Final = (
    CALL.c.reference, CALL.c.stage, CALL.c.attempts, CALL.c.status, CALL.c.answer, CALL.c.next_at, CALL.c.leased_until,
    CALL.c.changed_at, REMOVAL.c.closed_at,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class CallView:
    """One call. ``answer`` is the server's words, or ours about it; ``next_at`` None when it waits for nobody;
    ``is_held``: a machine is at it; ``is_open``: its task is still to be confirmed."""

    reference: str
    stage: CallStage
    attempts: int
    status: int | None
    answer: str
    next_at: datetime | None
    is_held: bool
    changed_at: datetime
    is_open: bool

    @property
    def may_be_asked_again(self) -> bool:
        """Whether an operator may have it asked anew."""
        return self.is_open and self.stage is CallStage.REFUSED


def calls_of(connection: Connection, references: Iterable[str]) -> Mapping[str, CallView]:
    """The calls of these requests' tasks, in one query; a request without one is left out."""
    query = _query().where(CALL.c.reference.in_(sorted(references)))
    return {row.reference: _view(row) for row in connection.execute(query)}


def list_calls(connection: Connection, *, stage: CallStage | None = None, limit: int = 200) -> list[CallView]:
    """Calls by reference, of one stage when one is given."""
    query = _query().order_by(CALL.c.reference).limit(limit)
    if stage:
        query = query.where(CALL.c.stage == stage.value)
    return [_view(row) for row in connection.execute(query)]


def count_calls(connection: Connection) -> dict[CallStage, int]:
    """How many calls of open tasks are in each stage, and how many were done, zero included."""
    counts = (
        select(CALL.c.stage, func.count())
        .join(REMOVAL, REMOVAL.c.reference == CALL.c.reference)
        .where(REMOVAL.c.closed_at.is_(None) | (CALL.c.stage == CallStage.DONE.value))
        .group_by(CALL.c.stage)
    )
    found = {_STAGES[stage]: count for stage, count in connection.execute(counts)}
    return {stage: found.get(stage, 0) for stage in CallStage}


def _query() -> Any:
    return select(*_COLUMNS).join(REMOVAL, REMOVAL.c.reference == CALL.c.reference)


def _view(row: Any) -> CallView:
    return CallView(
        reference=row.reference, stage=_STAGES[row.stage], attempts=row.attempts, status=row.status, answer=row.answer,
        next_at=row.next_at, is_held=row.leased_until is not None, changed_at=row.changed_at,
        is_open=row.closed_at is None,
    )  # fmt: skip
