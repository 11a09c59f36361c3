"""The tables of files that come and go: the two lists (R93), imports, codes in batches (R97), the DRANE's (R96).

So do the EduConnect accounts activated (R100).

A row of a list is never changed: one that reads otherwise in a newer list is another row. Those in force are those that
the newest import of their kind has seen. No code is here in clear: those of the requests are sealed
(``notifications.outbox.store.Seal``).
"""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field

from notifications.sql import StoredRow, UtcDateTime, one_of, table_of
from states.vocabulary import DRANE_MOVEMENTS, Labelled, ReissueReason

ACCOUNTS: Final = ("college", "lycee", "pupil", "parent")
"""The accounts that are counted: pupils of collèges, of lycées, all pupils, responsables."""


class ListKind(Labelled):
    """The two lists: of the RUPN declared to the DRANE, and of the delegations made in DelegCE."""

    LISTING = "listing", "liste des RUPN"
    DELEGATION = "delegation", "liste des délégations"


class EvidenceImport(StoredRow):
    """One import of a list. ``list_date``: the day on which it was drawn; ``digest``: the file's SHA-256, its name and
    its content not being kept (R64, R91).

    ``rows``: those of the list, ``new``, ``gone``, ``changed``, ``refused``: how many of them.
    """

    __tablename__ = "evidence_import"
    __table_args__ = (one_of("kind", ListKind), Index("ix_evidence_import_kind", "kind", "number"))

    number: int | None = Field(default=None, primary_key=True)
    kind: str
    list_date: date
    imported_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    actor: int = Field(foreign_key="actor.number")
    rows: int
    new: int
    changed: int
    gone: int
    refused: int
    digest: str


EVIDENCE_IMPORT: Final = table_of(EvidenceImport)


class EvidenceEntry(StoredRow):
    """One row of a list: personal data, erased after ``retention.lists`` when no request needs it.

    ``person`` is folded as a request's is (R17), ``folded_mail`` likewise; ``other_mails`` are folded, separated by
    spaces. ``application``, ``begins``, ``ends`` and ``author`` (who delegated) are a delegation's: empty when the list
    does not say; ``ends`` None is without end. ``recorded_on``: the day of the declaration, or of the delegation.
    ``first_import``, ``last_import``: the imports that saw it first and last; ``line``: its line in the file of the
    last one. The number of an erased one never serves again.
    """

    __tablename__ = "evidence_entry"
    __table_args__ = (
        one_of("kind", ListKind),
        Index("ix_evidence_entry_uai", "kind", "uai", "last_import"),
        Index("ix_evidence_entry_last", "kind", "last_import", "uai", "id"),
        Index("ix_evidence_entry_mail", "kind", "folded_mail", "last_import"),
        Index("ix_evidence_entry_person", "kind", "person", "last_import"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    uai: str
    nom: str
    prenom: str
    usage_name: str
    mail: str
    folded_mail: str
    other_mails: str = Field(sa_column=Column(Text, nullable=False))
    person: str
    application: str = Field(sa_column=Column(Text, nullable=False))
    begins: date | None = None
    ends: date | None = None
    author: str
    recorded_on: date | None = None
    first_import: int = Field(foreign_key="evidence_import.number")
    last_import: int = Field(foreign_key="evidence_import.number")
    line: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


EVIDENCE_ENTRY: Final = table_of(EvidenceEntry)


class ColumnChoice(StoredRow):
    """The columns that a person chose for a kind of import, kept for the files that have the same titles.

    ``titles``: SHA-256 of the titles; ``places``: the column of each key, as JSON, null for none.
    """

    __tablename__ = "column_choice"

    kind: str = Field(primary_key=True)
    titles: str = Field(primary_key=True)
    places: str = Field(sa_column=Column(Text, nullable=False))
    chosen_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


COLUMN_CHOICES: Final = table_of(ColumnChoice)


class StagedImport(StoredRow):
    """The content of a file, until it is confirmed or an hour has passed; at most one an actor and a kind.

    So waits, for a minute, a code that was shown (R112). ``content`` is encrypted by a secret that the actor's browser
    alone has; ``digest`` is that secret's.
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


STAGED_IMPORTS: Final = table_of(StagedImport)


class CodeBatchRow(StoredRow):
    """A batch of drawn codes; it is open while a request still waits in it.

    ``key``: a digest of the form that drew it, so that a double click draws once. ``downloads`` counts how often its
    file was taken, ``download_key`` is of the last form that took it; ``done_at``: the last time that somebody said
    that its codes were on the ODA server.
    """

    __tablename__: ClassVar[str] = "code_batch"
    __table_args__ = (UniqueConstraint("key"),)

    number: int | None = Field(default=None, primary_key=True)
    key: str
    drawn_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    drawn_by: int = Field(foreign_key="actor.number")
    size: int
    downloads: int = 0
    downloaded_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    downloaded_by: int | None = Field(default=None, foreign_key="actor.number")
    download_key: str = ""
    done_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    done_by: int | None = Field(default=None, foreign_key="actor.number")


BATCH: Final = table_of(CodeBatchRow)


class CodeBatchRequestRow(StoredRow):
    """A request for which a batch drew a code; ``reason``: why, of one that had a code already (R44)."""

    __tablename__: ClassVar[str] = "code_batch_request"
    __table_args__ = (one_of("reason", ReissueReason),)

    batch: int = Field(primary_key=True, foreign_key="code_batch.number")
    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference", index=True)
    reason: str | None = None


BATCH_REQUEST: Final = table_of(CodeBatchRequestRow)


class DraneTransmission(StoredRow):
    """A file made for the DRANE: ``prepared`` lines, and the day on which it was sent, None until somebody says so."""

    __tablename__: ClassVar[str] = "drane_transmission"

    number: int | None = Field(default=None, primary_key=True)
    prepared_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    prepared_by: int = Field(foreign_key="actor.number")
    prepared: int
    sent_on: date | None = None


TRANSMISSION: Final = table_of(DraneTransmission)


class DraneTransmissionLine(StoredRow):
    """A line of a file that is not yet said to be sent: the request, and a digest of what the file tells of it.

    It goes once it is recorded, or given up: the journal keeps what was sent.
    """

    __tablename__: ClassVar[str] = "drane_transmission_line"
    __table_args__ = (
        CheckConstraint(f"what IN ({', '.join(repr(what.value) for what in DRANE_MOVEMENTS)})", name="what"),
        Index("ix_drane_line_reference", "reference"),
    )

    transmission: int = Field(primary_key=True, foreign_key="drane_transmission.number")
    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    what: str
    seen: str


TRANSMISSION_LINE: Final = table_of(DraneTransmissionLine)


class ActivationCount(StoredRow):
    """The accounts of one place on one day: of an establishment (``place`` is its UAI) or of a whole département.

    A number that nobody gave is None, and never guessed. All pupils may be more than those of collèges and lycées.
    """

    __tablename__: ClassVar[str] = "activation_count"
    __table_args__ = tuple(
        CheckConstraint(f"{name}_activated BETWEEN 0 AND {name}_accounts", name=name) for name in ACCOUNTS
    )

    counted_on: date = Field(primary_key=True)
    place: str = Field(primary_key=True)
    departement: str
    college_accounts: int | None = None
    college_activated: int | None = None
    lycee_accounts: int | None = None
    lycee_activated: int | None = None
    pupil_accounts: int | None = None
    pupil_activated: int | None = None
    parent_accounts: int | None = None
    parent_activated: int | None = None


ACTIVATION: Final = table_of(ActivationCount)
