"""The access that is open, and its end: sessions listed and ended (R107), all access of who has lost it (R73, R76)."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, bindparam, exists, func, or_, select, update

from notifications.ports import Clock
from states.decision import Scalar
from states.model import Actor
from states.school_calendar import SchoolCalendar
from states.validation import fold, fold_mail, has_uai_form, normalise_uai
from states.vocabulary import Role, SignInMethod
from workflow.auth.actors import People, require_operator
from workflow.auth.bindings import BindingEnd, end_bindings, end_bindings_of
from workflow.auth.second_factor import delete_factors
from workflow.auth.sessions import SessionUser, end_sign_ins_of
from workflow.auth.sign_in_links import end_links, end_links_of
from workflow.auth.substitutions import Substitutions
from workflow.auth.tokens import end_tokens_of, revoke_token
from workflow.database.access_tables import BINDING, FACTOR, LINKS, SESSIONS, TOKENS, SessionEnd
from workflow.database.connection import Database
from workflow.journal import chain
from workflow.journal.chain import JournalHasher
from workflow.settings.secrets import digest

MOST: Final = 10_000
"""Sessions of a listing without pages."""

_RECTORAT: Final = (Role.OPERATOR.value, Role.READER.value)

HAS_ACCESS_OF_RECTORAT: Final = or_(
    *(
        exists().where(end.table.c.role.in_(_RECTORAT), end.is_(None))
        for end in (SESSIONS.c.ended_at, LINKS.c.used_at, TOKENS.c.revoked_at)
    ),
    exists().select_from(FACTOR),
)
"""The condition under which ``end_access_of_removed`` has anybody to look up in the settings."""

IS_OF_PAST_YEAR: Final = BINDING.c.bound_at < bindparam("last_end")
"""The condition of the bindings that ``end_bindings_of_past_years`` ends; ``last_end``: of a school year."""


class SessionUnknown(Exception):
    """No open session has this number: it has ended already, or is not theirs who ask."""

    rule = "R107"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenSession:
    """A session as it is shown: never its secret, nor the digest of it. ``is_own``: the one in which it is shown.

    ``seen_at``: when it was last used, to within five minutes; ``ends_at``: when it ends if nothing is done in it.
    """

    number: int
    role: Role
    subject: str
    name: str
    method: SignInMethod
    provider: str
    browser: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    awaits_factor: bool = False
    is_own: bool = False

    @property
    def uais(self) -> tuple[str, ...]:
        """The establishments of a mailbox; empty for the rectorat."""
        return tuple(self.subject.split(",")) if self.role in (Role.CHEF, Role.DEPUTY) else ()

    @property
    def door(self) -> str:
        """The way by which it was opened, in French; a provider by its name."""
        return f"{self.method.label} ({self.provider})" if self.provider else self.method.label


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionFilters:
    """``of``: one address, or one UAI; ``words``: a part of an address, of a UAI or of a name."""

    of: str = ""
    words: str = ""


class OpenSessions:
    """Lists and ends sessions; each that somebody ends is in the journal, by its number. ``idle``: its life unused."""

    def __init__(self, database: Database, clock: Clock, hasher: JournalHasher, *, idle: timedelta) -> None:
        self._database, self._clock, self._hasher, self._idle = database, clock, hasher, idle

    def of_user(self, session_user: SessionUser, secret: str) -> tuple[OpenSession, ...]:
        """Return the open sessions of this address, or of any of these establishments, the last used first."""
        query = self._open().where(_is_theirs(session_user)).order_by(SESSIONS.c.seen_at.desc(), SESSIONS.c.number)
        with self._database.read() as connection:
            return tuple(self._session(row, digest(secret)) for row in connection.execute(query))

    def all(
        self, by: Actor, filters: SessionFilters, *, limit: int = MOST, after: int | None = None
    ) -> tuple[OpenSession, ...]:  # fmt: skip
        """Return everybody's open sessions, the newest first; ``after``: the number of the last one seen.

        Raises NotAllowed for who is no operator.
        """
        require_operator(by, "lister les connexions")
        query = self._open().where(*_of_whom(filters.of)).order_by(SESSIONS.c.number.desc())
        if after is not None:
            query = query.where(SESSIONS.c.number < after)
        words = fold(filters.words).split()
        with self._database.read() as connection:
            rows = (
                row for row in connection.execute(query)
                if all(word in fold(f"{row.subject} {row.name}") for word in words)
            )  # fmt: skip
            return tuple(self._session(row, "") for row in islice(rows, limit))

    def end_own(self, session_user: SessionUser, number: int, by: Actor) -> None:
        """End one of one's own sessions. Raises SessionUnknown for one that is over, or not theirs."""
        with self._database.write() as connection:
            self._end_one(connection, number, SessionEnd.OWNER, by, _is_theirs(session_user))

    def end_others(self, session_user: SessionUser, secret: str, by: Actor) -> int:
        """End all of one's own sessions but this one, and the links that were sent; return how many sessions."""
        now = self._clock.now()
        with self._database.write() as connection:
            end_links_of(connection, set(session_user.uais) or {session_user.subject}, now)
            others = (_is_theirs(session_user), SESSIONS.c.digest != digest(secret))
            ended = self._end(connection, SessionEnd.OWNER, now, *others)
            self._record(connection, by, now, {"sessions": ended})
        return ended

    def end(self, number: int, by: Actor) -> None:
        """End anybody's session. Raises NotAllowed for who is no operator, SessionUnknown."""
        require_operator(by, "finir une connexion")
        with self._database.write() as connection:
            self._end_one(connection, number, SessionEnd.RECTORAT, by)

    def end_all_of(self, of: str, by: Actor) -> int:
        """End every session and pending link of an address or of an establishment; return how many sessions.

        Raises NotAllowed for who is no operator.
        """
        require_operator(by, "finir les connexions de quelqu'un")
        now = self._clock.now()
        with self._database.write() as connection:
            end_links_of(connection, {of.strip(), fold_mail(of), normalise_uai(of)}, now)
            ended = self._end(connection, SessionEnd.RECTORAT, now, *_of_whom(of))
            self._record(connection, by, now, {"sessions": ended})
        return ended

    def _open(self) -> Any:
        return select(SESSIONS).where(*self._are_open(self._clock.now()))

    def _are_open(self, now: datetime) -> tuple[ColumnElement[bool], ...]:
        return SESSIONS.c.ended_at.is_(None), SESSIONS.c.expires_at > now, SESSIONS.c.seen_at > now - self._idle

    def _end_one(
        self, connection: Connection, number: int, ended_by: SessionEnd, by: Actor, *where: ColumnElement[bool]
    ) -> None:
        now = self._clock.now()
        if not self._end(connection, ended_by, now, SESSIONS.c.number == number, *where):
            raise SessionUnknown(f"Aucune connexion ouverte ne porte le n° {number} : elle a déjà pris fin.")
        self._record(connection, by, now, {"session": number})

    def _end(self, connection: Connection, ended_by: SessionEnd, now: datetime, *where: ColumnElement[bool]) -> int:
        values = {"ended_at": now, "ended_by": ended_by.value}
        return connection.execute(update(SESSIONS).where(*self._are_open(now), *where).values(values)).rowcount

    def _record(self, connection: Connection, by: Actor, now: datetime, data: dict[str, Scalar]) -> None:
        chain.record(connection, self._hasher, "session_ended", by, now, data)

    def _session(self, row: Row[Any], own_digest: str) -> OpenSession:
        return OpenSession(
            number=row.number, role=Role(row.role), subject=row.subject, name=row.name,
            method=SignInMethod(row.method), provider=row.provider, browser=row.browser, created_at=row.created_at,
            seen_at=row.seen_at, ends_at=min(row.expires_at, row.seen_at + self._idle),
            awaits_factor=row.awaits_factor, is_own=row.digest == own_digest,
        )  # fmt: skip


def end_access_of_mailboxes(
    connection: Connection, hasher: JournalHasher, substitutions: Substitutions | None, moved: Set[str],
    closed: Set[str], by: Actor, now: datetime,
) -> None:  # fmt: skip
    """End what the former mailbox of these establishments opened, and the tokens and bindings of the closed ones.

    ``moved`` are those whose mailbox in force has become another; each token ended is in the journal, with its reason.
    ``substitutions``: None in a test of the directory alone.
    """
    end_sign_ins_of(connection, moved, now)
    if substitutions:
        substitutions.end_of(connection, moved | closed, by, now)
    end_tokens_of(connection, hasher, moved, by, "mailbox_changed", now)
    end_tokens_of(connection, hasher, closed, by, "closed", now)
    end_bindings_of(connection, hasher, moved, by, BindingEnd.MAILBOX_CHANGED, now)
    end_bindings_of(connection, hasher, closed, by, BindingEnd.CLOSED, now)


def end_access_of_removed(connection: Connection, hasher: JournalHasher, people: People, now: datetime) -> int:
    """End for good what people have who are in the settings no more: put back, they sign in anew (R73, R76)."""
    sessions = _keys_of_removed(connection, people, SESSIONS, "digest", SESSIONS.c.ended_at.is_(None))
    links = _keys_of_removed(connection, people, LINKS, "digest", LINKS.c.used_at.is_(None))
    tokens = _keys_of_removed(connection, people, TOKENS, "id", TOKENS.c.revoked_at.is_(None))
    operators = connection.execute(select(FACTOR.c.address)).scalars()
    factors = [address for address in operators if not people.has(Role.OPERATOR, address)]
    if not (sessions or links or tokens or factors):
        return 0
    by = chain.schedule_actor_in(connection)
    connection.execute(update(SESSIONS).where(SESSIONS.c.digest.in_(sessions)).values(ended_at=now))
    end_links(connection, links, now)
    delete_factors(connection, factors)
    for number in tokens:
        revoke_token(connection, hasher, number, by, now, "person_removed")
    data: dict[str, Scalar] = {"sessions": len(sessions), "links": len(links), "tokens": len(tokens)}
    data |= {"factors": len(factors)} if factors else {}
    chain.record(connection, hasher, "access_ended", by, now, data)
    return len(sessions) + len(links) + len(tokens) + len(factors)


def _is_theirs(session_user: SessionUser) -> ColumnElement[bool]:
    """Of a mailbox: every session to any of its establishments, whoever of its readers opened it."""
    if session_user.is_establishment:
        return or_(*map(_is_of_establishment, session_user.uais))
    roles = (Role.RUPN,) if session_user.role is Role.RUPN else (Role.OPERATOR, Role.READER)
    return SESSIONS.c.role.in_(roles) & (func.lower(SESSIONS.c.subject) == fold_mail(session_user.subject))


def _is_of_establishment(uai: str) -> ColumnElement[bool]:
    """All UAI are as long as one another: none is a part of two that follow."""
    return and_(SESSIONS.c.role.in_((Role.CHEF, Role.DEPUTY)), SESSIONS.c.subject.contains(uai, autoescape=True))


def _of_whom(of: str) -> tuple[ColumnElement[bool], ...]:
    """The condition of an address or of an UAI; none for nobody in particular."""
    if not of.strip():
        return ()
    uai = normalise_uai(of)
    if has_uai_form(uai):
        return (_is_of_establishment(uai),)
    is_no_mailbox = SESSIONS.c.role.not_in((Role.CHEF, Role.DEPUTY))
    return (is_no_mailbox & (func.lower(SESSIONS.c.subject) == fold_mail(of)),)


def end_bindings_of_past_years(
    connection: Connection, hasher: JournalHasher, calendar: SchoolCalendar, now: datetime
) -> int:
    """End the bindings made before the last end of a school year; return how many (R103)."""
    past = select(BINDING).where(IS_OF_PAST_YEAR).order_by(BINDING.c.number)
    rows = connection.execute(past, {"last_end": calendar.last_end(now)}).all()
    if not rows:
        return 0
    by = chain.schedule_actor_in(connection)
    return end_bindings(connection, hasher, rows, by, BindingEnd.YEAR_END, now)


def _keys_of_removed(
    connection: Connection, people: People, table: Table, name: str, is_alive: ColumnElement[bool]
) -> list[Any]:  # fmt: skip
    """Return what tells the living rows of a table whose person is in the settings no more."""
    columns = (table.c[name], table.c.role, table.c.subject)
    rows = connection.execute(select(*columns).where(table.c.role.in_(_RECTORAT), is_alive)).all()
    return [row[0] for row in rows if not people.has(Role(row.role), row.subject)]
