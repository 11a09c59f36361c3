"""The tables of the workflow. States and kinds are text held by a CHECK; instants are aware UTC.

``table=True`` validates nothing: values come from the rules, which have checked them. Rows are read and written
with SQLAlchemy Core; these classes say what is stored.
"""

from datetime import date, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint, false, literal_column, text
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime, one_of
from states.rules.schedule import ClockFault
from states.vocabulary import (
    CallStage,
    Change,
    Labelled,
    RemovalKind,
    RemovalOutcome,
    Role,
    Settlement,
    SignInMethod,
    StandInKind,
    State,
)

LONG_AGO = "'2000-01-01 00:00:00'"
"""The instant of a row that the write path did not write: none but in a test."""


def _instant(*, nullable: bool = False) -> Column[datetime]:
    return Column(UtcDateTime(), nullable=nullable)


def _partial(name: str, where: str, *columns: str) -> Index:
    """An index of the rows that meet a condition, on both databases."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


_OF_THE_WORKLIST = (
    Index("ix_request_state", "state", "since", "reference", "uai"),
    _partial("ix_request_waiting", "state <> 'revoked'", "since", "reference", "uai"),
    _partial("ix_request_revoked", "state = 'revoked'", "school_year", "since", "reference"),
    _partial("ix_request_checks", "state = 'requested'", "checks", "since", "reference", "checked_on"),
    _partial(
        "ix_request_not_handed",
        "state = 'code_issued' AND handed_on IS NULL AND extends IS NULL",
        "state", "since", "reference",
    ),
    _partial("ix_request_expiry", "state = 'code_issued'", "school_year", "expiry_seen_for"),
    Index("ix_request_name", "sorted_name", "reference"),
    _partial("ix_request_no_drane_date", "drane_declared_on IS NULL AND state <> 'revoked'", "since", "reference"),
    _partial("ix_request_keys", "code_issued_at IS NOT NULL", "school_year", "state", "reference", "uai"),
    _partial("ix_request_drane", "drane IN ('to_add', 'to_correct', 'to_remove')", "school_year", "uai", "reference"),
    _partial("ix_request_answered", "question_answered_at IS NOT NULL", "question_answered_at"),
    _partial("ix_request_drawn", "drawn_at IS NOT NULL", "drawn_at"),
    _partial("ix_request_to_erase", "state = 'revoked' AND erased_at IS NULL", "since", "reference"),
    _partial("ix_request_unread", "code_unread_since IS NOT NULL", "code_unread_since"),
)  # fmt: skip
"""Indexes that keep a page as quick at 100,000 requests as at 1,000 (``./run bench portal_list``)."""


class Establishment(SQLModel, table=True):
    """A school of the open directory. ``set_mailbox`` is an operator's choice, which survives imports (R14).

    ``link_asked_at``: the last time that somebody asked for a link of it while it had no mailbox (R72).
    ``chef_name`` is the last chef known, who signed in first or said to be the new one (R37).
    ``departement_name``, ``nature`` and ``chef_civility`` are the directory's words, empty when it does not give them;
    so is ``siret``, by which an agent's employer is known (R103).
    """

    __table_args__ = (
        Index("ix_establishment_mailbox", text("lower(mailbox)")),
        Index("ix_establishment_set_mailbox", text("lower(set_mailbox)")),
        _partial("ix_establishment_siret", "siret <> ''", "siret"),
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


class StandInRow(SQLModel, table=True):
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


class DelegationRequest(SQLModel, table=True):
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


class RequestWord(SQLModel, table=True):
    """A word by which a request is found: one of its person's folded names, or the folded mail (R89).

    Written with the request; ``word`` is compared by its code points, so that what begins alike stands together.
    """

    __tablename__ = "request_word"
    __table_args__ = (Index("ix_request_word", "word", "reference"),)

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    word: str = Field(
        sa_column=Column(Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True, nullable=False)
    )


class Event(SQLModel, table=True):
    """One link of a chain (R63). ``canonical`` is what is hashed; the other columns are read from it."""

    __table_args__ = (
        Index("ix_event_at", "at"),
        _partial("ix_event_mail", "kind IN ('mail_dead', 'mail_retried', 'mail_discarded')", "at"),
        _partial("ix_event_installation", "stream = 'installation'", "kind", "seq"),
    )

    stream: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    kind: str
    from_state: str | None = None
    to_state: str | None = None
    actor: int = Field(foreign_key="actor.number")
    role: str
    at: datetime = Field(sa_column=_instant())
    canonical: str = Field(sa_column=Column(Text, nullable=False))
    hash: str


class EventNote(SQLModel, table=True):
    """A free text beside its event: erasable, while the event keeps a keyed commitment of it (R64)."""

    __tablename__ = "event_note"

    stream: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    field: str = Field(primary_key=True)
    nonce: str
    body: str = Field(sa_column=Column(Text, nullable=False))


class AssignmentRow(SQLModel, table=True):
    """Who handles a request, until when (R88): told to colleagues, and no event."""

    __tablename__ = "assignment"
    __table_args__ = (Index("ix_assignment_until", "until"),)

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    actor: int = Field(foreign_key="actor.number")
    taken_at: datetime = Field(sa_column=_instant())
    until: datetime = Field(sa_column=_instant())


class PrivateNoteRow(SQLModel, table=True):
    """A note between operators on a request: a free text that is erased with its person's data (R88)."""

    __tablename__ = "private_note"

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    number: int = Field(primary_key=True)
    actor: int = Field(foreign_key="actor.number")
    at: datetime = Field(sa_column=_instant())
    body: str = Field(sa_column=Column(Text, nullable=False))


class Installation(SQLModel, table=True):
    """The single row of this installation: its birth, and the head of its own chain."""

    id: int = Field(default=1, primary_key=True)
    created_at: datetime = Field(sa_column=_instant())
    key_check: str
    chain_head: str
    chain_length: int


class ActorRow(SQLModel, table=True):
    """The actor behind a number of the journal. ``key`` tells one from another; ``label`` is what people read.

    ``nonce`` salts the commitment that the journal holds of both; empty once they were erased (R109).
    """

    __tablename__ = "actor"

    number: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    label: str
    nonce: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))


class Counter(SQLModel, table=True):
    """The last number given, by school year: a hole in the references is seen by the journal's check (R65)."""

    school_year: str = Field(primary_key=True)
    last: int


class RemovalTask(SQLModel, table=True):
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


class RemovalCall(SQLModel, table=True):
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


class ChangeReport(SQLModel, table=True):
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
        _partial("ix_report_revocation", "revoke_on IS NOT NULL", "revoke_on"),
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


class Occurrence(SQLModel, table=True):
    """A scheduled thing that has happened: its key makes it happen once (R50). ``requests``: how many."""

    key: str = Field(primary_key=True)
    at: datetime = Field(sa_column=_instant())
    requests: int = 0


class YearEndRecord(SQLModel, table=True):
    """The end of a school year as it was foreseen, and whether the brake holds it (R51, R52)."""

    __tablename__ = "year_end"

    school_year: str = Field(primary_key=True)
    last_day: date
    ends_at: datetime = Field(sa_column=_instant())
    recorded_at: datetime = Field(sa_column=_instant())
    held_why: str | None = None
    held_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    confirmed_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    confirmed_by: int | None = None


class Node(SQLModel, table=True):
    """A machine that ticks, and when it last did (R52); the installation's birth for one that never could.

    ``skew_seconds``: how far ahead of the database's its clock is; ``refused_at``: since when it is too far to tick,
    None while it may; ``heard_at``: when it last compared the two, None where the machine's own clock judges (R82).
    """

    host: str = Field(primary_key=True)
    seen_at: datetime = Field(sa_column=_instant())
    skew_seconds: float = Field(default=0, sa_column_kwargs={"server_default": "0"})
    refused_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    heard_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))


class ClockHold(SQLModel, table=True):
    """Why the clock is not believed, by the last tick: one row at most, none while all is well (R52).

    ``held_at``: the first tick under this clock, ``seen_at``: the last one; both by that clock. ``known_at``: the last
    sign of life before.
    """

    __tablename__ = "clock_hold"
    __table_args__ = (one_of("fault", ClockFault),)

    id: int = Field(primary_key=True)
    fault: str
    held_at: datetime = Field(sa_column=_instant())
    seen_at: datetime = Field(sa_column=_instant())
    known_at: datetime = Field(sa_column=_instant())


class MachineCounter(SQLModel, table=True):
    """What the machine's counter showed at its last ticks, for the next process of the same boot (R52).

    ``believed_at``, ``doubted_at``: the clock's instant at the last tick that believed it, and at the last one of all
    if that did not; ``believed_seconds``, ``doubted_seconds``: the counter then. None where there was no such tick.
    """

    __tablename__ = "machine_counter"

    host: str = Field(primary_key=True)
    boot: str
    believed_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    believed_seconds: float | None = None
    doubted_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    doubted_seconds: float | None = None


class IdempotencyKey(SQLModel, table=True):
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


class Scope(Labelled):
    """The scope of an access token."""

    READ = "read", "lire"
    ACT = "act", "lire et agir"


class SignInLink(SQLModel, table=True):
    """A link sent by mail, found by the digest of its secret, which is never stored.

    ``subject``: the UAI asked for, or the address of an operator or a reader; ``sent_to``: the mailbox, whose
    establishments it opens; ``joins``: the digest of the session that asked to add them to itself; ``back``: the page
    that was asked for before signing in. ``browser``: the digest of the cookie of the browser that asked;
    ``code_digest``: the keyed digest of its six digits; ``network`` and ``browser_name`` tell whoever reads it from
    where it was asked; ``is_proof``: the session ``joins`` asked for it to prove anew who its user is (R104, R105).
    """

    __tablename__: ClassVar[str] = "sign_in_link"
    __table_args__ = (
        one_of("role", Role),
        Index("ix_sign_in_link_expires_at", "expires_at"),
        Index("ix_sign_in_link_subject", "subject"),
        Index("ix_sign_in_link_browser", "browser"),
    )

    digest: str = Field(primary_key=True, sa_type=Text)
    role: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    sent_to: str = Field(sa_type=Text)
    joins: str = Field(default="", sa_type=Text)
    back: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    browser: str = Field(default="", sa_type=Text)
    code_digest: str = Field(default="", sa_type=Text)
    network: str = Field(default="", sa_type=Text)
    browser_name: str = Field(default="", sa_type=Text)
    is_proof: bool = Field(default=False)


class KeptForm(SQLModel, table=True):
    """A form that was sent after the end of its session, encrypted by a secret that its browser alone has (R73)."""

    __tablename__: ClassVar[str] = "kept_form"
    __table_args__ = (UniqueConstraint("session"), Index("ix_kept_form_kept_at", "kept_at"))

    digest: str = Field(primary_key=True, sa_type=Text)
    session: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    kept_at: datetime = Field(sa_column=_instant())


class SessionEnd(Labelled):
    """Who ended a session in the stead of the browser that has it (R107)."""

    OWNER = "owner", "quelqu'un y a mis fin d'une autre connexion au même compte"
    RECTORAT = "rectorat", "un opérateur du rectorat y a mis fin"


class WebSession(SQLModel, table=True):
    """Somebody who signed in. ``subject``: the UAI, by commas, or the address; ``name``: what a chef gives (R37).

    ``number`` is its public name, which never serves again; the secret of which ``digest`` is made opens it.

    ``role`` of a mailbox that has not said yet who it is stays ``chef`` and ``name`` empty: it may only say it.
    ``provider``: the identity provider's name in the settings, empty for a mail's link; ``proved_at``: when this person
    last proved who they are (R105); ``browser``: what its list of sessions says of it (R107). ``identity``: a keyed
    digest of who that is at its provider, and ``identity_name`` the name that it vouches for, both empty for a link's.
    ``ended_by``: see SessionEnd, None of one that ended otherwise. ``awaits_factor``: it opens nothing but the page of
    the second factor (R106).
    """

    __tablename__: ClassVar[str] = "web_session"
    __table_args__ = (
        one_of("role", Role),
        one_of("method", SignInMethod),
        Index("ix_web_session_subject", "subject"),
        one_of("ended_by", SessionEnd),
        Index("ix_web_session_expires_at", "expires_at"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True, sa_type=Text)
    role: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    name: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, sa_type=Text)
    method: str = Field(default=SignInMethod.MAIL_LINK.value, sa_type=Text)
    provider: str = Field(default="", sa_type=Text)
    proved_at: datetime = Field(sa_type=UtcDateTime)
    browser: str = Field(default="", sa_type=Text)
    identity: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    identity_name: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    awaits_factor: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class AccessToken(SQLModel, table=True):
    """A program's key to the API, for one person (``role``, ``subject``) and one ``scope``, until ``expires_at``."""

    __tablename__: ClassVar[str] = "access_token"
    __table_args__ = (one_of("role", Role), one_of("scope", Scope))

    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True, sa_type=Text)
    label: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    scope: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class TryCount(SQLModel, table=True):
    """The tries under one limit until ``ends_at``: ``key`` is a digest of who or what is tried (R74).

    ``refused`` counts those beyond the limit, or all of them where each is a refusal in itself; ``network`` and
    ``browser`` are then kept until the window is over (R108). A row without tries only tells that a network, or a
    browser, is known.
    """

    __tablename__: ClassVar[str] = "try_count"
    __table_args__ = (Index("ix_try_count_ends_at", "ends_at"),)

    key: str = Field(primary_key=True, sa_type=Text)
    ends_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    limit_name: str = Field(sa_type=Text)
    tries: int
    refused: int
    network: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    browser: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})


LINKS: Final[Table] = SQLModel.metadata.tables["sign_in_link"]


KEPT_FORMS: Final[Table] = SQLModel.metadata.tables["kept_form"]


SESSIONS: Final[Table] = SQLModel.metadata.tables["web_session"]


TOKENS: Final[Table] = SQLModel.metadata.tables["access_token"]


TRIES: Final[Table] = SQLModel.metadata.tables["try_count"]


def table_of(model: type[Any]) -> Table:
    """The SQLAlchemy table behind a class of ``workflow.database.tables``."""
    return model.__table__  # type: ignore[no-any-return]


CALL: Final = table_of(RemovalCall)


RECORD = table_of(YearEndRecord)


NODE = table_of(Node)


CLOCK_HOLD = table_of(ClockHold)


MACHINE_COUNTER = table_of(MachineCounter)


OCCURRENCE = table_of(Occurrence)


INSTALLED = table_of(Installation)


ACTOR = table_of(ActorRow)


COUNTER = table_of(Counter)


REQUEST = table_of(DelegationRequest)


ESTABLISHMENT = table_of(Establishment)


STAND_IN = table_of(StandInRow)


REMOVAL = table_of(RemovalTask)


REPORT = table_of(ChangeReport)


WORD = table_of(RequestWord)


IS_LIVE = REQUEST.c.state != literal_column("'revoked'")
"""Written out, never bound: a partial index serves only a condition that it can recognise."""


EVENT = table_of(Event)


NOTE = table_of(EventNote)


ASSIGNMENT: Final = table_of(AssignmentRow)


PRIVATE_NOTE: Final = table_of(PrivateNoteRow)
