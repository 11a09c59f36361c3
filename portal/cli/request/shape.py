"""One request as plain values for a program: English keys, stored values, dates in ISO 8601."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from portal.cli.request.told import reason_row

if TYPE_CHECKING:
    from states.facts import Request
    from workflow.reading.history import EventView
    from workflow.reading.view import CheckView, RemovalView, RequestView

_STEPS = (
    "reference", "state", "version", "school_year", "nom", "prenom", "mail", "chef_name", "drane_declared_on",
    "delegation_why", "delegated_on", "charter_signed_on", "charter_version", "code_issued_at", "extends",
    "expires_on", "handed_on", "renews",
)  # fmt: skip


def shape(view: "RequestView") -> dict[str, Any]:
    """All that ``oda request show`` tells; the code is nowhere (R60)."""
    request, end = view.request, view.year_end
    return {name: getattr(request, name) for name in _STEPS} | {
        "establishment": asdict(view.establishment),
        "created_at": view.created_at,
        "changed_at": view.changed_at,
        "year_ends_on": end.last_day,
        "year_end_is_default": end.is_default,
        "expiry_differs": view.expiry_differs,
        "code_fate": view.code_fate,
        "checks": {"listing": _check(view.listing), "delegation": _check(view.delegation)},
        "reports": [asdict(report) for report in view.reports],
        "removal": _removal(view.removal),
        "others": [_other(other) for other in view.others],
        "next": asdict(view.next_step) if view.next_step else None,
        "actions": [
            {"trigger": action.trigger, "label": action.label, "on_behalf": action.on_behalf}
            for action in view.actions
        ],
        "history": [_event(event) for event in view.history],
    }  # fmt: skip


def _check(found: "CheckView") -> dict[str, Any] | None:
    if found.check is None:
        return None
    told = {name: getattr(found.check, name) for name in ("outcome", "source", "checked_on")}
    problem = reason_row(found.problem) if found.problem else None
    return {**told, "is_valid": found.is_valid, "problem": problem}


def _removal(removal: "RemovalView | None") -> dict[str, Any] | None:
    if removal is None:
        return None
    todo = asdict(removal.todo) | {"sentence": removal.todo.sentence} if removal.todo else None
    return {
        "kind": removal.kind, "outcome": removal.outcome, "opened_at": removal.opened_at,
        "closed_at": removal.closed_at, "todo": todo, "done": removal.done,
    }  # fmt: skip


def _other(other: "Request") -> dict[str, Any]:
    names = ("reference", "uai", "school_year", "state", "nom", "prenom", "mail", "has_key", "expires_on")
    return {name: getattr(other, name) for name in names}


def _event(event: "EventView") -> dict[str, Any]:
    names = ("seq", "trigger", "source", "target", "actor", "role", "channel", "at")
    return {name: getattr(event, name) for name in names} | {
        "data": dict(event.data),
        "notes": {note.field: note.body for note in event.notes},
    }
