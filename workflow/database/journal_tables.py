"""The tables of the journal, and of the figures counted from it.

The journal's are its events, its actors, its seals (R109), and from where somebody acted (R108). The figures', of the
requests day by day (R99), hold nothing that the journal does not: ``oda figures rebuild`` makes them anew.
"""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import Column, Index, Text
from sqlmodel import Field

from notifications.sql import StoredRow, UtcDateTime, table_of
from workflow.database.tables import partial_index


class Event(StoredRow):
    """One link of a chain (R63). ``canonical`` is what is hashed; the other columns are read from it."""

    __table_args__ = (
        Index("ix_event_at", "at"),
        partial_index("ix_event_mail", "kind IN ('mail_dead', 'mail_retried', 'mail_discarded')", "at"),
        partial_index("ix_event_installation", "stream = 'installation'", "kind", "seq"),
    )

    stream: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    kind: str
    from_state: str | None = None
    to_state: str | None = None
    actor: int = Field(foreign_key="actor.number")
    role: str
    at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    canonical: str = Field(sa_column=Column(Text, nullable=False))
    hash: str


EVENT: Final = table_of(Event)


class EventNote(StoredRow):
    """A free text beside its event: erasable, while the event keeps a keyed commitment of it (R64)."""

    __tablename__ = "event_note"

    stream: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    field: str = Field(primary_key=True)
    nonce: str
    body: str = Field(sa_column=Column(Text, nullable=False))


NOTE: Final = table_of(EventNote)


class InstallationRow(StoredRow):
    """The single row of this installation: its birth, and the head of its own chain."""

    __tablename__ = "installation"

    id: int = Field(default=1, primary_key=True)
    created_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    key_check: str
    chain_head: str
    chain_length: int


INSTALLED: Final = table_of(InstallationRow)


class ActorRow(StoredRow):
    """The actor behind a number of the journal. ``key`` tells one from another; ``label`` is what people read.

    ``nonce`` salts the commitment that the journal holds of both; empty once they were erased (R109).
    """

    __tablename__ = "actor"

    number: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    label: str
    nonce: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))


ACTOR: Final = table_of(ActorRow)


class JournalSealRow(StoredRow):
    """A seal of the journal: its canonical ``text`` and the Ed25519 ``signature`` of it, in hexadecimal digits."""

    __tablename__: ClassVar[str] = "journal_seal"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    day: date
    at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    text: str = Field(sa_column=Column(Text, nullable=False))
    signature: str = Field(sa_column=Column(Text, nullable=False))


JOURNAL_SEAL: Final = table_of(JournalSealRow)


class JournalSealHead(StoredRow):
    """The head of a chain that had changed since the seal before."""

    __tablename__: ClassVar[str] = "journal_seal_head"
    __table_args__ = (Index("ix_journal_seal_head_stream", "stream", "seal"),)

    seal: int = Field(primary_key=True)
    stream: str = Field(sa_column=Column(Text, primary_key=True, nullable=False))
    length: int
    hash: str = Field(sa_column=Column(Text, nullable=False))


SEALED_HEAD: Final = table_of(JournalSealHead)


class JournalSigningKey(StoredRow):
    """A key that signs seals, by its public part: since when, and from which seal on."""

    __tablename__: ClassVar[str] = "journal_signing_key"

    public: str = Field(sa_column=Column(Text, primary_key=True))
    started_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    first_seal: int


SIGNING_KEY: Final = table_of(JournalSigningKey)


class SecurityAddress(StoredRow):
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


SECURITY_ADDRESSES: Final = table_of(SecurityAddress)


class DailyFigure(StoredRow):
    """The changes of a day in the counts of a département, for the requests of a school year.

    Each count at the end of a day is the sum of its rows up to that day. A row of a day to come says what will be late
    then, unless something happens before.
    """

    __tablename__ = "daily_figure"

    school_year: str = Field(primary_key=True)
    departement: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    declared: int = 0
    delegated: int = 0
    charter_signed: int = 0
    requested: int = 0
    code_issued: int = 0
    revoked: int = 0
    handed_over: int = 0
    extended: int = 0
    undeliverable: int = 0
    handovers: int = 0
    late_checks: int = 0
    late_steps: int = 0
    late_handovers: int = 0
    keys: int = 0
    renewed: int = 0
    establishments: int = 0
    key_establishments: int = 0


DAILY_FIGURE: Final = table_of(DailyFigure)


class HandoverDelay(StoredRow):
    """A number of requests handed over for the first time on ``day``, so many ``days`` after their declaration."""

    __tablename__ = "handover_delay"

    school_year: str = Field(primary_key=True)
    departement: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    days: int = Field(primary_key=True)
    number: int


HANDOVER_DELAY: Final = table_of(HandoverDelay)


class FigurePlace(StoredRow):
    """The département under which an establishment was counted: should the directory change it, all is counted anew."""

    __tablename__ = "figure_place"

    uai: str = Field(primary_key=True)
    departement: str


FIGURE_PLACE: Final = table_of(FigurePlace)


class FigureProgress(StoredRow):
    """The event up to which the journal is counted: one row at most.

    All ``events`` up to the instant ``through`` are counted, under ``rules``: a text that changes with whatever the
    counts depend on besides the journal.
    """

    __tablename__ = "figure_progress"

    id: int = Field(default=1, primary_key=True)
    through: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    events: int
    rules: str


FIGURE_PROGRESS: Final = table_of(FigureProgress)
