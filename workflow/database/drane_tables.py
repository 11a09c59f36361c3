"""Tables of what is transmitted to the DRANE (R96)."""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import CheckConstraint, Column, Index, Table
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime
from states.vocabulary import DRANE_MOVEMENTS
from workflow.database.tables import table_of


class DraneTransmission(SQLModel, table=True):
    """A file made for the DRANE: ``prepared`` lines, and the day on which it was sent, None until somebody says so."""

    __tablename__: ClassVar[str] = "drane_transmission"

    number: int | None = Field(default=None, primary_key=True)
    prepared_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    prepared_by: int = Field(foreign_key="actor.number")
    prepared: int
    sent_on: date | None = None


class DraneTransmissionLine(SQLModel, table=True):
    """A line of a file that is not yet said to be sent: the request, and a digest of what the file tells of it.

    It goes once it is recorded, or given up: the journal keeps what was sent.
    """

    __tablename__: ClassVar[str] = "drane_transmission_line"
    __table_args__ = (
        CheckConstraint(f"what IN ({', '.join(repr(what.value) for what in DRANE_MOVEMENTS)})", name="what"),
        Index("ix_drane_line_reference", "reference"),
    )

    transmission: int = Field(primary_key=True, foreign_key="drane_transmission.number")
    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    what: str
    seen: str


TRANSMISSION: Final[Table] = table_of(DraneTransmission)

TRANSMISSION_LINE: Final[Table] = table_of(DraneTransmissionLine)
