"""The table of substitutions: who stands in for whom within the software, from a day to a day (R114)."""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime, one_of
from states.vocabulary import Labelled, Role
from workflow.database.tables import table_of


class SubstitutionEnd(Labelled):
    """What ended a substitution; the label ends the sentence « finie … »."""

    GIVER = "giver", "par la personne suppléée"
    SUBSTITUTE = "substitute", "par la personne qui suppléait"
    OPERATOR = "operator", "par un opérateur"
    EXPIRED = "expired", "à sa date"
    ROLE_LOST = "role_lost", "avec le rôle de l'une des deux personnes"


class SubstitutionRow(SQLModel, table=True):
    """A substitution. ``role``: ``operator`` or ``chef``, that of who is substituted.

    ``giver``, ``substitute``: the folded addresses, or the UAI of both establishments, whose chefs had then the names
    ``giver_name`` and ``substitute_name``. ``actor``: the number under which the journal names the substitute in this
    capacity, None until then. ``last_day`` is the last on which it holds.
    """

    __tablename__: ClassVar[str] = "substitution"
    __table_args__ = (
        one_of("role", Role),
        one_of("ended_by", SubstitutionEnd),
        Index("ix_substitution_giver", "giver"),
        Index("ix_substitution_substitute", "substitute"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True)
    role: str = Field(sa_type=Text)
    giver: str = Field(sa_type=Text)
    giver_name: str = Field(sa_type=Text)
    substitute: str = Field(sa_type=Text)
    substitute_name: str = Field(sa_type=Text)
    first_day: date
    last_day: date
    given_at: datetime = Field(sa_type=UtcDateTime)
    actor: int | None = Field(default=None, foreign_key="actor.number")
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, sa_type=Text)


SUBSTITUTION: Final = table_of(SubstitutionRow)
