"""The tables of requests and of establishments, and how each table of the workflow is written.

States and kinds are text held by a CHECK; instants are aware UTC. These classes validate nothing: values come from the
rules, which have checked them. Rows are read and written with SQLAlchemy Core; these classes say what is stored.
"""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import Column, Index, Text, UniqueConstraint, false, literal_column, text
from sqlmodel import Field

from notifications.sql import StoredRow, UtcDateTime, one_of, table_of
from states.vocabulary import CallStage, Change, RemovalKind, RemovalOutcome, Settlement, StandInKind, State

LONG_AGO = "'2000-01-01 00:00:00'"
"""The instant of a row that the write path did not write: none but in a test."""


def _instant(*, nullable: bool = False) -> Column[datetime]:
    return Column(UtcDateTime(), nullable=nullable)


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


class EstablishmentRow(StoredRow):
    """A school of the open directory. ``set_mailbox`` is an operator's choice, which survives imports (R14).

    ``link_asked_at``: the last time that somebody asked for a link of it while it had no mailbox (R72).
    ``chef_name`` is the last chef known, who signed in first or said to be the new one (R37).
    ``departement_name``, ``nature`` and ``chef_civility`` are the directory's words, empty when it does not give them;
    so is ``siret``, by which an agent's employer is known (R103).
    """

    __tablename__ = "establishment"

    __table_args__ = (
        Index("ix_establishment_mailbox", text("lower(mailbox)")),
        Index("ix_establishment_set_mailbox", text("lower(set_mailbox)")),
        partial_index("ix_establishment_siret", "siret <> ''", "siret"),
    )

    uai: str = Field(primary_key=True)
    nom: str
    kind: str = ""
    commune: str = ""
    departement: str = Field(default="", index=True)
    mailbox: str | None = None
    set_mailbox: str | None = None
    chef_name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    is_open: bool = True
    is_listed: bool = True
    telephone: str = Field(default="", sa_column_kwargs={"server_default": ""})
    departement_name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    nature: str = Field(default="", sa_column_kwargs={"server_default": ""})
    chef_civility: str = Field(default="", sa_column_kwargs={"server_default": ""})
    siret: str = Field(default="", sa_column_kwargs={"server_default": ""})
    link_asked_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))


ESTABLISHMENT: Final = table_of(EstablishmentRow)


class StandInRow(StoredRow):
    """An operator who can act in an establishment's stead: he set its mailbox, or made a token for it (R6, R14).

    ``until`` None: the mailbox is in force; of a token, its end. ``confirmed_at``, ``confirmed_by``: when a second
    operator confirmed the mailbox, and who.
    """

    __tablename__ = "stand_in"
    __table_args__ = (one_of("kind", StandInKind), Index("ix_stand_in_uai", "uai"))

    id: int | None = Field(default=None, primary_key=True)
    uai: str = Field(foreign_key="establishment.uai")
    kind: str
    operator: int
    token: int | None = None
    since: datetime = Field(sa_column=_instant())
    until: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    confirmed_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    confirmed_by: int | None = None


STAND_IN: Final = table_of(StandInRow)


class DelegationRequest(StoredRow):
    """One request. Personal data stand here, beside the journal and never in it (R64).

    ``listing_entry``, ``delegation_entry``: the rows of the two lists from which its checks were made; no keys, for a
    row may be erased before its request (R94). For who looks, ``since`` is when it came to its state, ``checks`` and
    ``checked_on`` what its two checks say together and the earlier of their days, ``sorted_name`` its person's folded
    name, nom first, ``drane`` what the DRANE has yet to be sent (R96). ``erased_at``: when all that is personal in it
    went, for good: the database then refuses any change (R110). ``written_by`` is the version of this software that
    wrote it last, empty before there were any (R117).
    """

    __tablename__ = "delegation_request"
    __table_args__ = (
        one_of("state", State),
        Index("ix_request_establishment", "uai", "school_year"),
        Index(
            "ix_request_live", "school_year", "uai",
            sqlite_where=text("state <> 'revoked'"), postgresql_where=text("state <> 'revoked'"),
        ),
        Index("ix_request_mail", "folded_mail"),
        Index("ix_request_person", "person"),
        Index(
            "uq_request_live", "uai", "school_year", "folded_mail", unique=True,
            sqlite_where=text("state <> 'revoked'"), postgresql_where=text("state <> 'revoked'"),
        ),
        *_OF_THE_WORKLIST,
    )  # fmt: skip

    reference: str = Field(primary_key=True)
    uai: str = Field(foreign_key="establishment.uai")
    school_year: str
    state: str
    version: int
    nom: str
    prenom: str
    mail: str
    folded_mail: str
    person: str
    drane_declared_on: date | None = None
    chef_name: str = ""
    delegation_why: str = ""
    delegated_on: date | None = None
    charter_signed_on: date | None = None
    charter_version: str | None = None
    listing_outcome: str | None = None
    listing_source: str = ""
    listing_checked_on: date | None = None
    listing_seen: str = ""
    listing_entry: int | None = None
    listing_automatic: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    delegation_outcome: str | None = None
    delegation_source: str = ""
    delegation_checked_on: date | None = None
    delegation_seen: str = ""
    delegation_entry: int | None = None
    delegation_automatic: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    code_issued_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    previous_code_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    extends: str | None = None
    key_elsewhere: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    expires_on: date | None = None
    expiry_seen_for: date | None = None
    handed_on: date | None = None
    renews: str | None = None
    acted_on_behalf: str = ""
    issued_by: int | None = None
    key_possible: bool = Field(default=False, sa_column_kwargs={"default": False})
    question_asked_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    question_answered_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    drane_sent_on: date | None = None
    drane_seen: str = Field(default="", sa_column_kwargs={"server_default": ""})
    drawn_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    drawn_in: int | None = None
    erased_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    code_unread_since: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    code_read_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    created_at: datetime = Field(sa_column=_instant())
    changed_at: datetime = Field(sa_column=_instant())
    since: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False, server_default=text(LONG_AGO)))
    checks: str = Field(default="to_do", sa_column_kwargs={"server_default": "to_do"})
    checked_on: date | None = None
    sorted_name: str = Field(default="", sa_column_kwargs={"server_default": ""})
    drane: str = Field(default="nothing", sa_column_kwargs={"server_default": "nothing"})
    last_trigger: str
    last_actor: str
    written_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    chain_head: str
    chain_length: int


REQUEST: Final = table_of(DelegationRequest)

IS_LIVE = REQUEST.c.state != literal_column("'revoked'")
"""Written out, never bound: a partial index serves only a condition that it can recognise."""


class RequestWord(StoredRow):
    """A word by which a request is found: one of its person's folded names, or the folded mail (R89).

    Written with the request; ``word`` is compared by its code points, so that what begins alike stands together.
    """

    __tablename__ = "request_word"
    __table_args__ = (Index("ix_request_word", "word", "reference"),)

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    word: str = Field(
        sa_column=Column(Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True, nullable=False)
    )


WORD: Final = table_of(RequestWord)


class AssignmentRow(StoredRow):
    """The operator who handles a request, until when (R88): told to colleagues, and no event."""

    __tablename__ = "assignment"
    __table_args__ = (Index("ix_assignment_until", "until"),)

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    actor: int = Field(foreign_key="actor.number")
    taken_at: datetime = Field(sa_column=_instant())
    until: datetime = Field(sa_column=_instant())


ASSIGNMENT: Final = table_of(AssignmentRow)


class PrivateNoteRow(StoredRow):
    """A note between operators on a request: a free text that is erased with its person's data (R88)."""

    __tablename__ = "private_note"

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    number: int = Field(primary_key=True)
    actor: int = Field(foreign_key="actor.number")
    at: datetime = Field(sa_column=_instant())
    body: str = Field(sa_column=Column(Text, nullable=False))


PRIVATE_NOTE: Final = table_of(PrivateNoteRow)


class Counter(StoredRow):
    """The last number given, by school year: a hole in the references is seen by the journal's check (R65)."""

    school_year: str = Field(primary_key=True)
    last: int


COUNTER: Final = table_of(Counter)


class RemovalTaskRow(StoredRow):
    """A removal to confirm on the ODA server, at most one a request (R47)."""

    __tablename__ = "removal_task"
    __table_args__ = (
        one_of("kind", RemovalKind),
        one_of("outcome", RemovalOutcome),
        Index("ix_removal_open", "closed_at", "reference"),
    )

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    kind: str
    opened_at: datetime = Field(sa_column=_instant())
    outcome: str | None = None
    closed_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))


REMOVAL: Final = table_of(RemovalTaskRow)


class RemovalCall(StoredRow):
    """The connector's call to the ODA server for a removal task, and its answer (R49).

    ``asked`` is a digest of what was asked: should that change, the call is made anew. ``leased_until``: a machine is
    at it. ``answer``: the server's words, on one line.
    """

    __tablename__ = "removal_call"
    __table_args__ = (one_of("stage", CallStage), Index("ix_removal_call_next", "stage", "next_at"))

    reference: str = Field(primary_key=True, foreign_key="removal_task.reference")
    stage: str
    asked: str
    attempts: int = 0
    next_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    leased_until: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    status: int | None = None
    answer: str = ""
    changed_at: datetime = Field(sa_column=_instant())


CALL: Final = table_of(RemovalCall)


class ChangeReport(StoredRow):
    """A change that was reported, numbered within its request (R32).

    ``due_told_at``: when the operators were told that its day had come, None until then. ``revoke_on``: the day on
    which the schedule revokes, while a dated revocation settles it (R46).
    """

    __tablename__ = "change_report"
    __table_args__ = (
        one_of("change", Change),
        one_of("settlement", Settlement),
        Index(
            "ix_report_due", "effective_on",
            sqlite_where=text("settlement IS NULL"), postgresql_where=text("settlement IS NULL"),
        ),
        partial_index("ix_report_revocation", "revoke_on IS NOT NULL", "revoke_on"),
    )  # fmt: skip

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    number: int = Field(primary_key=True)
    change: str
    effective_on: date
    reported_at: datetime = Field(sa_column=_instant())
    due_told_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    settlement: str | None = None
    settled_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    revoke_on: date | None = None


REPORT: Final = table_of(ChangeReport)


class IdempotencyKey(StoredRow):
    """An action already done under a key (R10). ``digest`` is a keyed one of the whole command."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("actor", "trigger", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    actor: int
    trigger: str
    key: str
    digest: str
    reference: str
    version: int
    at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False, index=True))


class DelegationClaim(StoredRow):
    """A live delegation of the application that the identity of a request's RUPN bore, on the day of ``said_on``.

    ``seen``: the digest of what a check of the delegation looks at in the request then (R35).
    """

    __tablename__: ClassVar[str] = "delegation_claim"

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    said_on: date
    application: str = Field(sa_type=Text)
    begins: date | None = None
    ends: date | None = None
    seen: str = Field(sa_type=Text)


CLAIM: Final = table_of(DelegationClaim)
