"""The tables of imports by file: the columns that were chosen by hand, and what waits for its confirmation (R91)."""

from datetime import datetime
from typing import Final

from sqlalchemy import Column, Index, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime
from workflow.database.tables import table_of


class ColumnChoice(SQLModel, table=True):
    """The columns that a person chose for a kind of import, kept for the files that have the same titles.

    ``titles``: SHA-256 of the titles; ``places``: the column of each key, as JSON, null for none.
    """

    __tablename__ = "column_choice"

    kind: str = Field(primary_key=True)
    titles: str = Field(primary_key=True)
    places: str = Field(sa_column=Column(Text, nullable=False))
    chosen_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


class StagedImport(SQLModel, table=True):
    """What was read in a file, until it is confirmed or an hour has passed; at most one an actor and a kind.

    ``content`` is encrypted by a secret that the actor's browser alone has; ``digest`` is that secret's.
    """

    __tablename__ = "staged_import"
    __table_args__ = (
        UniqueConstraint("kind", "actor", name="uq_staged_import_kind_actor"),
        Index("ix_staged_import_kept_at", "kept_at"),
    )

    digest: str = Field(primary_key=True)
    kind: str
    actor: int = Field(foreign_key="actor.number")
    kept_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


COLUMN_CHOICES: Final = table_of(ColumnChoice)


STAGED_IMPORTS: Final = table_of(StagedImport)
