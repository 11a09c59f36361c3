"""The tables of what happens at its time: the schedule, the ends of years, the clock, backups, webhooks.

The first are those of R50 to R52 and R116. The webhooks' (R118) name nobody: a RUPN whom an endpoint is told of is read
when the delivery leaves.
"""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import Column, Connection, Index, Table, Text, bindparam, select, text
from sqlmodel import Field

from notifications.sql import StoredRow, UtcDateTime, one_of, table_of
from states.rules.schedule import ClockFault
from states.vocabulary import Labelled


class Occurrence(StoredRow):
    """A scheduled thing that has happened: its key makes it happen once (R50). ``requests``: how many."""

    key: str = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    requests: int = 0


OCCURRENCE: Final = table_of(Occurrence)


class YearEndRecord(StoredRow):
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


class NodeRow(StoredRow):
    """A machine that ticks, and when it last did (R52); the installation's birth for one that never could.

    ``skew_seconds``: how far ahead of the database's its clock is; ``refused_at``: since when it is too far to tick,
    None while it may; ``heard_at``: when it last compared the two, None where the machine's own clock judges (R82).
    Of the relay's certificate, as it last saw it (R115): ``certificate_until``, when it expires, or
    ``certificate_refused``, OpenSSL's number of why it is not admitted; both None before it saw one.
    """

    __tablename__ = "node"

    host: str = Field(primary_key=True)
    seen_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    skew_seconds: float = Field(default=0, sa_column_kwargs={"server_default": "0"})
    refused_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    heard_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    certificate_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    certificate_refused: int | None = None


NODE: Final = table_of(NodeRow)


class ClockHold(StoredRow):
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


class MachineCounter(StoredRow):
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


class LastBackup(StoredRow):
    """The last backup that was made and verified; one row at most."""

    __tablename__: ClassVar[str] = "last_backup"

    id: int = Field(primary_key=True)
    made_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


LAST_BACKUP: Final = table_of(LastBackup)


class Restoration(StoredRow):
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


_HAPPENED: Final = select(OCCURRENCE.c.key).where(OCCURRENCE.c.key == bindparam("occurrence"))

_RESTORED: Final = select(RESTORATION.c.id)


def has_happened(connection: Connection, key: str) -> bool:
    """Return True once this occurrence is there."""
    return connection.execute(_HAPPENED, {"occurrence": key}).first() is not None


def is_held(connection: Connection) -> bool:
    """Return True from a restoration to its release: no mail leaves, no schedule runs, no connector asks (R116)."""
    return connection.execute(_RESTORED).first() is not None


def restoration_held(connection: Connection) -> Restoration | None:
    """Return the restoration that nobody has released yet, for who is to be told of it."""
    row = connection.execute(select(RESTORATION)).first()
    return Restoration(id=row.id, backup_at=row.backup_at, restored_at=row.restored_at) if row else None


class DeliveryStage(Labelled):
    """The stages of a delivery."""

    WAITING = "waiting", "à envoyer"
    DELIVERED = "delivered", "reçu"
    GIVEN_UP = "given_up", "abandonné"
    DISCARDED = "discarded", "écarté"


class WebhookDelivery(StoredRow):
    """One event on its way to one endpoint.

    ``next_at`` is when it is due; while a machine sends it, when its lease runs out. ``started_at`` is the beginning of
    its attempts: its creation, or the last time that somebody had it sent again. ``answer`` is ours: no word of the
    other system is kept.
    """

    __tablename__: ClassVar[str] = "webhook_delivery"
    __table_args__ = (
        one_of("stage", DeliveryStage),
        Index(
            "ix_webhook_due", "endpoint", "next_at", "number",
            sqlite_where=text("stage = 'waiting'"), postgresql_where=text("stage = 'waiting'"),
        ),
        Index("ix_webhook_ended", "ended_at"),
    )  # fmt: skip

    number: int | None = Field(default=None, primary_key=True)
    endpoint: str = Field(sa_type=Text)
    webhook_id: str = Field(unique=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    reference: str = Field(index=True, sa_type=Text)
    payload: str = Field(sa_type=Text)
    stage: str = Field(sa_type=Text)
    attempts: int = 0
    status: int | None = None
    answer: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    started_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    next_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    leased_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))


class WebhookEndpointState(StoredRow):
    """The state of an endpoint, shared by all machines; no row while nothing was sent to it.

    ``failures``: the calls in a row that it did not take, since ``failing_since``; nothing is sent before
    ``rests_until``. ``gone_setting``: the digest of the settings under which it said to be gone (410).
    """

    __tablename__: ClassVar[str] = "webhook_endpoint"

    name: str = Field(primary_key=True, sa_type=Text)
    failures: int = 0
    failing_since: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    rests_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    delivered_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    gone_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    gone_setting: str = Field(default="", sa_type=Text)
    answer: str = Field(default="", sa_type=Text)


DELIVERY: Final[Table] = table_of(WebhookDelivery)

ENDPOINT_STATE: Final[Table] = table_of(WebhookEndpointState)
