"""The tables of the schedule: what has happened, the ends of years, the clock, backups (R50 to R52, R116)."""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import Column, Connection, select
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime, one_of
from states.rules.schedule import ClockFault
from workflow.database.tables import table_of


class Occurrence(SQLModel, table=True):
    """A scheduled thing that has happened: its key makes it happen once (R50). ``requests``: how many."""

    key: str = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    requests: int = 0


OCCURRENCE: Final = table_of(Occurrence)


class YearEndRecord(SQLModel, table=True):
    """The end of a school year as it was foreseen, and whether the brake holds it (R51, R52)."""

    __tablename__ = "year_end"

    school_year: str = Field(primary_key=True)
    last_day: date
    ends_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    recorded_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    held_why: str | None = None
    held_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    confirmed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    confirmed_by: int | None = None


RECORD: Final = table_of(YearEndRecord)


class NodeRow(SQLModel, table=True):
    """A machine that ticks, and when it last did (R52); the installation's birth for one that never could.

    ``skew_seconds``: how far ahead of the database's its clock is; ``refused_at``: since when it is too far to tick,
    None while it may; ``heard_at``: when it last compared the two, None where the machine's own clock judges (R82).
    """

    __tablename__ = "node"

    host: str = Field(primary_key=True)
    seen_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    skew_seconds: float = Field(default=0, sa_column_kwargs={"server_default": "0"})
    refused_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    heard_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))


NODE: Final = table_of(NodeRow)


class ClockHold(SQLModel, table=True):
    """The reason why the last tick did not believe the clock: one row at most, none while all is well (R52).

    ``held_at``: the first tick under this clock, ``seen_at``: the last one; both by that clock. ``known_at``: the last
    sign of life before.
    """

    __tablename__ = "clock_hold"
    __table_args__ = (one_of("fault", ClockFault),)

    id: int = Field(primary_key=True)
    fault: str
    held_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    seen_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    known_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


CLOCK_HOLD: Final = table_of(ClockHold)


class MachineCounter(SQLModel, table=True):
    """The machine's counter as it stood at its last ticks, for the next process of the same boot (R52).

    ``believed_at``, ``doubted_at``: the clock's instant at the last tick that believed it, and at the last one of all
    if that did not; ``believed_seconds``, ``doubted_seconds``: the counter then. None where there was no such tick.
    """

    __tablename__ = "machine_counter"

    host: str = Field(primary_key=True)
    boot: str
    believed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    believed_seconds: float | None = None
    doubted_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    doubted_seconds: float | None = None


MACHINE_COUNTER: Final = table_of(MachineCounter)


class LastBackup(SQLModel, table=True):
    """The last backup that was made and verified; one row at most."""

    __tablename__: ClassVar[str] = "last_backup"

    id: int = Field(primary_key=True)
    made_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


LAST_BACKUP: Final = table_of(LastBackup)


class Restoration(SQLModel, table=True):
    """The restoration after which nothing leaves by itself, until a person releases it; one row at most."""

    __tablename__: ClassVar[str] = "restoration"

    id: int = Field(primary_key=True)
    backup_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    restored_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


RESTORATION: Final = table_of(Restoration)


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
