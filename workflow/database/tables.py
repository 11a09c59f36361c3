"""The tables of requests and of establishments, and how each table of the workflow is written.

States and kinds are text held by a CHECK; instants are aware UTC. Nothing here validates a value: the rules have.
"""

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
    text,
)

from notifications.sql import METADATA, UtcDateTime, one_of
from states.vocabulary import CallStage, Change, RemovalKind, RemovalOutcome, Settlement, StandInKind, State

LONG_AGO = "'2000-01-01 00:00:00'"
"""The instant of a row that the write path did not write: none but in a test."""


def partial_index(name: str, where: str, *columns: str) -> Index:
    """An index of the rows that meet a condition, on both databases."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


_OF_THE_WORKLIST = (
    Index("ix_request_state", "state", "since", "reference", "uai"),
    partial_index("ix_request_waiting", "state <> 'revoked'", "since", "reference", "uai"),
    partial_index("ix_request_revoked", "state = 'revoked'", "school_year", "since", "reference"),
    partial_index("ix_request_checks", "state = 'requested'", "checks", "since", "reference", "checked_on"),
    partial_index(
        "ix_request_not_handed",
        "state = 'code_issued' AND handed_on IS NULL AND extends IS NULL",
        "state", "since", "reference",
    ),
    partial_index("ix_request_expiry", "state = 'code_issued'", "school_year", "expiry_seen_for"),
    Index("ix_request_name", "sorted_name", "reference"),
    partial_index("ix_request_no_drane_date", "drane_declared_on IS NULL AND state <> 'revoked'", "since", "reference"),
    partial_index("ix_request_keys", "code_issued_at IS NOT NULL", "school_year", "state", "reference", "uai"),
    partial_index(
        "ix_request_drane", "drane IN ('to_add', 'to_correct', 'to_remove')", "school_year", "uai", "reference"
    ),
    partial_index("ix_request_answered", "question_answered_at IS NOT NULL", "question_answered_at"),
    partial_index("ix_request_drawn", "drawn_at IS NOT NULL", "drawn_at"),
    partial_index("ix_request_to_erase", "state = 'revoked' AND erased_at IS NULL", "since", "reference"),
    partial_index("ix_request_unread", "code_unread_since IS NOT NULL", "code_unread_since"),
)  # fmt: skip
"""Indexes that keep a page as quick at 100,000 requests as at 1,000 (``./run bench portal_list``)."""

ESTABLISHMENT: Final = Table(
    "establishment",
    METADATA,
    Column("uai", String, primary_key=True),
    Column("nom", String, nullable=False),
    Column("kind", String, nullable=False, default=""),
    Column("commune", String, nullable=False, default=""),
    Column("departement", String, nullable=False, index=True, default=""),
    Column("mailbox", String),
    Column("set_mailbox", String),
    Column("chef_name", String, nullable=False, default="", server_default=""),
    Column("is_open", Boolean, nullable=False, default=True),
    Column("is_listed", Boolean, nullable=False, default=True),
    Column("telephone", String, nullable=False, default="", server_default=""),
    Column("departement_name", String, nullable=False, default="", server_default=""),
    Column("nature", String, nullable=False, default="", server_default=""),
    Column("chef_civility", String, nullable=False, default="", server_default=""),
    Column("siret", String, nullable=False, default="", server_default=""),
    Column("link_asked_at", UtcDateTime),
    Index("ix_establishment_mailbox", text("lower(mailbox)")),
    Index("ix_establishment_set_mailbox", text("lower(set_mailbox)")),
    partial_index("ix_establishment_siret", "siret <> ''", "siret"),
)
"""A school of the open directory. ``set_mailbox`` is an operator's choice, which survives imports (R14).

``link_asked_at``: the last time that somebody asked for a link of it while it had no mailbox (R72).
``chef_name`` is the last chef known, who signed in first or said to be the new one (R37).
``departement_name``, ``nature`` and ``chef_civility`` are the directory's words, empty when it does not give them;
so is ``siret``, by which an agent's employer is known (R103).
"""

STAND_IN: Final = Table(
    "stand_in",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("uai", String, ForeignKey("establishment.uai"), nullable=False),
    Column("kind", String, nullable=False),
    Column("operator", Integer, nullable=False),
    Column("token", Integer),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),
    Column("confirmed_at", UtcDateTime),
    Column("confirmed_by", Integer),
    one_of("kind", StandInKind),
    Index("ix_stand_in_uai", "uai"),
)
"""An operator who can act in an establishment's stead: he set its mailbox, or made a token for it (R6, R14).

``until`` None: the mailbox is in force; of a token, its end. ``confirmed_at``, ``confirmed_by``: when a second
operator confirmed the mailbox, and who.
"""

REQUEST: Final = Table(
    "delegation_request",
    METADATA,
    Column("reference", String, primary_key=True),
    Column("uai", String, ForeignKey("establishment.uai"), nullable=False),
    Column("school_year", String, nullable=False),
    Column("state", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("nom", String, nullable=False),
    Column("prenom", String, nullable=False),
    Column("mail", String, nullable=False),
    Column("folded_mail", String, nullable=False),
    Column("person", String, nullable=False),
    Column("drane_declared_on", Date),
    Column("chef_name", String, nullable=False, default=""),
    Column("delegation_why", String, nullable=False, default=""),
    Column("delegated_on", Date),
    Column("charter_signed_on", Date),
    Column("charter_version", String),
    Column("listing_outcome", String),
    Column("listing_source", String, nullable=False, default=""),
    Column("listing_checked_on", Date),
    Column("listing_seen", String, nullable=False, default=""),
    Column("listing_entry", Integer),
    Column("listing_automatic", Boolean, nullable=False, default=False, server_default=false()),
    Column("delegation_outcome", String),
    Column("delegation_source", String, nullable=False, default=""),
    Column("delegation_checked_on", Date),
    Column("delegation_seen", String, nullable=False, default=""),
    Column("delegation_entry", Integer),
    Column("delegation_automatic", Boolean, nullable=False, default=False, server_default=false()),
    Column("code_issued_at", UtcDateTime),
    Column("previous_code_at", UtcDateTime),
    Column("extends", String),
    Column("key_elsewhere", Boolean, nullable=False, default=False, server_default=false()),
    Column("expires_on", Date),
    Column("expiry_seen_for", Date),
    Column("handed_on", Date),
    Column("renews", String),
    Column("acted_on_behalf", String, nullable=False, default=""),
    Column("issued_by", Integer),
    Column("key_possible", Boolean, nullable=False, default=False),
    Column("question_asked_at", UtcDateTime),
    Column("question_answered_at", UtcDateTime),
    Column("drane_sent_on", Date),
    Column("drane_seen", String, nullable=False, default="", server_default=""),
    Column("drawn_at", UtcDateTime),
    Column("drawn_in", Integer),
    Column("erased_at", UtcDateTime),
    Column("code_unread_since", UtcDateTime),
    Column("code_read_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("since", UtcDateTime, nullable=False, server_default=text(LONG_AGO)),
    Column("checks", String, nullable=False, default="to_do", server_default="to_do"),
    Column("checked_on", Date),
    Column("sorted_name", String, nullable=False, default="", server_default=""),
    Column("drane", String, nullable=False, default="nothing", server_default="nothing"),
    Column("last_trigger", String, nullable=False),
    Column("last_actor", String, nullable=False),
    Column("written_by", String, nullable=False, default="", server_default=""),
    Column("chain_head", String, nullable=False),
    Column("chain_length", Integer, nullable=False),
    one_of("state", State),
    Index("ix_request_establishment", "uai", "school_year"),
    Index(
        "ix_request_live",
        "school_year",
        "uai",
        sqlite_where=text("state <> 'revoked'"),
        postgresql_where=text("state <> 'revoked'"),
    ),
    Index("ix_request_mail", "folded_mail"),
    Index("ix_request_person", "person"),
    Index(
        "uq_request_live",
        "uai",
        "school_year",
        "folded_mail",
        unique=True,
        sqlite_where=text("state <> 'revoked'"),
        postgresql_where=text("state <> 'revoked'"),
    ),
    *_OF_THE_WORKLIST,
)
"""One request. Personal data stand here, beside the journal and never in it (R64).

``listing_entry``, ``delegation_entry``: the rows of the two lists from which its checks were made; no keys, for a
row may be erased before its request (R94). For who looks, ``since`` is when it came to its state, ``checks`` and
``checked_on`` what its two checks say together and the earlier of their days, ``sorted_name`` its person's folded
name, nom first, ``drane`` what the DRANE has yet to be sent (R96). ``erased_at``: when all that is personal in it
went, for good: the database then refuses any change (R110). ``written_by`` is the version of this software that
wrote it last, empty before there were any (R117).
"""

IS_LIVE = REQUEST.c.state != literal_column("'revoked'")
"""Written out, never bound: a partial index serves only a condition that it can recognise."""

WORD: Final = Table(
    "request_word",
    METADATA,
    Column("reference", String, ForeignKey("delegation_request.reference"), primary_key=True),
    Column("word", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    Index("ix_request_word", "word", "reference"),
)
"""A word by which a request is found: one of its person's folded names, or the folded mail (R89).

Written with the request; ``word`` is compared by its code points, so that what begins alike stands together.
"""

ASSIGNMENT: Final = Table(
    "assignment",
    METADATA,
    Column("reference", String, ForeignKey("delegation_request.reference"), primary_key=True),
    Column("actor", Integer, ForeignKey("actor.number"), nullable=False),
    Column("taken_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Index("ix_assignment_until", "until"),
)
"""The operator who handles a request, until when (R88): told to colleagues, and no event."""

PRIVATE_NOTE: Final = Table(
    "private_note",
    METADATA,
    Column("reference", String, ForeignKey("delegation_request.reference"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("actor", Integer, ForeignKey("actor.number"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("body", Text, nullable=False),
)
"""A note between operators on a request: a free text that is erased with its person's data (R88)."""

COUNTER: Final = Table(
    "counter",
    METADATA,
    Column("school_year", String, primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The last number given, by school year: a hole in the references is seen by the journal's check (R65)."""

REMOVAL: Final = Table(
    "removal_task",
    METADATA,
    Column("reference", String, ForeignKey("delegation_request.reference"), primary_key=True),
    Column("kind", String, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("outcome", String),
    Column("closed_at", UtcDateTime),
    one_of("kind", RemovalKind),
    one_of("outcome", RemovalOutcome),
    Index("ix_removal_open", "closed_at", "reference"),
)
"""A removal to confirm on the ODA server, at most one a request (R47)."""

CALL: Final = Table(
    "removal_call",
    METADATA,
    Column("reference", String, ForeignKey("removal_task.reference"), primary_key=True),
    Column("stage", String, nullable=False),
    Column("asked", String, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", UtcDateTime),
    Column("leased_until", UtcDateTime),
    Column("status", Integer),
    Column("answer", String, nullable=False, default=""),
    Column("changed_at", UtcDateTime, nullable=False),
    one_of("stage", CallStage),
    Index("ix_removal_call_next", "stage", "next_at"),
)
"""The connector's call to the ODA server for a removal task, and its answer (R49).

``asked`` is a digest of what was asked: should that change, the call is made anew. ``leased_until``: a machine is
at it. ``answer``: the server's words, on one line.
"""

REPORT: Final = Table(
    "change_report",
    METADATA,
    Column("reference", String, ForeignKey("delegation_request.reference"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("change", String, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    Column("due_told_at", UtcDateTime),
    Column("settlement", String),
    Column("settled_at", UtcDateTime),
    Column("revoke_on", Date),
    one_of("change", Change),
    one_of("settlement", Settlement),
    Index(
        "ix_report_due",
        "effective_on",
        sqlite_where=text("settlement IS NULL"),
        postgresql_where=text("settlement IS NULL"),
    ),
    partial_index("ix_report_revocation", "revoke_on IS NOT NULL", "revoke_on"),
)
"""A change that was reported, numbered within its request (R32).

``due_told_at``: when the operators were told that its day had come, None until then. ``revoke_on``: the day on
which the schedule revokes, while a dated revocation settles it (R46).
"""

KEY: Final = Table(
    "idempotency_key",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("actor", Integer, nullable=False),
    Column("trigger", String, nullable=False),
    Column("key", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    UniqueConstraint("actor", "trigger", "key"),
)
"""An action already done under a key (R10). ``digest`` is a keyed one of the whole command."""

CLAIM: Final = Table(
    "delegation_claim",
    METADATA,
    Column("reference", String, ForeignKey("delegation_request.reference"), primary_key=True),
    Column("said_on", Date, nullable=False),
    Column("application", Text, nullable=False),
    Column("begins", Date),
    Column("ends", Date),
    Column("seen", Text, nullable=False),
)
"""A live delegation of the application that the identity of a request's RUPN bore, on the day of ``said_on``.

``seen``: the digest of what a check of the delegation looks at in the request then (R35).
"""
