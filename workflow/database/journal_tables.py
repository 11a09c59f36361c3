"""The tables of the journal, and of the figures counted from it.

The journal's are its events, its actors, its seals (R109), and from where somebody acted (R108). The figures', of the
requests day by day (R99), hold nothing that the journal does not: ``oda figures rebuild`` makes them anew.
"""

from typing import Final

from sqlalchemy import (
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from notifications.sql import METADATA, UtcDateTime
from workflow.database.tables import partial_index

EVENT: Final = Table(
    "event",
    METADATA,
    Column("stream", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("from_state", String),
    Column("to_state", String),
    Column("actor", Integer, ForeignKey("actor.number"), nullable=False),
    Column("role", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("canonical", Text, nullable=False),
    Column("hash", String, nullable=False),
    Index("ix_event_at", "at"),
    partial_index("ix_event_mail", "kind IN ('mail_dead', 'mail_retried', 'mail_discarded')", "at"),
    partial_index("ix_event_installation", "stream = 'installation'", "kind", "seq"),
)
"""One link of a chain (R63). ``canonical`` is what is hashed; the other columns are read from it."""

NOTE: Final = Table(
    "event_note",
    METADATA,
    Column("stream", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("field", String, primary_key=True),
    Column("nonce", String, nullable=False),
    Column("body", Text, nullable=False),
)
"""A free text beside its event: erasable, while the event keeps a keyed commitment of it (R64)."""

INSTALLED: Final = Table(
    "installation",
    METADATA,
    Column("id", Integer, primary_key=True, default=1),
    Column("created_at", UtcDateTime, nullable=False),
    Column("key_check", String, nullable=False),
    Column("chain_head", String, nullable=False),
    Column("chain_length", Integer, nullable=False),
)
"""The single row of this installation: its birth, and the head of its own chain."""

ACTOR: Final = Table(
    "actor",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("label", String, nullable=False),
    Column("nonce", Text, nullable=False, server_default=""),
)
"""The actor behind a number of the journal. ``key`` tells one from another; ``label`` is what people read.

``nonce`` salts the commitment that the journal holds of both; empty once they were erased (R109).
"""

JOURNAL_SEAL: Final = Table(
    "journal_seal",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("text", Text, nullable=False),
    Column("signature", Text, nullable=False),
)
"""A seal of the journal: its canonical ``text`` and the Ed25519 ``signature`` of it, in hexadecimal digits."""

SEALED_HEAD: Final = Table(
    "journal_seal_head",
    METADATA,
    Column("seal", Integer, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("length", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_journal_seal_head_stream", "stream", "seal"),
)
"""The head of a chain that had changed since the seal before."""

SIGNING_KEY: Final = Table(
    "journal_signing_key",
    METADATA,
    Column("public", Text, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("first_seal", Integer, nullable=False),
)
"""A key that signs seals, by its public part: since when, and from which seal on."""

SECURITY_ADDRESSES: Final = Table(
    "security_address",
    METADATA,
    Column("stream", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("network", Text, nullable=False),
    Column("browser", Text, nullable=False, default=""),
    Column("times", Integer, nullable=False, default=1),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_security_address_at", "at"),
)
"""The network and the browser of an event of the installation's chain: personal data, erased after
``retention.addresses`` months; the chain never holds them (R64).

An event of refused tries has as many rows as networks, ``times`` each; any other event has one.
"""

DAILY_FIGURE: Final = Table(
    "daily_figure",
    METADATA,
    Column("school_year", String, primary_key=True),
    Column("departement", String, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("declared", Integer, nullable=False, default=0),
    Column("delegated", Integer, nullable=False, default=0),
    Column("charter_signed", Integer, nullable=False, default=0),
    Column("requested", Integer, nullable=False, default=0),
    Column("code_issued", Integer, nullable=False, default=0),
    Column("revoked", Integer, nullable=False, default=0),
    Column("handed_over", Integer, nullable=False, default=0),
    Column("extended", Integer, nullable=False, default=0),
    Column("undeliverable", Integer, nullable=False, default=0),
    Column("handovers", Integer, nullable=False, default=0),
    Column("late_checks", Integer, nullable=False, default=0),
    Column("late_steps", Integer, nullable=False, default=0),
    Column("late_handovers", Integer, nullable=False, default=0),
    Column("keys", Integer, nullable=False, default=0),
    Column("renewed", Integer, nullable=False, default=0),
    Column("establishments", Integer, nullable=False, default=0),
    Column("key_establishments", Integer, nullable=False, default=0),
)
"""The changes of a day in the counts of a département, for the requests of a school year.

Each count at the end of a day is the sum of its rows up to that day. A row of a day to come says what will be late
then, unless something happens before.
"""

HANDOVER_DELAY: Final = Table(
    "handover_delay",
    METADATA,
    Column("school_year", String, primary_key=True),
    Column("departement", String, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("days", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
)
"""A number of requests handed over for the first time on ``day``, so many ``days`` after their declaration."""

FIGURE_PLACE: Final = Table(
    "figure_place",
    METADATA,
    Column("uai", String, primary_key=True),
    Column("departement", String, nullable=False),
)
"""The département under which an establishment was counted: should the directory change it, all is counted anew."""

FIGURE_PROGRESS: Final = Table(
    "figure_progress",
    METADATA,
    Column("id", Integer, primary_key=True, default=1),
    Column("through", UtcDateTime, nullable=False),
    Column("events", Integer, nullable=False),
    Column("rules", String, nullable=False),
)
"""The event up to which the journal is counted: one row at most.

All ``events`` up to the instant ``through`` are counted, under ``rules``: a text that changes with whatever the
counts depend on besides the journal.
"""
