"""Sessions: opened by who came through a door, ended by time, by leaving, or everywhere at once (R73)."""

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from notifications.sql import in_batches
from notifications.vocabulary import member
from states.model import Actor
from states.vocabulary import Channel, Role
from workflow.auth import rate_limit as events
from workflow.auth.actors import NotAllowed, People
from workflow.auth.rate_limit import FAILED_OPENINGS, Knocks, digest, network_of, new_secret
from workflow.auth.sign_in_links import Invited, Links, valid
from workflow.database.connection import Database
from workflow.database.tables import SESSIONS
from workflow.journal import installation
from workflow.journal.chain import Notary

if TYPE_CHECKING:
    from workflow.app import House


def signed_in(connection: Connection, notary: Notary, actor: Actor, now: datetime) -> None:
    """Somebody opened a link. Of a mailbox we only know whose it is, until they say who they are."""
    installation.record(connection, notary, "signed_in", actor, now, {"establishments": len(actor.establishments)})


def presented(connection: Connection, notary: Notary, actor: Actor, now: datetime) -> None:
    """Who acts for a mailbox has said so: the actor's number is theirs from now on."""
    installation.record(connection, notary, "presented", actor, now, {"establishments": len(actor.establishments)})


def left_everywhere(connection: Connection, notary: Notary, actor: Actor, ended: int, now: datetime) -> None:
    """Every session of these establishments, or of this address, was ended: so many."""
    installation.record(connection, notary, "signed_out_everywhere", actor, now, {"sessions": ended})


SEEN_EVERY = timedelta(minutes=5)
"""How often a session that is used is written down as used: not at each page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entrant:
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
    def has_presented_itself(self) -> bool:
        """Whether we know who acts: a mailbox has several readers."""
        return not self.is_establishment or bool(self.name)


class Sessions:
    """``idle`` and ``longest``: how long a session lives unused, and at all."""

    def __init__(self, database: Database, people: People, *, idle: timedelta, longest: timedelta) -> None:
        self._database, self._people = database, people
        self._idle, self._longest = idle, longest

    def open(self, connection: Connection, entrant: Entrant, now: datetime) -> str:
        """A new session; returns its secret, for the cookie."""
        secret = new_secret()
        row = {
            "digest": digest(secret), "role": entrant.role.value, "subject": entrant.subject, "name": entrant.name,
            "created_at": now, "seen_at": now, "expires_at": now + self._longest,
        }  # fmt: skip
        connection.execute(insert(SESSIONS), [row])
        return secret

    def find(self, secret: str, now: datetime) -> Entrant | None:
        """Who this cookie stands for; None once the session has ended. Notes that it was used."""
        with self._database.read() as connection:
            row = connection.execute(select(SESSIONS).where(SESSIONS.c.digest == digest(secret))).one_or_none()
        if row is None or row.ended_at or now >= row.expires_at or now >= row.seen_at + self._idle:
            return None
        if now - row.seen_at >= SEEN_EVERY:
            with self._database.write() as connection:
                connection.execute(update(SESSIONS).where(SESSIONS.c.digest == row.digest).values(seen_at=now))
        return Entrant(role=member(Role, row.role), subject=row.subject, name=row.name)

    def ends_at(self, secret: str) -> datetime | None:
        """When this session ends at the latest; None for an unknown one."""
        with self._database.read() as connection:
            query = select(SESSIONS.c.expires_at).where(SESSIONS.c.digest == digest(secret))
            return connection.execute(query).scalar_one_or_none()

    def actor(self, entrant: Entrant, channel: Channel = Channel.WEB) -> Actor:
        """The actor of the engine. Raises NotAllowed for who may not enter any more: settings and directory judge."""
        if entrant.role is Role.OPERATOR:
            return self._people.operator(entrant.subject, channel)
        if entrant.role is Role.READER:
            return self._people.reader(entrant.subject, channel)
        if not entrant.has_presented_itself:
            raise NotAllowed("Dire d'abord son nom et sa fonction.")
        return self._people.chef(entrant.uais, channel, name=entrant.name, role=entrant.role)

    def present(self, connection: Connection, secret: str, entrant: Entrant) -> str:
        """Keep the name and function that a chef gives; returns the session's new secret. Its end stays the same."""
        fresh = new_secret()
        values = {"digest": digest(fresh), "role": entrant.role.value, "name": entrant.name}
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest == digest(secret)).values(values))
        return fresh

    def end(self, connection: Connection, secret: str, now: datetime) -> None:
        """Leave here."""
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest == digest(secret)).values(ended_at=now))

    def end_everywhere(self, connection: Connection, entrant: Entrant, now: datetime) -> int:
        """Leave everywhere: every session of this address, or of any of these establishments; returns how many."""
        return end_of(connection, set(entrant.uais) if entrant.is_establishment else {entrant.subject}, now)


def end_of(connection: Connection, subjects: Set[str], now: datetime) -> int:
    """End every session of any of these addresses or establishments; returns how many (R73)."""
    rows = connection.execute(select(SESSIONS.c.digest, SESSIONS.c.subject).where(SESSIONS.c.ended_at.is_(None)))
    theirs = [found for found, subject in rows if not subjects.isdisjoint(subject.split(","))]
    for some in in_batches(theirs):
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

    entrant: Entrant
    secret: str
    back: str


class Entrance:
    """What a browser does with its session."""

    def __init__(self, house: "House", sessions: Sessions, links: Links) -> None:
        self._house, self._sessions, self._links = house, sessions, links
        self._knocks = Knocks(house.notary)

    def is_shut(self, client: str) -> bool:
        """Whether too many links were opened in vain from there (R74)."""
        with self._house.database.read() as connection:
            return self._knocks.is_over(connection, FAILED_OPENINGS, network_of(client), self._house.clock.now())

    def come_in(self, secret: str, *, client: str, cookie: str = "") -> Entered:
        """Consume a link and begin a session; the browser's former one ends, whosever it was.

        ``cookie`` is the former one's secret: the one that asked for the link keeps its establishments and its name.
        Raises LinkDead, TooManyTries.
        """
        now = self._house.clock.now()
        if self.is_shut(client):
            self._fail(client, now)
            raise TooManyTries
        with self._house.database.read() as connection:
            link = valid(connection, secret, now)
            opens = self._links.opens(connection, link) if link else None
        former = self._sessions.find(cookie, now) if cookie else None
        joined = former if link and former and link.joins == digest(cookie) else None
        if opens and link:
            entrant = _entrant(opens, joined)
            actor = self._actor(entrant)
            with self._house.database.write() as connection:
                if self._links.consume(connection, link, now):
                    if cookie:
                        self._sessions.end(connection, cookie, now)
                    session = self._sessions.open(connection, entrant, now)
                    signed_in(connection, self._house.notary, actor, now)
                    return Entered(entrant=entrant, secret=session, back=link.back)
        self._fail(client, now)
        raise LinkDead

    def _fail(self, client: str, now: datetime) -> None:
        with self._house.database.write() as connection:
            knock = self._knocks.knock(connection, FAILED_OPENINGS, network_of(client), now)
            if knock.is_first_refusal:
                events.refused(connection, self._house.notary, FAILED_OPENINGS, now)

    def _actor(self, entrant: Entrant) -> Actor:
        """Who the journal names: a mailbox that nobody speaks for yet is its establishments' alone."""
        if entrant.is_establishment:
            return self._house.people.chef(entrant.uais, Channel.WEB, name=entrant.name, role=entrant.role)
        return self._sessions.actor(entrant)

    def present(self, entrant: Entrant, cookie: str, name: str, role: Role) -> str:
        """Keep the name and the function of who acts for a mailbox; returns the session's new secret (R4, R37, R73).

        Raises NotAllowed for a name that cannot be one, and for a deputy where none may act.
        """
        if role is not Role.CHEF and not (role is Role.DEPUTY and self._house.settings.people.deputy_may_act):
            raise NotAllowed("Seul le chef d'établissement peut se connecter (R4).")
        now, known = self._house.clock.now(), replace(entrant, name=name, role=role)
        actor = self._actor(known)
        with self._house.database.write() as connection:
            secret = self._sessions.present(connection, cookie, known)
            presented(connection, self._house.notary, actor, now)
        return secret

    def leave(self, cookie: str) -> None:
        """End this session."""
        with self._house.database.write() as connection:
            self._sessions.end(connection, cookie, self._house.clock.now())

    def leave_everywhere(self, entrant: Entrant) -> int:
        """End every session of this address, or of any of these establishments; returns how many."""
        actor, now = self._actor(entrant), self._house.clock.now()
        with self._house.database.write() as connection:
            ended = self._sessions.end_everywhere(connection, entrant, now)
            left_everywhere(connection, self._house.notary, actor, ended, now)
        return ended


def _entrant(opens: Invited, joined: Entrant | None) -> Entrant:
    """Who comes in by a link: new, or the one who asked for it with establishments more."""
    if not opens.places:
        return Entrant(role=opens.role, subject=opens.subject)
    if joined is None or not joined.is_establishment:
        return Entrant(role=opens.role, subject=opens.uais)
    both = sorted({*joined.uais, *opens.uais.split(",")})
    return replace(joined, subject=",".join(both))
