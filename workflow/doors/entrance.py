"""Coming in by a link, saying who one is, leaving: what becomes of the session, in one transaction each (R72, R73)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from states.actors import Actor
from states.vocabulary import Channel, Role
from workflow.doors import events
from workflow.doors.invited import Invited
from workflow.doors.knocks import FAILED_OPENINGS, Knocks, network_of
from workflow.doors.links import Links, valid
from workflow.doors.secret import digest
from workflow.doors.sessions import Entrant, Sessions
from workflow.people import NotAllowed

if TYPE_CHECKING:
    from workflow.house import House


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
                    events.signed_in(connection, self._house.notary, actor, now)
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
            events.presented(connection, self._house.notary, actor, now)
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
            events.left_everywhere(connection, self._house.notary, actor, ended, now)
        return ended


def _entrant(opens: Invited, joined: Entrant | None) -> Entrant:
    """Who comes in by a link: new, or the one who asked for it with establishments more."""
    if not opens.places:
        return Entrant(role=opens.role, subject=opens.subject)
    if joined is None or not joined.is_establishment:
        return Entrant(role=opens.role, subject=opens.uais)
    both = sorted({*joined.uais, *opens.uais.split(",")})
    return replace(joined, subject=",".join(both))
