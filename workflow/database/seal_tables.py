"""Tables of the journal's seals (R109)."""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import Column, Index, Table, Text
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime
from workflow.database.tables import table_of


class JournalSealRow(SQLModel, table=True):
    """A seal of the journal: its canonical ``text`` and the Ed25519 ``signature`` of it, in hexadecimal digits."""

    __tablename__: ClassVar[str] = "journal_seal"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    day: date
    at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    text: str = Field(sa_column=Column(Text, nullable=False))
    signature: str = Field(sa_column=Column(Text, nullable=False))


class JournalSealHead(SQLModel, table=True):
    """The head of a chain that had changed since the seal before."""

    __tablename__: ClassVar[str] = "journal_seal_head"
    __table_args__ = (Index("ix_journal_seal_head_stream", "stream", "seal"),)

    seal: int = Field(primary_key=True)
    stream: str = Field(sa_column=Column(Text, primary_key=True, nullable=False))
    length: int
    hash: str = Field(sa_column=Column(Text, nullable=False))


class JournalSigningKey(SQLModel, table=True):
    """A key that signs seals, by its public part: since when, and from which seal on."""

    __tablename__: ClassVar[str] = "journal_signing_key"

    public: str = Field(sa_column=Column(Text, primary_key=True))
    started_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    first_seal: int


JOURNAL_SEAL: Final[Table] = table_of(JournalSealRow)

SEALED_HEAD: Final[Table] = table_of(JournalSealHead)

SIGNING_KEY: Final[Table] = table_of(JournalSigningKey)
