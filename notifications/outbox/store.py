"""The outbox's tables, and how they are filled and read: the mails to send, the sealed codes, the relay's pause.

Many drafts are stored in the caller's transaction, each dedupe key once (R55 to R62). A code's status is that of its
latest mail (R58).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    Table,
    Text,
    false,
    func,
    or_,
    select,
    text,
)
from sqlmodel import Field

from notifications.sql import StoredRow, UtcDateTime, batches, insert_new, insert_rows, one_of, table_of
from notifications.vocabulary import CODE_MAILS, Audience, Draft, Erasure, Fault, Kind, Mail, RelayFault, Stage
from states.model import Request
from states.vocabulary import ON_ITS_WAY, CodeStatus, State

if TYPE_CHECKING:
    from notifications.messages.catalogue import MailContext


def _partial(name: str, *columns: str, where: str) -> Index:
    """A partial index, the same on both databases."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Seal(StoredRow):
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


class OutgoingMail(StoredRow):
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


class MailRequest(StoredRow):
    """Another request that a mail is about, beside the one that the mail bears (R79)."""

    __tablename__: ClassVar[str] = "mail_request"

    mail_id: int = Field(primary_key=True, foreign_key="outgoing_mail.id")
    reference: str = Field(primary_key=True, index=True, sa_type=Text)


class RelayPause(StoredRow):
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


SEALS: Final[Table] = table_of(Seal)

MAILS: Final[Table] = table_of(OutgoingMail)

MAIL_REQUESTS: Final[Table] = table_of(MailRequest)

PAUSE: Final[Table] = table_of(RelayPause)

COLUMNS: Final[tuple[ColumnElement[Any], ...]] = tuple(MAILS.c[name] for name in Mail.__dataclass_fields__)
"""The columns of which ``mail_from`` makes a Mail."""

_STATUS_OF_STAGE: Final = {
    Stage.PENDING: CodeStatus.WAITING,
    Stage.SENDING: CodeStatus.SENDING,
    Stage.RETRY: CodeStatus.WAITING,
    Stage.SENT: CodeStatus.ACCEPTED,
    Stage.UNCERTAIN: CodeStatus.UNCERTAIN,
    Stage.CANCELLED: CodeStatus.UNDELIVERABLE,
    Stage.DEAD: CodeStatus.UNDELIVERABLE,
    Stage.DISCARDED: CodeStatus.UNDELIVERABLE,
}


def is_about(reference: str) -> ColumnElement[bool]:
    """True of the mails about this request, alone or among others."""
    among_others = select(MAIL_REQUESTS.c.mail_id).where(MAIL_REQUESTS.c.reference == reference)
    return or_(MAILS.c.reference == reference, MAILS.c.id.in_(among_others))


def mail_from(row: Row[Any]) -> Mail:
    """Make a Mail from a row of ``COLUMNS``."""
    values = dict(row._mapping)
    values["kind"] = Kind(values["kind"])
    values["audience"] = Audience(values["audience"])
    values["stage"] = Stage(values["stage"])
    values["fault"] = Fault(values["fault"]) if values["fault"] else None
    return Mail(**values)


def load_mails(connection: Connection, numbers: Iterable[int]) -> list[Mail]:
    """The mails of these numbers, in order."""
    queries = [select(*COLUMNS).where(MAILS.c.id.in_(batch)).order_by(MAILS.c.id) for batch in batches(sorted(numbers))]
    return [mail_from(row) for query in queries for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class EnqueueResult:
    """The number of new mails; ``born_dead`` had no recipient and are stored dead (R15)."""

    new: int
    born_dead: tuple[Mail, ...]


def enqueue(
    connection: Connection,
    drafts: Iterable[Draft],
    now: datetime,
    *,
    context: "MailContext",
    seals: Mapping[str, str] | None = None,
) -> EnqueueResult:
    """Store the drafts, to be sent from ``now`` on, or from their ``not_before``.

    A draft without a recipient is stored dead, for an operator (R15). A draft whose ``dedupe_key`` is stored already is
    left out. ``seals`` gives the seal of each code mail by its reference, of a sign-in link by ``Draft.sealed_for``.
    Raises ValueError for such a mail without a seal.
    """
    waiting: list[dict[str, Any]] = []
    others: dict[str, tuple[str, ...]] = {}
    new, born_dead = 0, []
    for draft in drafts:
        if draft.other_references:
            others[draft.dedupe_key or ""] = draft.other_references
        row = _row(draft, now, context, seals or {})
        is_alike = not waiting or (waiting[0]["dedupe_key"] is None) == (draft.dedupe_key is None)
        if not (draft.recipient and is_alike):
            new += _insert_all(connection, waiting, others)  # so that the mails are numbered in the order of the drafts
            waiting = []
        if draft.recipient:
            waiting.append(row)
            continue
        statement = insert_new(connection, MAILS).values(row).returning(*COLUMNS)
        if stored := connection.execute(statement).one_or_none():
            born_dead.append(mail_from(stored))
    new += _insert_all(connection, waiting, others) + len(born_dead)
    return EnqueueResult(new, tuple(born_dead))


def _insert_all(
    connection: Connection, rows: Sequence[dict[str, Any]], others: Mapping[str, tuple[str, ...]]
) -> int:  # fmt: skip
    """Insert rows that all have a dedupe key, or none; returns how many are new.

    ``others`` are the other requests that they are about, by dedupe key.
    """
    if rows and rows[0]["dedupe_key"] is not None:
        statement = insert_new(connection, MAILS).returning(MAILS.c.id, MAILS.c.dedupe_key)
        stored = [row for batch in batches(rows) for row in connection.execute(statement, batch)]
        about = [{"mail_id": number, "reference": one} for number, key in stored for one in others.get(key, ())]
        for batch in batches(about):
            insert_rows(connection, MAIL_REQUESTS, batch)
        return len(stored)
    for batch in batches(rows):
        insert_rows(connection, MAILS, batch)
    return len(rows)


def _row(draft: Draft, now: datetime, context: "MailContext", seals: Mapping[str, str]) -> dict[str, Any]:
    from notifications.messages.catalogue import CATALOGUE  # with every kind's facts: who only looks does without

    entry = CATALOGUE[draft.kind]
    seal = seals.get(draft.sealed_for or draft.reference or "") if entry.needs_seal else None
    if entry.needs_seal and not seal:
        raise ValueError(f"a {draft.kind.value} mail needs a sealed secret")
    has_recipient = bool(draft.recipient)
    return {
        "kind": draft.kind.value,
        "audience": draft.audience.value,
        "uai": draft.uai,
        "reference": draft.reference,
        "recipient": draft.recipient,
        "context": entry.encode(draft.context),
        "priority": int(entry.priority),
        "created_at": now,
        "not_after": draft.not_after or now + entry.lifetime_in(context),
        "attempts": 0,
        "seal_id": seal,
        "dedupe_key": draft.dedupe_key,
        "stage": (Stage.PENDING if has_recipient else Stage.DEAD).value,
        "next_attempt_at": (draft.not_before or now) if has_recipient else None,
        "fault": None if has_recipient else Fault.NO_MAILBOX.value,
    }


def code_statuses(connection: Connection, requests: Iterable[Request]) -> dict[str, CodeStatus]:
    """The status of each request's code, by reference (R58): its latest code mail decides, unless the request does.

    A code that no mail carries any more is undeliverable, as one that was erased before anybody read it (R112); one
    that was drawn is held while it is kept (R97).
    """
    statuses: dict[str, CodeStatus] = {}
    mailed: list[str] = []
    drawn: list[str] = []
    to_read: list[str] = []
    for request in requests:
        if request.drawn_in is not None:
            statuses[request.reference] = CodeStatus.NONE  # until its seal is found
            drawn.append(request.reference)
        elif request.handed_on:
            statuses[request.reference] = CodeStatus.HANDED_OVER
        elif request.code_issued_at is None or request.state is not State.CODE_ISSUED:
            statuses[request.reference] = CodeStatus.NONE
        elif request.is_extension:
            statuses[request.reference] = CodeStatus.EXTENDED
        elif request.code_read_at:
            statuses[request.reference] = CodeStatus.READ
        else:
            if request.code_unread_since:
                to_read.append(request.reference)
            statuses[request.reference] = CodeStatus.UNDELIVERABLE  # until its mail is found
            mailed.append(request.reference)
    statuses |= dict.fromkeys(_with_code(connection, drawn), CodeStatus.HELD)
    unread, readable = set(to_read), _with_code(connection, to_read)
    for references in batches(mailed):
        is_code_mail = (MAILS.c.reference.in_(references), MAILS.c.kind.in_([kind.value for kind in CODE_MAILS]))
        latest = select(func.max(MAILS.c.id)).where(*is_code_mail).group_by(MAILS.c.reference)
        for reference, stage in connection.execute(
            select(MAILS.c.reference, MAILS.c.stage).where(MAILS.c.id.in_(latest))
        ):
            status = _STATUS_OF_STAGE[Stage(stage)]
            if reference in unread and status not in ON_ITS_WAY:
                status = CodeStatus.TO_READ if reference in readable else CodeStatus.UNDELIVERABLE
            statuses[reference] = status
    return statuses


def _with_code(connection: Connection, references: Sequence[str]) -> set[str]:
    """Those of these requests whose code is kept."""
    kept: set[str] = set()
    for batch in batches(references):
        query = select(SEALS.c.reference).where(SEALS.c.reference.in_(batch), SEALS.c.ciphertext.is_not(None))
        kept.update(connection.execute(query).scalars())
    return kept
