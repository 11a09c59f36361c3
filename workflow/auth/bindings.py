"""Identities bound to an establishment by its mailbox, until the directory, a person or the year ends it (R103)."""

from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select, update

from notifications.messages.facts import IdentityBound, Place
from notifications.ports import Clock
from notifications.sql import batches, insert_new
from notifications.vocabulary import Audience, Draft, Kind
from states import french
from states.model import Actor
from states.school_calendar import SchoolCalendar, SchoolYear
from states.validation import fold_mail
from states.vocabulary import Role
from workflow.auth.actors import NotAllowed
from workflow.database.access_tables import BINDING, SESSIONS
from workflow.database.connection import Database
from workflow.database.mapping import mailbox_of
from workflow.database.tables import ESTABLISHMENT
from workflow.journal import chain
from workflow.journal.chain import JournalHasher

BOUND: Final = "identity_bound"
"""Kind of the journal's event by which an identity is bound to an establishment."""

BINDING_ENDED: Final = "binding_ended"
"""Kind of the journal's event by which it is so no more."""

GATE: Final = "gate"
"""The issuer of the identities that come by trusted headers (R102)."""

_WITH_PLACE: Final = select(BINDING, ESTABLISHMENT.c.nom, ESTABLISHMENT.c.commune).join(
    ESTABLISHMENT, ESTABLISHMENT.c.uai == BINDING.c.uai
)


class BindingEnd(Enum):
    """The reason for which a binding has ended, in the journal."""

    CHEF = "chef"
    OPERATOR = "operator"
    MAILBOX_CHANGED = "mailbox_changed"
    CLOSED = "closed"
    YEAR_END = "year_end"
    NEW_CHEF = "new_chef"


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityToBind:
    """An identity whose function nobody tells: a digest of who it is, its provider as people call it, its name."""

    digest: str
    provider: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityBinding:
    """A binding, as it is listed."""

    number: int
    place: Place
    name: str
    provider: str
    role: Role | None
    bound_at: datetime


def identity_digest(hasher: JournalHasher, issuer: str, subject: str) -> str:
    """A keyed digest of somebody at a provider: whoever has the database alone learns nothing of them."""
    return hasher.digest(f"identity\n{issuer}\n{subject}")


def bound_to(connection: Connection, identity: str) -> tuple[tuple[str, ...], Role | None]:
    """The open establishments that an identity is bound to, sorted, and the function that it last said there."""
    query = (
        select(BINDING.c.uai, BINDING.c.role)
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == BINDING.c.uai)
        .where(BINDING.c.identity == identity, ESTABLISHMENT.c.is_open)
        .order_by(BINDING.c.uai)
    )
    rows = connection.execute(query).all()
    roles = {row.role for row in rows}
    role = Role(roles.pop()) if len(roles) == 1 and "" not in roles else None
    return tuple(row.uai for row in rows), role


def remember_role(connection: Connection, identity: str, role: Role) -> None:
    """Keep the function that a bound person says, so that it is not asked again."""
    connection.execute(update(BINDING).where(BINDING.c.identity == identity).values(role=role.value))


def end_bindings_of(
    connection: Connection, hasher: JournalHasher, uais: Collection[str], by: Actor, why: BindingEnd, now: datetime
) -> int:
    """End every binding of these establishments; return how many."""
    rows = [
        row
        for batch in batches(sorted(uais))
        for row in connection.execute(select(BINDING).where(BINDING.c.uai.in_(batch)).order_by(BINDING.c.number))
    ]
    return end_bindings(connection, hasher, rows, by, why, now)


def end_bindings_of_chefs(
    connection: Connection, hasher: JournalHasher, uais: Set[str], by: Actor, now: datetime, *, but: str = ""
) -> int:  # fmt: skip
    """End the bindings of these establishments' chefs, whom another one succeeds; ``but``: his own identity (R37)."""
    of_chefs = (BINDING.c.uai.in_(sorted(uais)), BINDING.c.role == Role.CHEF.value, BINDING.c.identity != but)
    rows = connection.execute(select(BINDING).where(*of_chefs).order_by(BINDING.c.number)).all()
    return end_bindings(connection, hasher, rows, by, BindingEnd.NEW_CHEF, now)


def end_bindings(
    connection: Connection, hasher: JournalHasher, rows: Sequence[Row[Any]], by: Actor, why: BindingEnd, now: datetime
) -> int:  # fmt: skip
    """Erase these bindings and end the sessions that they opened; another process may have erased some."""
    ended = 0
    for row in rows:
        if not connection.execute(delete(BINDING).where(BINDING.c.number == row.number)).rowcount:
            continue
        ended += 1
        alive = (SESSIONS.c.identity == row.identity, SESSIONS.c.ended_at.is_(None))
        sessions = connection.execute(select(SESSIONS.c.digest, SESSIONS.c.subject).where(*alive)).all()
        theirs = [session for session, subject in sessions if row.uai in subject.split(",")]
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest.in_(theirs)).values(ended_at=now))
        chain.record(
            connection, hasher, BINDING_ENDED, by, now, {"uai": row.uai, "binding": row.number, "reason": why.value}
        )
    return ended


class Bindings:
    """Binds identities to establishments, lists the bindings, ends them."""

    def __init__(
        self, database: Database, clock: Clock, hasher: JournalHasher, calendar: SchoolCalendar,
        tell: Callable[[Connection, list[Draft], datetime], object],
    ) -> None:  # fmt: skip
        """``tell`` is given the mails of a new binding, in its own transaction."""
        self._database, self._clock, self._hasher = database, clock, hasher
        self._calendar, self._tell = calendar, tell

    def bind(self, identity: IdentityToBind, uais: Collection[str], by: Actor) -> None:
        """Bind an identity to the establishments whose mailbox has just vouched for it; told to that mailbox.

        ``by``: whoever the mailbox signed in. What is bound already stays as it is.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            rows = connection.execute(
                select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(list(uais))).order_by(ESTABLISHMENT.c.uai)
            ).all()
            by_mailbox: dict[str, list[Row[Any]]] = {}
            for row in rows:
                added = {
                    "identity": identity.digest, "uai": row.uai, "provider": identity.provider, "name": identity.name,
                    "role": "", "bound_at": now,
                }  # fmt: skip
                statement = insert_new(connection, BINDING).values(added).returning(BINDING.c.number)
                number = connection.execute(statement).scalar_one_or_none()
                if number is not None:
                    chain.record(connection, self._hasher, BOUND, by, now, {"uai": row.uai, "binding": number})
                    by_mailbox.setdefault(fold_mail(mailbox_of(row) or ""), []).append(row)
            drafts = [self._draft(identity, mailbox, rows, now) for mailbox, rows in by_mailbox.items() if mailbox]
            self._tell(connection, drafts, now)

    def _draft(self, identity: IdentityToBind, mailbox: str, rows: Sequence[Row[Any]], now: datetime) -> Draft:
        first, *others = (Place(uai=row.uai, nom=row.nom, commune=row.commune) for row in rows)
        zone = self._calendar.timezone
        facts = IdentityBound(
            establishment=first, others=tuple(others), name=identity.name, provider=identity.provider,
            at=french.instant(now, zone), until=french.day(self.last_day(now)),
        )  # fmt: skip
        return Draft(
            kind=Kind.IDENTITY_BOUND, audience=Audience.ESTABLISHMENT, recipient=mailbox, context=facts,
            uai=first.uai,
        )  # fmt: skip

    def last_day(self, bound_at: datetime) -> date:
        """The last day of a binding made at this instant: that of the school year which was running."""
        start = self._calendar.today(bound_at).year - 2
        ends = (self._calendar.end_of(SchoolYear(start + shift)) for shift in range(4))
        return next(end.last_day for end in ends if end.ends_at > bound_at)

    def list_of(self, uais: Collection[str]) -> tuple[IdentityBinding, ...]:
        """The bindings of these establishments, by establishment and name."""
        query = _WITH_PLACE.where(BINDING.c.uai.in_(list(uais)))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(BINDING.c.uai, BINDING.c.name, BINDING.c.number))
            return tuple(map(_binding_of, rows))

    def list_latest(self, limit: int | None, *, before: int | None = None) -> tuple[IdentityBinding, ...]:
        """At most ``limit`` bindings of all establishments, the latest first, those made before the one of a number.

        All of them when ``limit`` is None.
        """
        query = _WITH_PLACE.order_by(BINDING.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(BINDING.c.number < before)
        with self._database.read() as connection:
            return tuple(map(_binding_of, connection.execute(query)))

    def end_former_chefs(self, actor: Actor, identity: str) -> int:
        """End the bindings of the chefs whom this actor says to succeed, but that of ``identity``, his own (R37)."""
        now = self._clock.now()
        with self._database.write() as connection:
            return end_bindings_of_chefs(connection, self._hasher, actor.establishments, actor, now, but=identity)

    def end(self, number: int, actor: Actor) -> IdentityBinding | None:
        """End a binding, and the sessions that it opened; return it, None when it was over already.

        Raises NotAllowed for a reader, and for a chef or a deputy of another establishment (R3).
        """
        why = BindingEnd.CHEF if actor.is_establishment else BindingEnd.OPERATOR
        if actor.role not in (Role.CHEF, Role.DEPUTY, Role.OPERATOR):
            raise NotAllowed("Seuls l'établissement et le rectorat mettent fin à une liaison (R103).")
        query = _WITH_PLACE.where(BINDING.c.number == number)
        if actor.is_establishment:
            query = query.where(BINDING.c.uai.in_(sorted(actor.establishments)))
        now = self._clock.now()
        with self._database.write() as connection:
            row = connection.execute(query).one_or_none()
            if row is None or not end_bindings(connection, self._hasher, [row], actor, why, now):
                return None
        return _binding_of(row)


def _binding_of(row: Row[Any]) -> IdentityBinding:
    return IdentityBinding(
        number=row.number, place=Place(uai=row.uai, nom=row.nom, commune=row.commune), name=row.name,
        provider=row.provider, role=Role(row.role) if row.role else None, bound_at=row.bound_at,
    )  # fmt: skip
