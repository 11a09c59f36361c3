"""The tables of the figures: of the requests, day by day (R99), and of the EduConnect accounts activated (R100).

The former are derived from the journal: ``oda figures rebuild`` makes them anew.
"""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import CheckConstraint, Column
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime
from workflow.database.tables import table_of


class DailyFigure(SQLModel, table=True):
    """The changes of a day in the counts of a département, for the requests of a school year.

    Each count at the end of a day is the sum of its rows up to that day. A row of a day to come says what will be late
    then, unless something happens before.
    """

    __tablename__ = "daily_figure"

    school_year: str = Field(primary_key=True)
    departement: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    declared: int = 0
    delegated: int = 0
    charter_signed: int = 0
    requested: int = 0
    code_issued: int = 0
    revoked: int = 0
    handed_over: int = 0
    extended: int = 0
    undeliverable: int = 0
    handovers: int = 0
    late_checks: int = 0
    late_steps: int = 0
    late_handovers: int = 0
    keys: int = 0
    renewed: int = 0
    establishments: int = 0
    key_establishments: int = 0


DAILY_FIGURE: Final = table_of(DailyFigure)


class HandoverDelay(SQLModel, table=True):
    """A number of requests handed over for the first time on ``day``, so many ``days`` after their declaration."""

    __tablename__ = "handover_delay"

    school_year: str = Field(primary_key=True)
    departement: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    days: int = Field(primary_key=True)
    number: int


HANDOVER_DELAY: Final = table_of(HandoverDelay)


class FigurePlace(SQLModel, table=True):
    """The département under which an establishment was counted: should the directory change it, all is counted anew."""

    __tablename__ = "figure_place"

    uai: str = Field(primary_key=True)
    departement: str


FIGURE_PLACE: Final = table_of(FigurePlace)


class FigureProgress(SQLModel, table=True):
    """The event up to which the journal is counted: one row at most.

    All ``events`` up to the instant ``through`` are counted, under ``rules``: a text that changes with whatever the
    counts depend on besides the journal.
    """

    __tablename__ = "figure_progress"

    id: int = Field(default=1, primary_key=True)
    through: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    events: int
    rules: str


FIGURE_PROGRESS: Final = table_of(FigureProgress)


ACCOUNTS: Final = ("college", "lycee", "pupil", "parent")
"""The accounts that are counted: pupils of collèges, of lycées, all pupils, responsables."""


class ActivationCount(SQLModel, table=True):
    """The accounts of one place on one day: of an establishment (``place`` is its UAI) or of a whole département.

    A number that nobody gave is None, and never guessed. All pupils may be more than those of collèges and lycées.
    """

    __tablename__: ClassVar[str] = "activation_count"
    __table_args__ = tuple(
        CheckConstraint(f"{name}_activated BETWEEN 0 AND {name}_accounts", name=name) for name in ACCOUNTS
    )

    counted_on: date = Field(primary_key=True)
    place: str = Field(primary_key=True)
    departement: str
    college_accounts: int | None = None
    college_activated: int | None = None
    lycee_accounts: int | None = None
    lycee_activated: int | None = None
    pupil_accounts: int | None = None
    pupil_activated: int | None = None
    parent_accounts: int | None = None
    parent_activated: int | None = None


ACTIVATION: Final = table_of(ActivationCount)
