"""Sessions: opened by who came through a door, ended by time, by leaving, or everywhere at once (R73)."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from notifications.batches import in_batches
from notifications.vocabulary import member
from states.actors import Actor
from states.vocabulary import Channel, Role
from workflow.database import Database
from workflow.doors.secret import digest, new_secret
from workflow.doors.tables import SESSIONS
from workflow.people import NotAllowed, People

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
