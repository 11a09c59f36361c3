"""From what the readings give to what is answered."""

from portal.api.parts import CheckOut, ChecksOut, Other, RemovalOut, ReportOut, School, StepOut, TodoOut
from portal.api.problems import reason_out
from portal.api.shapes import EventOut, RequestOut
from workflow.reading.history import EventView
from workflow.reading.view import CheckView, RemovalView, RequestView

_PLAIN = tuple(
    name for name in RequestOut.model_fields
    if name not in {"establishment", "created_at", "changed_at", "year_ends_on", "year_end_is_default",
                    "expiry_differs", "code_fate", "checks", "reports", "removal", "others", "next_step"}
)  # fmt: skip
"""The fields that the request itself bears."""


def request_out(view: RequestView) -> RequestOut:
    """A request whole, without its history."""
    return RequestOut(
        **{name: getattr(view.request, name) for name in _PLAIN},
        establishment=School.model_validate(view.establishment),
        created_at=view.created_at,
        changed_at=view.changed_at,
        year_ends_on=view.year_end.last_day,
        year_end_is_default=view.year_end.is_default,
        expiry_differs=view.expiry_differs,
        code_fate=view.code_fate,
        checks=ChecksOut(listing=_check(view.listing), delegation=_check(view.delegation)),
        reports=[ReportOut.model_validate(report) for report in view.reports],
        removal=_removal(view.removal),
        others=[Other.model_validate(other) for other in view.others],
        next_step=StepOut.model_validate(view.next_step) if view.next_step else None,
    )


def event_out(event: EventView) -> EventOut:
    """One event, with its free texts by field."""
    names = ("seq", "trigger", "source", "target", "actor", "role", "channel", "at")
    return EventOut(
        **{name: getattr(event, name) for name in names},
        data=dict(event.data),
        notes={note.field: note.body for note in event.notes},
    )


def _check(found: CheckView) -> CheckOut | None:
    if found.check is None:
        return None
    return CheckOut(
        outcome=found.check.outcome,
        source=found.check.source,
        checked_on=found.check.checked_on,
        is_valid=found.is_valid,
        problem=reason_out(found.problem) if found.problem else None,
    )


def _removal(removal: RemovalView | None) -> RemovalOut | None:
    if removal is None:
        return None
    return RemovalOut(
        kind=removal.kind,
        outcome=removal.outcome,
        opened_at=removal.opened_at,
        closed_at=removal.closed_at,
        todo=TodoOut.model_validate(removal.todo) if removal.todo else None,
    )
