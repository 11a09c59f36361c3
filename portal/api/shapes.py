"""What is answered about requests: the same fields that the person would see, never the code (R3, R60)."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from portal.api.kinds import Told, Year
from portal.api.parts import ChecksOut, Other, RemovalOut, ReportOut, School, StepOut
from states.vocabulary import Channel, CodeFate, Role, State, Trigger


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
    code_fate: CodeFate
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
    code_fate: CodeFate
    checks: ChecksOut
    reports: list[ReportOut]
    removal: RemovalOut | None
    others: list[Other]
    next_step: StepOut | None
