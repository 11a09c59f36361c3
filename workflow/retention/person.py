"""One person: what is kept, what may go at their request, and what stays with the reason (R111)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, literal, or_, select

from notifications.outbox.tables import MAILS
from notifications.sql import BATCH_SIZE
from states.characters import fold
from states.validation import fold_mail
from workflow.database.access_tables import SESSIONS, TOKENS
from workflow.database.file_tables import EVIDENCE_ENTRY, EVIDENCE_IMPORT
from workflow.database.journal_tables import ACTOR, NOTE
from workflow.database.tables import IS_LIVE, PRIVATE_NOTE, REMOVAL, REPORT, REQUEST
from workflow.retention.erasure import count_requests, erase_mails, erase_requests, erase_tokens, forget_actors
from workflow.retention.limits import Counts

MOST_MENTIONS: Final = 50
"""Other requests whose texts name the person, told at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonPlan:
    """What erasing a person would do. ``live``: requests that forbid it; ``awaited``: those that stay until their
    removal is confirmed; ``erased``: those erased already; ``mentions``: other requests whose texts name the person.

    ``role`` is what the settings make of the address, empty for nobody of the rectorat.
    """

    mail: str
    live: tuple[str, ...]
    awaited: tuple[str, ...]
    requests: tuple[str, ...]
    mentions: tuple[str, ...]
    counts: Counts
    role: str = ""

    @property
    def is_refused(self) -> bool:
        return bool(self.live or self.role)

    @property
    def is_unknown(self) -> bool:
        """True when nothing is kept of the person."""
        return not (self.live or self.awaited or self.mentions or self.role or self.counts.data)


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
    )
    return PersonPlan(
        mail=folded, live=live, awaited=awaited, requests=requests, counts=counts, role=role,
        mentions=_mentions(connection, folded, {*live, *awaited, *requests}),
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
    )  # fmt: skip
    return rest if rest.data else None


def known_addresses(connection: Connection) -> set[str]:
    """The folded addresses of people who may have to be erased again: of requests that ended, lists and mails."""
    of_requests = select(REQUEST.c.folded_mail).where(REQUEST.c.state == "revoked", REQUEST.c.erased_at.is_(None))
    of_mails = select(func.lower(MAILS.c.recipient)).where(MAILS.c.erased_at.is_(None))
    rows = connection.execute(of_requests.union(select(EVIDENCE_ENTRY.c.folded_mail), of_mails))
    return {address for address in rows.scalars() if address}


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


def _mentions(connection: Connection, folded: str, own: set[str]) -> tuple[str, ...]:
    """The other requests in whose texts the person is named, by name or address; a person decides of each."""
    names = connection.execute(
        select(REQUEST.c.nom, REQUEST.c.prenom).where(REQUEST.c.folded_mail == folded, REQUEST.c.erased_at.is_(None))
    )
    wanted = {" ".join((fold(row.prenom), fold(row.nom))) for row in names}
    wanted |= {" ".join(reversed(name.split(" ", 1))) for name in wanted} | {fold(folded)}
    found: set[str] = set()
    for table, key in ((NOTE, NOTE.c.stream), (PRIVATE_NOTE, PRIVATE_NOTE.c.reference)):
        for reference, body in connection.execute(select(key, table.c.body), execution_options={"yield_per": 2000}):
            if reference not in own and reference not in found:
                text = f" {fold(body)} "
                if any(f" {name} " in text for name in wanted):
                    found.add(reference)
    return tuple(sorted(found))[:MOST_MENTIONS]


def _count(connection: Connection, table: Any, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())
