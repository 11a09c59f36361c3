"""Tables of what happened to the whole database: its last good backup, and its restoration (R116)."""

from datetime import datetime
from typing import ClassVar, Final

from sqlalchemy import Column, Connection, Table, select
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime
from workflow.database.tables import table_of


class LastBackup(SQLModel, table=True):
    """The last backup that was made and verified; one row at most."""

    __tablename__: ClassVar[str] = "last_backup"

    id: int = Field(primary_key=True)
    made_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


class Restoration(SQLModel, table=True):
    """The restoration after which nothing leaves by itself, until a person releases it; one row at most."""

    __tablename__: ClassVar[str] = "restoration"

    id: int = Field(primary_key=True)
    backup_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    restored_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


LAST_BACKUP: Final[Table] = table_of(LastBackup)

RESTORATION: Final[Table] = table_of(Restoration)


def last_backup_at(connection: Connection) -> datetime | None:
    """Return the instant of the last good backup; None before the first."""
    made_at: datetime | None = connection.execute(select(LAST_BACKUP.c.made_at)).scalar_one_or_none()
    return made_at


def is_held(connection: Connection) -> bool:
    """Return True from a restoration to its release: no mail leaves, no schedule runs, no connector asks (R116)."""
    return connection.execute(select(RESTORATION.c.id)).first() is not None


def restoration_held(connection: Connection) -> Restoration | None:
    """Return the restoration that nobody has released yet, for who is to be told of it."""
    row = connection.execute(select(RESTORATION)).first()
    return Restoration(id=row.id, backup_at=row.backup_at, restored_at=row.restored_at) if row else None
