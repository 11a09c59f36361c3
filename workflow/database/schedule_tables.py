"""The tables of what happens at its time: the schedule, the ends of years, the clock, backups, webhooks.

The first are those of R50 to R52 and R116. The webhooks' (R118) name nobody: a RUPN whom an endpoint is told of is read
when the delivery leaves.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Date,
    Float,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    select,
    text,
)

from notifications.sql import METADATA, UtcDateTime, one_of
from states.rules.schedule import ClockFault
from states.vocabulary import Labelled

OCCURRENCE: Final = Table(
    "occurrence",
    METADATA,
    Column("key", String, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("requests", Integer, nullable=False, default=0),
)
"""A scheduled thing that has happened: its key makes it happen once (R50). ``requests``: how many."""

RECORD: Final = Table(
    "year_end",
    METADATA,
    Column("school_year", String, primary_key=True),
    Column("last_day", Date, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("held_why", String),
    Column("held_at", UtcDateTime),
    Column("confirmed_at", UtcDateTime),
    Column("confirmed_by", Integer),
)
"""The end of a school year as it was foreseen, and whether the brake holds it (R51, R52)."""

NODE: Final = Table(
    "node",
    METADATA,
    Column("host", String, primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("skew_seconds", Float, nullable=False, default=0, server_default="0"),
    Column("refused_at", UtcDateTime),
    Column("heard_at", UtcDateTime),
    Column("certificate_until", UtcDateTime),
    Column("certificate_refused", Integer),
)
"""A machine that ticks, and when it last did (R52); the installation's birth for one that never could.

``skew_seconds``: how far ahead of the database's its clock is; ``refused_at``: since when it is too far to tick,
None while it may; ``heard_at``: when it last compared the two, None where the machine's own clock judges (R82).
Of the relay's certificate, as it last saw it (R115): ``certificate_until``, when it expires, or
``certificate_refused``, OpenSSL's number of why it is not admitted; both None before it saw one.
"""

CLOCK_HOLD: Final = Table(
    "clock_hold",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("fault", String, nullable=False),
    Column("held_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("known_at", UtcDateTime, nullable=False),
    one_of("fault", ClockFault),
)
"""The reason why the last tick did not believe the clock: one row at most, none while all is well (R52).

``held_at``: the first tick under this clock, ``seen_at``: the last one; both by that clock. ``known_at``: the last
sign of life before.
"""

MACHINE_COUNTER: Final = Table(
    "machine_counter",
    METADATA,
    Column("host", String, primary_key=True),
    Column("boot", String, nullable=False),
    Column("believed_at", UtcDateTime),
    Column("believed_seconds", Float),
    Column("doubted_at", UtcDateTime),
    Column("doubted_seconds", Float),
)
"""The machine's counter as it stood at its last ticks, for the next process of the same boot (R52).

``believed_at``, ``doubted_at``: the clock's instant at the last tick that believed it, and at the last one of all
if that did not; ``believed_seconds``, ``doubted_seconds``: the counter then. None where there was no such tick.
"""

LAST_BACKUP: Final = Table(
    "last_backup",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("made_at", UtcDateTime, nullable=False),
)
"""The last backup that was made and verified; one row at most."""

RESTORATION: Final = Table(
    "restoration",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("backup_at", UtcDateTime, nullable=False),
    Column("restored_at", UtcDateTime, nullable=False),
)
"""The restoration after which nothing leaves by itself, until a person releases it; one row at most."""


def last_backup_at(connection: Connection) -> datetime | None:
    """Return the instant of the last good backup; None before the first."""
    made_at: datetime | None = connection.execute(select(LAST_BACKUP.c.made_at)).scalar_one_or_none()
    return made_at


def is_held(connection: Connection) -> bool:
    """Return True from a restoration to its release: no mail leaves, no schedule runs, no connector asks (R116)."""
    return connection.execute(select(RESTORATION.c.id)).first() is not None


def restoration_held(connection: Connection) -> Row[Any] | None:
    """Return the restoration that nobody has released yet, for who is to be told of it."""
    return connection.execute(select(RESTORATION)).first()


class DeliveryStage(Labelled):
    """The stages of a delivery."""

    WAITING = "waiting", "à envoyer"
    DELIVERED = "delivered", "reçu"
    GIVEN_UP = "given_up", "abandonné"
    DISCARDED = "discarded", "écarté"


DELIVERY: Final[Table] = Table(
    "webhook_delivery",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("webhook_id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False, index=True),
    Column("payload", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("status", Integer),
    Column("answer", Text, nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime),
    Column("leased_until", UtcDateTime),
    Column("ended_at", UtcDateTime),
    one_of("stage", DeliveryStage),
    Index(
        "ix_webhook_due",
        "endpoint",
        "next_at",
        "number",
        sqlite_where=text("stage = 'waiting'"),
        postgresql_where=text("stage = 'waiting'"),
    ),
    Index("ix_webhook_ended", "ended_at"),
)
"""One event on its way to one endpoint.

``next_at`` is when it is due; while a machine sends it, when its lease runs out. ``started_at`` is the beginning of
its attempts: its creation, or the last time that somebody had it sent again. ``answer`` is ours: no word of the
other system is kept.
"""

ENDPOINT_STATE: Final[Table] = Table(
    "webhook_endpoint",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("failures", Integer, nullable=False, default=0),
    Column("failing_since", UtcDateTime),
    Column("rests_until", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    Column("gone_at", UtcDateTime),
    Column("gone_setting", Text, nullable=False, default=""),
    Column("answer", Text, nullable=False, default=""),
)
"""The state of an endpoint, shared by all machines; no row while nothing was sent to it.

``failures``: the calls in a row that it did not take, since ``failing_since``; nothing is sent before
``rests_until``. ``gone_setting``: the digest of the settings under which it said to be gone (410).
"""
