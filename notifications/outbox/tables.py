"""Tables of the outbox: the mails to send, the sealed codes, the relay's pause (R55 to R62)."""

from datetime import datetime
from typing import ClassVar, Final

from sqlalchemy import Boolean, Column, ColumnElement, Index, Integer, Table, Text, false, or_, select, text
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime, one_of
from notifications.vocabulary import Audience, Erasure, Fault, Kind, RelayFault, Stage


def _partial(name: str, *columns: str, where: str) -> Index:
    """A partial index, the same on both databases."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Seal(SQLModel, table=True):
    """An encrypted code. ``ciphertext`` is NULL once erased; the row remains to say when and why (R61)."""

    __tablename__: ClassVar[str] = "seal"
    __table_args__ = (
        one_of("erased_why", Erasure),
        _partial("ix_seal_kept", "sealed_at", where="ciphertext IS NOT NULL"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    reference: str = Field(index=True, sa_type=Text)
    ciphertext: str | None = Field(default=None, sa_type=Text)
    sealed_at: datetime = Field(sa_type=UtcDateTime)
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    erased_why: str | None = Field(default=None, sa_type=Text)


class OutgoingMail(SQLModel, table=True):
    """One mail to one recipient.

    ``next_attempt_at`` is set if and only if the mail is to be sent then, ``lease_until`` while a sender sends it;
    ``lease_token`` alone means that a sender has claimed it, and loses it at ``next_attempt_at``.
    ``context`` holds the frozen facts (JSON); ``subject``, ``body``, ``html``, ``papers`` (JSON), ``message_id`` and
    ``dated_at`` are None until the first claim (R56); no body ever holds a code but a placeholder (R60).
    ``doubted_at`` is when we first did not know whether it had left, kept for ever: the recipient may have it twice.
    ``put_off_since`` is when it was first put off on its own account; ``reported_at`` when its death was told (R58).
    ``disputed`` holds the command and codes of a refusal of which nobody knows yet whether it is the relay's;
    ``others_accepted``: the relay has taken another mail since; ``proofs``: how often it has done so right after such a
    refusal; ``relay_blamed``: that refusal was once the relay's (R70), and still is while there is no ``fault``.
    ``erased_at``: when its text and its recipient went: only the trace of its sending stays (R110).
    """

    __tablename__: ClassVar[str] = "outgoing_mail"
    __table_args__ = (
        one_of("kind", Kind),
        one_of("audience", Audience),
        one_of("stage", Stage),
        one_of("fault", Fault),
        _partial("ix_outgoing_mail_due", "priority", "next_attempt_at", "id", where="next_attempt_at IS NOT NULL"),
        _partial("ix_outgoing_mail_lease", "lease_until", where="lease_until IS NOT NULL"),
        _partial("ix_outgoing_mail_disputed", "disputed", where="disputed IS NOT NULL"),
        _partial("ix_outgoing_mail_to_report", "id", where="stage = 'dead' AND reported_at IS NULL"),
        _partial("ix_outgoing_mail_to_erase", "created_at", where="erased_at IS NULL AND next_attempt_at IS NULL"),
        Index("ix_outgoing_mail_stage", "stage", "id"),
        Index("ix_outgoing_mail_uai", "uai", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(sa_type=Text)
    audience: str = Field(sa_type=Text)
    uai: str | None = Field(default=None, sa_type=Text)
    reference: str | None = Field(default=None, index=True, sa_type=Text)
    recipient: str = Field(sa_type=Text)
    context: str = Field(sa_type=Text)
    priority: int
    created_at: datetime = Field(sa_type=UtcDateTime)
    not_after: datetime = Field(sa_type=UtcDateTime)
    stage: str = Field(sa_type=Text)
    attempts: int = 0
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lease_token: str | None = Field(default=None, sa_type=Text)
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    message_id: str | None = Field(default=None, sa_type=Text)
    dated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    subject: str | None = Field(default=None, sa_type=Text)
    body: str | None = Field(default=None, sa_type=Text)
    html: str | None = Field(default=None, sa_type=Text)
    papers: str | None = Field(default=None, sa_type=Text)
    last_reply: str | None = Field(default=None, sa_type=Text)
    fault: str | None = Field(default=None, sa_type=Text)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    doubted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seal_id: str | None = Field(default=None, foreign_key="seal.id", index=True, sa_type=Text)
    replaces_id: int | None = Field(default=None, foreign_key="outgoing_mail.id", index=True)
    dedupe_key: str | None = Field(default=None, unique=True, sa_type=Text)
    put_off_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disputed: str | None = Field(default=None, sa_type=Text)
    others_accepted: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))
    proofs: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    relay_blamed: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))
    reported_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    erased_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class MailRequest(SQLModel, table=True):
    """Another request that a mail is about, beside the one that the mail bears (R79)."""

    __tablename__: ClassVar[str] = "mail_request"

    mail_id: int = Field(primary_key=True, foreign_key="outgoing_mail.id")
    reference: str = Field(primary_key=True, index=True, sa_type=Text)


class RelayPause(SQLModel, table=True):
    """The reason why no mail leaves for now, shared by all senders; one row at most, none while all is well.

    ``lasts_seconds`` is the length of this pause: the next one is twice as long.
    """

    __tablename__: ClassVar[str] = "relay_pause"
    __table_args__ = (one_of("fault", RelayFault),)

    id: int = Field(primary_key=True)
    fault: str = Field(sa_type=Text)
    reply: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    lasts_seconds: int


SEALS: Final[Table] = SQLModel.metadata.tables["seal"]
MAILS: Final[Table] = SQLModel.metadata.tables["outgoing_mail"]
MAIL_REQUESTS: Final[Table] = SQLModel.metadata.tables["mail_request"]
PAUSE: Final[Table] = SQLModel.metadata.tables["relay_pause"]


def is_about(reference: str) -> ColumnElement[bool]:
    """True of the mails about this request, alone or among others."""
    among_others = select(MAIL_REQUESTS.c.mail_id).where(MAIL_REQUESTS.c.reference == reference)
    return or_(MAILS.c.reference == reference, MAILS.c.id.in_(among_others))
