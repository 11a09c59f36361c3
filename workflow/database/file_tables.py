"""The tables of files that come and go: the two lists (R93), imports, codes in batches (R97), the DRANE's (R96).

So do the EduConnect accounts activated (R100).

A row of a list is never changed: one that reads otherwise in a newer list is another row. Those in force are those that
the newest import of their kind has seen. No code is here in clear: those of the requests are sealed
(``notifications.outbox.store.SEALS``).
"""

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from notifications.sql import METADATA, UtcDateTime, one_of
from states.vocabulary import DRANE_MOVEMENTS, Labelled, ReissueReason

ACCOUNTS: Final = ("college", "lycee", "pupil", "parent")
"""The accounts that are counted: pupils of collèges, of lycées, all pupils, responsables."""


class ListKind(Labelled):
    """The two lists: of the RUPN declared to the DRANE, and of the delegations made in DelegCE."""

    LISTING = "listing", "liste des RUPN"
    DELEGATION = "delegation", "liste des délégations"


EVIDENCE_IMPORT: Final = Table(
    "evidence_import",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("list_date", Date, nullable=False),
    Column("imported_at", UtcDateTime, nullable=False),
    Column("actor", Integer, ForeignKey("actor.number"), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("gone", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("digest", String, nullable=False),
    one_of("kind", ListKind),
    Index("ix_evidence_import_kind", "kind", "number"),
)
"""One import of a list. ``list_date``: the day on which it was drawn; ``digest``: the file's SHA-256, its name and
its content not being kept (R64, R91).

``rows``: those of the list, ``new``, ``gone``, ``changed``, ``refused``: how many of them.
"""

EVIDENCE_ENTRY: Final = Table(
    "evidence_entry",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("uai", String, nullable=False),
    Column("nom", String, nullable=False),
    Column("prenom", String, nullable=False),
    Column("usage_name", String, nullable=False),
    Column("mail", String, nullable=False),
    Column("folded_mail", String, nullable=False),
    Column("other_mails", Text, nullable=False),
    Column("person", String, nullable=False),
    Column("application", Text, nullable=False),
    Column("begins", Date),
    Column("ends", Date),
    Column("author", String, nullable=False),
    Column("recorded_on", Date),
    Column("first_import", Integer, ForeignKey("evidence_import.number"), nullable=False),
    Column("last_import", Integer, ForeignKey("evidence_import.number"), nullable=False),
    Column("line", Integer, nullable=False, default=0, server_default="0"),
    one_of("kind", ListKind),
    Index("ix_evidence_entry_uai", "kind", "uai", "last_import"),
    Index("ix_evidence_entry_last", "kind", "last_import", "uai", "id"),
    Index("ix_evidence_entry_mail", "kind", "folded_mail", "last_import"),
    Index("ix_evidence_entry_person", "kind", "person", "last_import"),
    sqlite_autoincrement=True,
)
"""One row of a list: personal data, erased after ``retention.lists`` when no request needs it.

``person`` is folded as a request's is (R17), ``folded_mail`` likewise; ``other_mails`` are folded, separated by
spaces. ``application``, ``begins``, ``ends`` and ``author`` (who delegated) are a delegation's: empty when the list
does not say; ``ends`` None is without end. ``recorded_on``: the day of the declaration, or of the delegation.
``first_import``, ``last_import``: the imports that saw it first and last; ``line``: its line in the file of the
last one. The number of an erased one never serves again.
"""

COLUMN_CHOICES: Final = Table(
    "column_choice",
    METADATA,
    Column("kind", String, primary_key=True),
    Column("titles", String, primary_key=True),
    Column("places", Text, nullable=False),
    Column("chosen_at", UtcDateTime, nullable=False),
)
"""The columns that a person chose for a kind of import, kept for the files that have the same titles.

``titles``: SHA-256 of the titles; ``places``: the column of each key, as JSON, null for none.
"""

STAGED_IMPORTS: Final = Table(
    "staged_import",
    METADATA,
    Column("digest", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("actor", Integer, ForeignKey("actor.number"), nullable=False),
    Column("kept_at", UtcDateTime, nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("kind", "actor", name="uq_staged_import_kind_actor"),
    Index("ix_staged_import_kept_at", "kept_at"),
)
"""The content of a file, until it is confirmed or an hour has passed; at most one an actor and a kind.

So waits, for a minute, a code that was shown (R112). ``content`` is encrypted by a secret that the actor's browser
alone has; ``digest`` is that secret's.
"""

BATCH: Final = Table(
    "code_batch",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("key", String, nullable=False),
    Column("drawn_at", UtcDateTime, nullable=False),
    Column("drawn_by", Integer, ForeignKey("actor.number"), nullable=False),
    Column("size", Integer, nullable=False),
    Column("downloads", Integer, nullable=False, default=0),
    Column("downloaded_at", UtcDateTime),
    Column("downloaded_by", Integer, ForeignKey("actor.number")),
    Column("download_key", String, nullable=False, default=""),
    Column("done_at", UtcDateTime),
    Column("done_by", Integer, ForeignKey("actor.number")),
    UniqueConstraint("key"),
)
"""A batch of drawn codes; it is open while a request still waits in it.

``key``: a digest of the form that drew it, so that a double click draws once. ``downloads`` counts how often its
file was taken, ``download_key`` is of the last form that took it; ``done_at``: the last time that somebody said
that its codes were on the ODA server.
"""

BATCH_REQUEST: Final = Table(
    "code_batch_request",
    METADATA,
    Column("batch", Integer, ForeignKey("code_batch.number"), primary_key=True),
    Column("reference", String, ForeignKey("delegation_request.reference"), primary_key=True, index=True),
    Column("reason", String),
    one_of("reason", ReissueReason),
)
"""A request for which a batch drew a code; ``reason``: why, of one that had a code already (R44)."""

TRANSMISSION: Final = Table(
    "drane_transmission",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("prepared_at", UtcDateTime, nullable=False),
    Column("prepared_by", Integer, ForeignKey("actor.number"), nullable=False),
    Column("prepared", Integer, nullable=False),
    Column("sent_on", Date),
)
"""A file made for the DRANE: ``prepared`` lines, and the day on which it was sent, None until somebody says so."""

TRANSMISSION_LINE: Final = Table(
    "drane_transmission_line",
    METADATA,
    Column("transmission", Integer, ForeignKey("drane_transmission.number"), primary_key=True),
    Column("reference", String, ForeignKey("delegation_request.reference"), primary_key=True),
    Column("what", String, nullable=False),
    Column("seen", String, nullable=False),
    CheckConstraint(f"what IN ({', '.join(repr(what.value) for what in DRANE_MOVEMENTS)})", name="what"),
    Index("ix_drane_line_reference", "reference"),
)
"""A line of a file that is not yet said to be sent: the request, and a digest of what the file tells of it.

It goes once it is recorded, or given up: the journal keeps what was sent.
"""

ACTIVATION: Final = Table(
    "activation_count",
    METADATA,
    Column("counted_on", Date, primary_key=True),
    Column("place", String, primary_key=True),
    Column("departement", String, nullable=False),
    Column("college_accounts", Integer),
    Column("college_activated", Integer),
    Column("lycee_accounts", Integer),
    Column("lycee_activated", Integer),
    Column("pupil_accounts", Integer),
    Column("pupil_activated", Integer),
    Column("parent_accounts", Integer),
    Column("parent_activated", Integer),
    *tuple(CheckConstraint(f"{name}_activated BETWEEN 0 AND {name}_accounts", name=name) for name in ACCOUNTS),
)
"""The accounts of one place on one day: of an establishment (``place`` is its UAI) or of a whole département.

A number that nobody gave is None, and never guessed. All pupils may be more than those of collèges and lycées.
"""
