"""The table of the EduConnect accounts that were activated, in numbers (R100)."""

from datetime import date
from typing import ClassVar, Final

from sqlalchemy import CheckConstraint, Table
from sqlmodel import Field, SQLModel

from workflow.database.tables import table_of

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


ACTIVATION: Final[Table] = table_of(ActivationCount)
