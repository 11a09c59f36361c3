"""The types of the interface's fields, and the models of requests: what the person would see, never the code (R3, R60).

A type is strict, so that exactly what the description says is accepted. The command line prints the same models in
JSON, so this module imports nothing of a web server.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictInt,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from states.french import parse_day
from states.school_calendar import SchoolYear
from states.vocabulary import (
    Action,
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
from workflow.requests.detail import CheckView, EventView, RequestView

LONGEST: Final = 2000
REFERENCE: Final = r"^ODA-[0-9]{4}-[0-9]{5,9}$"
UAI: Final = r"^[0-9]{7}[A-Z]$"
STORABLE: Final = r"^[^\x00]*$"
_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
Reference = Annotated[str, Field(pattern=REFERENCE, examples=["ODA-2027-00001"])]
Uai = Annotated[str, Field(pattern=UAI, examples=["0310001H"])]
Count = Annotated[
    StrictInt,
    Field(ge=1, le=2**31 - 1),
    # 195.0 is an integer of JSON, as the description says.
    BeforeValidator(lambda sent: int(sent) if isinstance(sent, float) and sent.is_integer() else sent),
]

_OF_VIEW = (
    "establishment", "created_at", "changed_at", "expiry_differs", "code_fate", "code_held_until", "reports", "removal",
    "others", "next_step",
)  # fmt: skip


def _day(value: Any) -> date:
    """Only ``2026-09-14``: what a program writes is not guessed at."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _ISO_DAY.fullmatch(value):
        raise PydanticCustomError("oda_day", "Donner un jour qui existe, au format 2026-09-14")
    try:
        return parse_day(value)
    except ValueError:
        raise PydanticCustomError("oda_day", "Donner un jour qui existe, au format 2026-09-14") from None


def _instant(value: Any) -> datetime:
    """An instant with its offset, of this century: without one, nobody knows whose midnight it is."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
        if instant is not None and instant.tzinfo and _FIRST <= instant <= _LAST:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("oda_instant", "Donner un instant avec son décalage, par exemple 2026-09-14T08:00:00Z")


def _year(value: Any) -> SchoolYear:
    if isinstance(value, SchoolYear):
        return value
    try:
        return SchoolYear.parse(value)
    except (TypeError, ValueError):
        raise PydanticCustomError("oda_year", "Donner une année scolaire, par exemple 2026-2027") from None


Day = Annotated[date, BeforeValidator(_day)]


Instant = Annotated[datetime, BeforeValidator(_instant)]


Year = Annotated[
    SchoolYear,
    PlainValidator(_year),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^20[0-9]{2}-2[01][0-9]{2}$", "examples": ["2026-2027"]}),
]


Text = Annotated[str, Field(max_length=LONGEST, pattern=STORABLE)]
"""Any text that a database can store; the rules judge the rest."""


class RequestModel(BaseModel):
    """Base of what is received: an unknown field is refused, for it was meant to say something."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ResponseModel(BaseModel):
    """Base of what is sent back."""

    model_config = ConfigDict(from_attributes=True)


class ReasonOut(ResponseModel):
    """One reason of a refusal, or a warning (R7)."""

    code: str = Field(description="Ce qui identifie la raison pour un programme ; ne change pas.")
    rule: str | None = Field(description="La règle de docs/processus.md ; null pour une erreur de forme.")
    message: str = Field(description="Ce qui ne va pas.")
    remedy: str = Field(description="Que faire.")
    field: str | None = Field(description="Le champ en cause, par son chemin ; null s'il n'y en a pas un seul.")


class School(ResponseModel):
    """The establishment of a request."""

    uai: str
    nom: str
    commune: str
    departement: str
    is_open: bool
    mailbox: str | None = Field(description="La boîte fonctionnelle en vigueur (R14).")


class CheckOut(ResponseModel):
    """One of the two checks."""

    outcome: CheckOutcome
    source: str
    checked_on: date
    is_valid: bool = Field(description="La vérification vaut aujourd'hui (R35 à R37).")
    problem: ReasonOut | None = Field(description="Pourquoi elle ne vaut pas.")


class ChecksOut(ResponseModel):
    """Both checks; null for one that is not done."""

    listing: CheckOut | None
    delegation: CheckOut | None


class ReportOut(ResponseModel):
    """A reported change (R32)."""

    number: int
    change: Change
    effective_on: date
    reported_at: datetime
    settlement: Settlement | None
    settled_at: datetime | None
    revoke_on: date | None = Field(description="Le jour d'une révocation datée, tant qu'elle est prévue (R46).")


class TodoOut(ResponseModel):
    """The task on the ODA server, as it stands today."""

    action: Action
    kept_for: list[str]
    expires_on: date | None
    to_verify: bool
    following: list[str]
    sentence: str = Field(description="Le tout en une phrase.")


class RemovalOut(ResponseModel):
    """The removal of rights."""

    kind: RemovalKind
    outcome: RemovalOutcome | None
    opened_at: datetime
    closed_at: datetime | None
    todo: TodoOut | None


class Other(ResponseModel):
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


class StepOut(ResponseModel):
    """The next step of a request."""

    who: Role
    what: str
    trigger: Trigger | None
    on: date | None = Field(description="Le jour à venir où cela se fera ; null pour maintenant.")


class Line(ResponseModel):
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


class EventOut(ResponseModel):
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


class RequestOut(ResponseModel):
    """All that the caller may see of a request."""

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
    key_elsewhere: bool = Field(description="La clé de la personne sert aussi à une autre application (R40).")
    code_held_until: datetime | None = Field(description="Jusqu'à quand l'envoi du code peut être annulé (R62).")
    expires_on: date | None
    handed_on: date | None
    renews: str | None
    establishment: School
    created_at: datetime
    changed_at: datetime
    erased_at: datetime | None = Field(description="Quand ce qui y était personnel a été effacé (R110).")
    year_ends_on: date
    year_end_is_default: bool = Field(description="Aucune date n'est connue : le 31 août tient lieu de fin (R22).")
    expiry_differs: bool
    code_fate: CodeStatus
    checks: ChecksOut
    reports: list[ReportOut]
    removal: RemovalOut | None
    others: list[Other]
    next_step: StepOut | None


_OF_REQUEST = tuple(RequestOut.model_fields.keys() - {*_OF_VIEW, "year_ends_on", "year_end_is_default", "checks"})


def request_out(view: RequestView) -> RequestOut:
    """A request whole, without its history."""
    return RequestOut.model_validate(
        {name: getattr(view.request, name) for name in _OF_REQUEST}
        | {name: getattr(view, name) for name in _OF_VIEW}
        | {
            "year_ends_on": view.year_end.last_day,
            "year_end_is_default": view.year_end.is_default,
            "checks": ChecksOut(listing=_check_out(view.listing), delegation=_check_out(view.delegation)),
        }
    )


def event_out(event: EventView) -> EventOut:
    """One event, with its free texts by field."""
    names = ("seq", "trigger", "source", "target", "actor", "role", "channel", "at")
    return EventOut(
        **{name: getattr(event, name) for name in names},
        data=dict(event.data),
        notes={note.field: note.body for note in event.notes},
    )


def _check_out(view: CheckView) -> CheckOut | None:
    check = view.check
    if check is None:
        return None
    return CheckOut(
        outcome=check.outcome, source=check.source, checked_on=check.checked_on, is_valid=view.is_valid,
        problem=ReasonOut.model_validate(view.problem) if view.problem else None,
    )  # fmt: skip
