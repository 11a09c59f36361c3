"""The table of what is kept of where somebody was, apart from the chains and for a time (R108)."""

from datetime import datetime
from typing import ClassVar, Final

from sqlalchemy import Column, Index, Table, Text
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime


class SecurityAddress(SQLModel, table=True):
    """The network and the browser of an event of the installation's chain: personal data, erased after
    ``retention.addresses`` months; the chain never holds them (R64).

    An event of refused tries has as many rows as networks, ``times`` each; any other event has one.
    """

    __tablename__: ClassVar[str] = "security_address"
    __table_args__ = (Index("ix_security_address_at", "at"),)

    stream: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True)
    rank: int = Field(primary_key=True)
    network: str = Field(sa_type=Text)
    browser: str = Field(default="", sa_type=Text)
    times: int = 1
    at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


SECURITY_ADDRESSES: Final[Table] = SQLModel.metadata.tables["security_address"]
