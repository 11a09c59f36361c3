"""The tables of the operators' second factors: the key of each, sealed, and its recovery codes (R106)."""

from datetime import datetime
from typing import ClassVar, Final

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime
from workflow.database.tables import table_of


class SecondFactorRow(SQLModel, table=True):
    """The second factor of an operator, by the folded address; it asks for nothing until ``confirmed_at``.

    ``sealed_key``: the key that the application on the telephone shares, sealed as a code is (R60). ``last_step``: the
    last of the half minutes whose six digits were used.
    """

    __tablename__: ClassVar[str] = "second_factor"

    address: str = Field(primary_key=True, sa_type=Text)
    sealed_key: str = Field(sa_type=Text)
    begun_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_step: int = Field(sa_column=Column(BigInteger, nullable=False))


class RecoveryCodeRow(SQLModel, table=True):
    """A recovery code that has not served: a keyed digest of it, from which nobody reads it back."""

    __tablename__: ClassVar[str] = "recovery_code"

    digest: str = Field(primary_key=True, sa_type=Text)
    address: str = Field(index=True, foreign_key="second_factor.address", sa_type=Text)


FACTOR: Final = table_of(SecondFactorRow)


RECOVERY_CODE: Final = table_of(RecoveryCodeRow)
