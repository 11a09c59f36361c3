"""Sessions: opened by who came through a door, ended by time, by leaving, or everywhere at once (R73)."""

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from notifications.sql import batches
from states.model import Actor
from states.vocabulary import Channel, Role
from workflow.auth import rate_limit as events
from workflow.auth.actors import NotAllowed, People
from workflow.auth.rate_limit import FAILED_OPENINGS, RateLimiter, digest, network_of, new_secret
from workflow.auth.sign_in_links import Links, SignInTarget, valid
from workflow.database.connection import Database
from workflow.database.tables import SESSIONS
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

if TYPE_CHECKING:
    from workflow.app import App


def signed_in(connection: Connection, hasher: JournalHasher, actor: Actor, now: datetime) -> None:
    """Somebody opened a link. Of a mailbox we only know whose it is, until they say who they are."""
    installation.record(connection, hasher, "signed_in", actor, now, {"establishments": len(actor.establishments)})


def presented(connection: Connection, hasher: JournalHasher, actor: Actor, now: datetime) -> None:
    """Who acts for a mailbox has said so: the actor's number is theirs from now on."""
    installation.record(connection, hasher, "presented", actor, now, {"establishments": len(actor.establishments)})


def left_everywhere(connection: Connection, hasher: JournalHasher, actor: Actor, ended: int, now: datetime) -> None:
    """Every session of these establishments, or of this address, was ended: so many."""
    installation.record(connection, hasher, "signed_out_everywhere", actor, now, {"sessions": ended})


SEEN_EVERY = timedelta(minutes=5)
"""How often a session that is used is written down as used: not at each page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionUser:
    """Who came in: a mailbox (``subject`` its UAI, sorted, by commas; ``name`` empty until given), or an address."""

    role: Role
    subject: str
    name: str = ""

    @property
    def is_establishment(self) -> bool:
        return self.role in (Role.CHEF, Role.DEPUTY)

    @property
    def uais(self) -> tuple[str, ...]:
        """The establishments of a mailbox; empty for the rectorat."""
        return tuple(self.subject.split(",")) if self.is_establishment else ()

    @property
    def is_identified(self) -> bool:
        """Whether we know who acts: a mailbox has several readers."""
        return not self.is_establishment or bool(self.name)


class Sessions:
    """``idle`` and ``longest``: how long a session lives unused, and at all."""

    def __init__(self, database: Database, people: People, *, idle: timedelta, longest: timedelta) -> None:
        self._database, self._people = database, people
        self._idle, self._longest = idle, longest

    def open(self, connection: Connection, session_user: SessionUser, now: datetime) -> str:
        """A new session; returns its secret, for the cookie."""
        secret = new_secret()
        row = {
            "digest": digest(secret),
            "role": session_user.role.value,
            "subject": session_user.subject,
            "name": session_user.name,
            "created_at": now,
            "seen_at": now,
            "expires_at": now + self._longest,
        }
        connection.execute(insert(SESSIONS), [row])
        return secret

    def find(self, secret: str, now: datetime) -> SessionUser | None:
        """Who this cookie stands for; None once the session has ended. Notes that it was used."""
        with self._database.read() as connection:
            row = connection.execute(select(SESSIONS).where(SESSIONS.c.digest == digest(secret))).one_or_none()
        if row is None or row.ended_at or now >= row.expires_at or now >= row.seen_at + self._idle:
            return None
        if now - row.seen_at >= SEEN_EVERY:
            with self._database.write() as connection:
                connection.execute(update(SESSIONS).where(SESSIONS.c.digest == row.digest).values(seen_at=now))
        return SessionUser(role=Role.of(row.role), subject=row.subject, name=row.name)

    def ends_at(self, secret: str) -> datetime | None:
        """When this session ends at the latest; None for an unknown one."""
        with self._database.read() as connection:
            query = select(SESSIONS.c.expires_at).where(SESSIONS.c.digest == digest(secret))
            return connection.execute(query).scalar_one_or_none()

    def actor(self, session_user: SessionUser, channel: Channel = Channel.WEB) -> Actor:
        """The actor of the engine. Raises NotAllowed for who may not enter any more: settings and directory judge."""
        if session_user.role is Role.OPERATOR:
            return self._people.operator(session_user.subject, channel)
        if session_user.role is Role.READER:
            return self._people.reader(session_user.subject, channel)
        if not session_user.is_identified:
            raise NotAllowed("Dire d'abord son nom et sa fonction.")
        return self._people.chef(session_user.uais, channel, name=session_user.name, role=session_user.role)

    def present(self, connection: Connection, secret: str, session_user: SessionUser) -> str:
        """Keep the name and function that a chef gives; returns the session's new secret. Its end stays the same."""
        fresh = new_secret()
        values = {"digest": digest(fresh), "role": session_user.role.value, "name": session_user.name}
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest == digest(secret)).values(values))
        return fresh

    def end(self, connection: Connection, secret: str, now: datetime) -> None:
        """Leave here."""
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest == digest(secret)).values(ended_at=now))

    def end_everywhere(self, connection: Connection, session_user: SessionUser, now: datetime) -> int:
        """Leave everywhere: every session of this address, or of any of these establishments; returns how many."""
        return end_of(
            connection, set(session_user.uais) if session_user.is_establishment else {session_user.subject}, now
        )


def end_of(connection: Connection, subjects: Set[str], now: datetime) -> int:
    """End every session of any of these addresses or establishments; returns how many (R73)."""
    rows = connection.execute(select(SESSIONS.c.digest, SESSIONS.c.subject).where(SESSIONS.c.ended_at.is_(None)))
    theirs = [found for found, subject in rows if not subjects.isdisjoint(subject.split(","))]
    for some in batches(theirs):
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest.in_(some)).values(ended_at=now))
    return len(theirs)


def forget_old(connection: Connection, now: datetime) -> int:
    """Nothing is kept of the sessions that are past their end; returns how many went."""
    return connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at <= now)).rowcount


# Coming in by a link, saying who one is, leaving: what becomes of the session, in one transaction each (R72, R73).


class LinkDead(Exception):
    """The link was used, has expired, or never was."""


class TooManyTries(Exception):
    """Too many links were opened in vain from there (R74)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entered:
    """Who came in, the secret of their session, and the page that they had asked for."""

    session_user: SessionUser
    secret: str
    back: str


class SignIn:
    """What a browser does with its session."""

    def __init__(self, app: "App", sessions: Sessions, links: Links) -> None:
        self._app, self._sessions, self._links = app, sessions, links
        self._limiter = RateLimiter(app.hasher)

    def is_shut(self, client: str) -> bool:
        """Whether too many links were opened in vain from there (R74)."""
        with self._app.database.read() as connection:
            return self._limiter.is_over(connection, FAILED_OPENINGS, network_of(client), self._app.clock.now())

    def sign_in(self, secret: str, *, client: str, cookie: str = "") -> Entered:
        """Consume a link and begin a session; the browser's former one ends, whosever it was.

        ``cookie`` is the former one's secret: the one that asked for the link keeps its establishments and its name.
        Raises LinkDead, TooManyTries.
        """
        now = self._app.clock.now()
        if self.is_shut(client):
            self._fail(client, now)
            raise TooManyTries
        with self._app.database.read() as connection:
            link = valid(connection, secret, now)
            opens = self._links.opens(connection, link) if link else None
        former = self._sessions.find(cookie, now) if cookie else None
        joined = former if link and former and link.joins == digest(cookie) else None
        if opens and link:
            session_user = _entrant(opens, joined)
            actor = self._actor(session_user)
            with self._app.database.write() as connection:
                if self._links.consume(connection, link, now):
                    if cookie:
                        self._sessions.end(connection, cookie, now)
                    session = self._sessions.open(connection, session_user, now)
                    signed_in(connection, self._app.hasher, actor, now)
                    return Entered(session_user=session_user, secret=session, back=link.back)
        self._fail(client, now)
        raise LinkDead

    def _fail(self, client: str, now: datetime) -> None:
        with self._app.database.write() as connection:
            knock = self._limiter.hit(connection, FAILED_OPENINGS, network_of(client), now)
            if knock.is_first_refusal:
                events.refused(connection, self._app.hasher, FAILED_OPENINGS, now)

    def _actor(self, session_user: SessionUser) -> Actor:
        """Who the journal names: a mailbox that nobody speaks for yet is its establishments' alone."""
        if session_user.is_establishment:
            return self._app.people.chef(session_user.uais, Channel.WEB, name=session_user.name, role=session_user.role)
        return self._sessions.actor(session_user)

    def present(self, session_user: SessionUser, cookie: str, name: str, role: Role) -> str:
        """Keep the name and the function of who acts for a mailbox; returns the session's new secret (R4, R37, R73).

        Raises NotAllowed for a name that cannot be one, and for a deputy where none may act.
        """
        if role is not Role.CHEF and not (role is Role.DEPUTY and self._app.settings.people.deputy_may_act):
            raise NotAllowed("Seul le chef d'établissement peut se connecter (R4).")
        now, known = self._app.clock.now(), replace(session_user, name=name, role=role)
        actor = self._actor(known)
        with self._app.database.write() as connection:
            secret = self._sessions.present(connection, cookie, known)
            presented(connection, self._app.hasher, actor, now)
        return secret

    def leave(self, cookie: str) -> None:
        """End this session."""
        with self._app.database.write() as connection:
            self._sessions.end(connection, cookie, self._app.clock.now())

    def sign_out_everywhere(self, session_user: SessionUser) -> int:
        """End every session of this address, or of any of these establishments; returns how many."""
        actor, now = self._actor(session_user), self._app.clock.now()
        with self._app.database.write() as connection:
            ended = self._sessions.end_everywhere(connection, session_user, now)
            left_everywhere(connection, self._app.hasher, actor, ended, now)
        return ended


def _entrant(opens: SignInTarget, joined: SessionUser | None) -> SessionUser:
    """Who comes in by a link: new, or the one who asked for it with establishments more."""
    if not opens.places:
        return SessionUser(role=opens.role, subject=opens.subject)
    if joined is None or not joined.is_establishment:
        return SessionUser(role=opens.role, subject=opens.uais)
    both = sorted({*joined.uais, *opens.uais.split(",")})
    return replace(joined, subject=",".join(both))
