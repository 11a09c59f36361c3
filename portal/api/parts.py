"""The parts of a request as it is answered."""

from datetime import date, datetime

from pydantic import Field

from portal.api.kinds import Told, Year
from portal.api.problems import ReasonOut
from states.removal import Action
from states.vocabulary import Change, CheckOutcome, RemovalKind, RemovalOutcome, Role, Settlement, State, Trigger


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
