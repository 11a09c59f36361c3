"""What is answered about requests: the same fields that the person would see, never the code (R3, R60)."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from portal.api.field_types import Told, Year
from portal.api.problems import ReasonOut, reason_out
from states.rules.revocation import Action
from states.vocabulary import (
    Change,
    Channel,
    CheckOutcome,
    CodeStatus,
    RemovalKind,
    RemovalOutcome,
    Role,
    Settlement,
    State,
    Trigger,
)
from workflow.requests.detail import CheckView, EventView, RemovalView, RequestView

# The parts of a request as it is answered.


class School(Told):
    """The establishment of a request."""

    uai: str
    nom: str
    commune: str
    departement: str
    is_open: bool
    mailbox: str | None = Field(description="La boîte fonctionnelle en vigueur (R14).")


class CheckOut(Told):
    """One of the two checks."""

    outcome: CheckOutcome
    source: str
    checked_on: date
    is_valid: bool = Field(description="La vérification vaut aujourd'hui (R35 à R37).")
    problem: ReasonOut | None = Field(description="Pourquoi elle ne vaut pas.")


class ChecksOut(Told):
    """Both checks; null: not done."""

    listing: CheckOut | None
    delegation: CheckOut | None


class ReportOut(Told):
    """A change that was reported."""

    number: int
    change: Change
    effective_on: date
    reported_at: datetime
    settlement: Settlement | None
    settled_at: datetime | None


class TodoOut(Told):
    """What is to be done on the ODA server."""

    action: Action
    kept_for: list[str]
    expires_on: date | None
    to_verify: bool
    following: list[str]
    sentence: str = Field(description="Le tout en une phrase.")


class RemovalOut(Told):
    """The removal of rights."""

    kind: RemovalKind
    outcome: RemovalOutcome | None
    opened_at: datetime
    closed_at: datetime | None
    todo: TodoOut | None


class Other(Told):
    """Another live request of the same person."""

    reference: str
    uai: str
    school_year: Year
    state: State
    nom: str
    prenom: str
    mail: str
    has_key: bool
    expires_on: date | None


class StepOut(Told):
    """What a request waits for."""

    who: Role
    what: str
    trigger: Trigger | None


class Line(Told):
    """A request in a listing."""

    reference: str
    state: State
    version: int
    school_year: Year
    uai: str
    establishment: str = Field(description="Le nom de l'établissement.")
    commune: str
    departement: str
    nom: str
    prenom: str
    mail: str
    since: datetime = Field(description="Quand la demande est venue à cet état.")
    changed_at: datetime
    code_fate: CodeStatus
    expires_on: date | None
    handed_on: date | None
    removal_open: bool = Field(description="Le retrait des droits reste à confirmer (R49).")
    report_open: bool = Field(description="Un signalement reste à régler (R46).")


class EventOut(Told):
    """An event of the journal."""

    seq: int
    trigger: Trigger
    source: State | None
    target: State
    actor: str
    role: Role
    channel: Channel
    at: datetime
    data: dict[str, Any] = Field(description="Ce que le journal en garde ; aucune donnée personnelle.")
    notes: dict[str, str | None] = Field(description="Les textes libres ; null une fois effacés.")


class RequestOut(Told):
    """All that one may see of a request."""

    reference: str
    state: State
    version: int
    school_year: Year
    nom: str
    prenom: str
    mail: str
    chef_name: str
    drane_declared_on: date | None
    delegation_why: str
    delegated_on: date | None
    charter_signed_on: date | None
    charter_version: str | None
    code_issued_at: datetime | None
    extends: str | None
    expires_on: date | None
    handed_on: date | None
    renews: str | None
    establishment: School
    created_at: datetime
    changed_at: datetime
    year_ends_on: date
    year_end_is_default: bool = Field(description="Aucune date n'est connue : le 31 août tient lieu de fin (R22).")
    expiry_differs: bool
    code_fate: CodeStatus
    checks: ChecksOut
    reports: list[ReportOut]
    removal: RemovalOut | None
    others: list[Other]
    next_step: StepOut | None


# From what the readings give to what is answered.


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
