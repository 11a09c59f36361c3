"""One person: what is kept, what may go at their request, and what stays with the reason (R111)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, literal, or_, select, update

from notifications.outbox.tables import MAILS
from notifications.sql import BATCH_SIZE
from states.characters import fold
from states.validation import fold_mail
from states.vocabulary import Role
from workflow.database.access_tables import SESSIONS, SUBSTITUTION, TOKENS
from workflow.database.file_tables import EVIDENCE_ENTRY, EVIDENCE_IMPORT
from workflow.database.journal_tables import ACTOR
from workflow.database.tables import IS_LIVE, REMOVAL, REPORT, REQUEST
from workflow.retention.erasure import (
    ERASED_TEXT,
    Counts,
    count_requests,
    erase_mails,
    erase_requests,
    erase_tokens,
    find_mentions,
    forget_actors,
    written_names,
)

_HAS_ENDED: Final = SUBSTITUTION.c.ended_at.is_not(None)


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonPlan:
    """What erasing a person would do. ``live``: requests that forbid it; ``awaited``: those that stay until their
    removal is confirmed; ``mentions``: other requests whose texts name the person.

    ``substitutions``: the numbers of those not ended, which forbid it too; ``acts``: how many numbers of the journal
    name the person still, which time takes away (R110). ``role`` is what the settings make of the address, empty for
    nobody of the rectorat.
    """

    mail: str
    live: tuple[str, ...]
    awaited: tuple[str, ...]
    requests: tuple[str, ...]
    mentions: tuple[str, ...]
    counts: Counts
    substitutions: tuple[int, ...] = ()
    acts: int = 0
    role: str = ""

    @property
    def is_refused(self) -> bool:
        return bool(self.live or self.substitutions or self.role)

    @property
    def changes(self) -> bool:
        """True when something goes, or is to go later."""
        return not self.is_unknown

    @property
    def is_unknown(self) -> bool:
        """True when nothing is kept of the person."""
        stays = (self.live, self.awaited, self.mentions, self.substitutions, self.acts, self.role)
        return not (any(stays) or self.counts.data)


def plan_person(connection: Connection, mail: str, role: str = "", own_key: str = "") -> PersonPlan:
    """What would go and what would stay; nothing is written. ``own_key``: of the person among the actors (R113)."""
    folded = fold_mail(mail)
    rows = connection.execute(
        select(REQUEST.c.reference, REQUEST.c.state, _is_awaited().label("is_awaited"))
        .where(REQUEST.c.folded_mail == folded)
        .order_by(REQUEST.c.reference)
    ).all()
    live = tuple(row.reference for row in rows if row.state != "revoked")
    awaited = tuple(row.reference for row in rows if row.state == "revoked" and row.is_awaited)
    requests = tuple(row.reference for row in rows if row.state == "revoked" and not row.is_awaited)
    of_requests = count_requests(connection, may_go(folded))
    counts = of_requests + Counts(
        mails=_count(connection, MAILS, _mails_to(folded, requests)),
        list_rows=0 if live else _count(connection, EVIDENCE_ENTRY, in_lists(folded)),
        tokens=_count(connection, TOKENS, _spent_tokens(folded)),
        actors=0 if live or awaited else _count(connection, ACTOR, ACTOR.c.key == own_key),
        substitutions=_count(connection, SUBSTITUTION, and_(_substitutions_of(folded), _HAS_ENDED)),
    )
    unended = select(SUBSTITUTION.c.number).where(_substitutions_of(folded), ~_HAS_ENDED)
    return PersonPlan(
        mail=folded, live=live, awaited=awaited, requests=requests, counts=counts, role=role,
        mentions=find_mentions(connection, names_of(connection, folded), {*live, *awaited, *requests}),
        substitutions=tuple(connection.execute(unended.order_by(SUBSTITUTION.c.number)).scalars()),
        acts=_count(connection, ACTOR, _acts_of(folded)),
    )  # fmt: skip


def may_go(folded: str, until: datetime | None = None) -> ColumnElement[bool]:
    """The requests of this person that may be erased: revoked, nothing left to remove; declared ``until`` then."""
    same = and_(
        REQUEST.c.folded_mail == folded, REQUEST.c.state == "revoked", REQUEST.c.erased_at.is_(None), ~_is_awaited()
    )
    return same if until is None else and_(same, REQUEST.c.created_at < until)


def in_lists(folded: str, until: datetime | None = None) -> ColumnElement[bool]:
    """The rows of the two lists that bear this address; those of the imports ``until`` then."""
    among = (literal(" ") + EVIDENCE_ENTRY.c.other_mails + " ").contains(f" {folded} ", autoescape=True)
    same = or_(EVIDENCE_ENTRY.c.folded_mail == folded, among)
    if until is None:
        return same
    before = select(EVIDENCE_IMPORT.c.number).where(EVIDENCE_IMPORT.c.imported_at < until)
    return and_(same, EVIDENCE_ENTRY.c.last_import.in_(before))


def erase_person(
    connection: Connection, folded: str, own_key: str, now: datetime, until: datetime | None = None
) -> Counts | None:  # fmt: skip
    """Erase a batch of what may go of a person; None when nothing is left.

    ``own_key``: of the person among the actors, forgotten with their last request (R113). ``until``: only what was
    there at that instant, for a restored database: who comes back later is somebody anew.
    """
    counts = erase_requests(connection, may_go(folded, until), now)
    if counts is not None:
        return counts
    is_live = connection.execute(select(REQUEST.c.reference).where(REQUEST.c.folded_mail == folded, IS_LIVE)).first()
    remains = connection.execute(select(REQUEST.c.reference).where(REQUEST.c.folded_mail == folded)).first()
    own = connection.execute(select(ACTOR.c.number).where(ACTOR.c.key == own_key)).scalars().all()
    mails = _mails_to(folded, ()) if until is None else and_(_mails_to(folded, ()), MAILS.c.created_at < until)
    ids = select(EVIDENCE_ENTRY.c.id).where(in_lists(folded, until)).limit(BATCH_SIZE)
    if until is None:
        connection.execute(delete(SESSIONS).where(func.lower(SESSIONS.c.subject) == folded))
    rest = Counts(
        mails=erase_mails(connection, mails, now),
        list_rows=0 if is_live else connection.execute(
            delete(EVIDENCE_ENTRY).where(EVIDENCE_ENTRY.c.id.in_(ids))
        ).rowcount,
        tokens=erase_tokens(connection, _spent_tokens(folded)),
        actors=0 if remains else forget_actors(connection, own),
        substitutions=_erase_substitutions(connection, folded),
    )  # fmt: skip
    return rest if rest.data else None


def known_addresses(connection: Connection) -> set[str]:
    """The folded addresses of people who may have to be erased again: of requests that ended, lists, mails and
    substitutions."""
    of_requests = select(REQUEST.c.folded_mail).where(REQUEST.c.state == "revoked", REQUEST.c.erased_at.is_(None))
    of_mails = select(func.lower(MAILS.c.recipient)).where(MAILS.c.erased_at.is_(None))
    of_substitutions = (
        select(column).where(_HAS_ENDED, SUBSTITUTION.c.role == Role.OPERATOR.value, column != ERASED_TEXT)
        for column in (SUBSTITUTION.c.giver, SUBSTITUTION.c.substitute)
    )
    rows = connection.execute(of_requests.union(select(EVIDENCE_ENTRY.c.folded_mail), of_mails, *of_substitutions))
    return {address for address in rows.scalars() if address}


def names_of(connection: Connection, folded: str) -> frozenset[str]:
    """Return how a text may name the person: their address, and the names that their requests bear."""
    named = select(REQUEST.c.prenom, REQUEST.c.nom).where(
        REQUEST.c.folded_mail == folded, REQUEST.c.erased_at.is_(None)
    )
    names = (written_names(row.prenom, row.nom) for row in connection.execute(named))
    return frozenset((fold(folded),)).union(*names)


def _is_awaited() -> ColumnElement[bool]:
    to_remove = exists().where(REMOVAL.c.reference == REQUEST.c.reference, REMOVAL.c.closed_at.is_(None))
    to_settle = exists().where(REPORT.c.reference == REQUEST.c.reference, REPORT.c.settlement.is_(None))
    return or_(to_remove, to_settle)


def _mails_to(folded: str, requests: Sequence[str]) -> ColumnElement[bool]:
    """The mails that went to this address itself, but those about ``requests``, which go with them."""
    to_person = and_(
        func.lower(MAILS.c.recipient) == folded, MAILS.c.erased_at.is_(None), MAILS.c.next_attempt_at.is_(None),
        MAILS.c.lease_until.is_(None),
    )  # fmt: skip
    others = or_(MAILS.c.reference.is_(None), MAILS.c.reference.not_in(requests)) if requests else None
    return to_person if others is None else and_(to_person, others)


def _spent_tokens(folded: str) -> ColumnElement[bool]:
    return and_(func.lower(TOKENS.c.subject) == folded, TOKENS.c.revoked_at.is_not(None))


def _substitutions_of(folded: str) -> ColumnElement[bool]:
    return or_(SUBSTITUTION.c.giver == folded, SUBSTITUTION.c.substitute == folded)


def _acts_of(folded: str) -> ColumnElement[bool]:
    """The numbers of the journal that name this address: an operator's, a reader's, either side of a substitution."""
    keys = [f"{role.value}:{folded}" for role in (Role.OPERATOR, Role.READER)]
    as_substitute = ACTOR.c.key.startswith(f"operator:{folded}>", autoescape=True)
    as_substituted = and_(ACTOR.c.key.startswith("operator:"), ACTOR.c.key.endswith(f">{folded}", autoescape=True))
    return or_(ACTOR.c.key.in_(keys), as_substitute, as_substituted)


def _erase_substitutions(connection: Connection, folded: str) -> int:
    """Take the address out of the substitutions that have ended; the other side, and the four eyes (R6), stay."""
    theirs = select(SUBSTITUTION.c.number).where(_substitutions_of(folded), _HAS_ENDED)
    numbers = connection.execute(theirs).scalars().all()
    for column in (SUBSTITUTION.c.giver, SUBSTITUTION.c.substitute):
        of_side = update(SUBSTITUTION).where(SUBSTITUTION.c.number.in_(numbers), column == folded)
        connection.execute(of_side.values({column: ERASED_TEXT}))
    return len(numbers)


def _count(connection: Connection, table: Any, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())
