"""Web sessions: opened by a link, ended by time, by signing out, or everywhere at once (R73)."""

from collections.abc import Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from notifications.mailer import Mailer
from notifications.messages.facts import NewSignIn
from notifications.ports import Clock
from notifications.sql import batches
from notifications.vocabulary import Audience, Draft, Kind
from states import french
from states.decision import Scalar
from states.model import Actor
from states.validation import fold_mail
from states.vocabulary import Channel, Role, SignInMethod
from workflow.auth.actors import NotAllowed, People, find_former_chefs, remember_chef
from workflow.auth.bindings import remember_role
from workflow.auth.rate_limit import FAILED_OPENINGS, RateLimiter
from workflow.auth.second_factor import FactorNeed, SecondFactors
from workflow.auth.sign_in_links import (
    UNKNOWN_BROWSER,
    LinkCodes,
    Links,
    SignInTarget,
    end_links,
    end_links_of,
    find_valid_link,
    is_bound_to,
)
from workflow.database.access_tables import SESSIONS, SessionEnd
from workflow.database.connection import Database
from workflow.journal import chain
from workflow.journal.chain import JournalHasher, network_of
from workflow.settings.secrets import digest, new_secret

SEEN_EVERY: Final = timedelta(minutes=5)
"""The use of a session or a token is written down once in this time, not at each page."""

REMEMBERED: Final = timedelta(days=1)
"""The time for which it is still known whose a session was, so that what they typed is given back to them alone."""


class LinkDead(Exception):
    """The link was used, has expired, or never was."""


class AskedElsewhere(Exception):
    """The link was asked for by another browser: in this one it shows six digits, and signs in nobody (R104)."""


class WrongCode(Exception):
    """These six digits are those of no link that this browser asked for."""


class TooManyTries(Exception):
    """Too many links were opened in vain from this network address, or too many codes were wrong (R74)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """The browser in which somebody signs in, in words, and the network address that it comes from (R107).

    ``token``: the secret of the cookie by which this browser is known again; empty for one that has none.
    """

    browser: str = UNKNOWN_BROWSER
    client: str = ""
    token: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionUser:
    """The user of a session: a mailbox or an address, in ``subject``.

    Of a mailbox, ``subject`` is its UAI, sorted, by commas, and ``name`` stays empty until somebody gives it.
    ``provider``: the identity provider that named this person, empty for a mail's link; ``identity`` is a keyed digest
    of who that is there, and ``identity_name`` the name that it vouches for; ``has_two_factors``: it says to have asked
    for two, and no other is asked for. Of a session that was read: ``awaits_factor``, it opens nothing yet but the page
    of the second factor (R106); ``number``, its public one; ``ends_at``, when it ends if nothing is done in it;
    ``proved_at``, when this person last proved who they are.
    """

    role: Role
    subject: str
    name: str = ""
    method: SignInMethod = SignInMethod.MAIL_LINK
    provider: str = ""
    identity: str = ""
    identity_name: str = ""
    has_two_factors: bool = field(default=False, compare=False)
    awaits_factor: bool = field(default=False, compare=False)
    number: int = field(default=0, compare=False)
    ends_at: datetime | None = field(default=None, compare=False)
    proved_at: datetime | None = field(default=None, compare=False)

    @property
    def is_of_rectorat(self) -> bool:
        return self.role in (Role.OPERATOR, Role.READER)

    @property
    def is_establishment(self) -> bool:
        return self.role in (Role.CHEF, Role.DEPUTY)

    @property
    def uais(self) -> tuple[str, ...]:
        """The establishments of a mailbox; empty for the rectorat."""
        return tuple(self.subject.split(",")) if self.is_establishment else ()

    @property
    def is_identified(self) -> bool:
        """True once we know who acts: a mailbox has several readers."""
        return not self.is_establishment or bool(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInResult:
    """The user who signed in, the secret of their session, and the page that they had asked for."""

    session_user: SessionUser
    secret: str
    back: str


class Sessions:
    """The stored sessions. ``idle`` and ``longest``: how long one lives unused, and at all."""

    def __init__(self, database: Database, people: People, *, idle: timedelta, longest: timedelta) -> None:
        self._database, self._people = database, people
        self._idle, self._longest = idle, longest

    def open(
        self, connection: Connection, session_user: SessionUser, now: datetime, browser: str = UNKNOWN_BROWSER, *,
        proved_at: datetime | None = None,
    ) -> str:  # fmt: skip
        """Open a session and return its secret, for the cookie. ``browser``: what its list of sessions says of it.

        ``proved_at``: now, unless the proof is older.
        """
        secret = new_secret()
        row = {
            "digest": digest(secret), "role": session_user.role.value, "subject": session_user.subject,
            "name": session_user.name, "created_at": now, "seen_at": now, "expires_at": now + self._longest,
            "method": session_user.method.value, "provider": session_user.provider,
            "identity": session_user.identity, "identity_name": session_user.identity_name,
            "browser": browser, "awaits_factor": session_user.awaits_factor,
            "proved_at": proved_at or now,
        }  # fmt: skip
        connection.execute(insert(SESSIONS), [row])
        return secret

    def find(self, secret: str, now: datetime) -> SessionUser | None:
        """Return whose session this cookie is, None once it has ended. Writes down that it was used."""
        with self._database.read() as connection:
            row = connection.execute(select(SESSIONS).where(SESSIONS.c.digest == digest(secret))).one_or_none()
        if row is None or row.ended_at or now >= row.expires_at or now >= row.seen_at + self._idle:
            return None
        seen_at = row.seen_at
        if now - seen_at >= SEEN_EVERY:
            seen_at = now
            with self._database.write() as connection:
                connection.execute(update(SESSIONS).where(SESSIONS.c.digest == row.digest).values(seen_at=now))
        ends_at = min(row.expires_at, seen_at + self._idle)
        return replace(_user_of(row), ends_at=ends_at)

    def prolong(self, secret: str, now: datetime) -> None:
        """Count the time without use from now on, at its bearer's request (R73)."""
        with self._database.write() as connection:
            connection.execute(update(SESSIONS).where(SESSIONS.c.digest == digest(secret)).values(seen_at=now))

    def ends_at(self, secret: str) -> datetime | None:
        """Return when this session ends at the latest; None for an unknown one."""
        with self._database.read() as connection:
            query = select(SESSIONS.c.expires_at).where(SESSIONS.c.digest == digest(secret))
            return connection.execute(query).scalar_one_or_none()

    def actor(self, session_user: SessionUser, channel: Channel = Channel.WEB) -> Actor:
        """Return the actor of the engine. Raises NotAllowed when settings and directory do not know them any more."""
        if not session_user.is_identified:
            raise NotAllowed("Dire d'abord son nom et sa fonction.")
        subjects = session_user.uais or (session_user.subject,)
        return self._people.actor(session_user.role, subjects, channel, name=session_user.name)

    def replace_user(self, connection: Connection, secret: str, session_user: SessionUser) -> str:
        """Store the name and function of who uses a session, and the identity that they are bound to.

        Return its new secret. Its end stays the same.
        """
        fresh = new_secret()
        values = {
            "digest": digest(fresh), "role": session_user.role.value, "name": session_user.name,
            "method": session_user.method.value, "provider": session_user.provider, "identity": session_user.identity,
            "identity_name": session_user.identity_name,
        }  # fmt: skip
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest == digest(secret)).values(values))
        return fresh

    def complete(self, connection: Connection, secret: str) -> str:
        """Open what waited for the second factor; return the session's new secret. Its end stays the same (R106)."""
        fresh = new_secret()
        values = {"digest": digest(fresh), "awaits_factor": False}
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest == digest(secret)).values(values))
        return fresh

    def prove(self, connection: Connection, secret: str, now: datetime) -> str:
        """Note that its user has just proved who they are; return its new secret. Its end stays the same (R105)."""
        fresh = new_secret()
        values = {"digest": digest(fresh), "proved_at": now}
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest == digest(secret)).values(values))
        return fresh

    def end(self, connection: Connection, secret: str, now: datetime) -> None:
        """End this session."""
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest == digest(secret)).values(ended_at=now))

    def ended_by(self, secret: str) -> SessionEnd | None:
        """Return who ended the session of this cookie in its bearer's stead, for the page that asks to sign in anew."""
        with self._database.read() as connection:
            query = select(SESSIONS.c.ended_by).where(SESSIONS.c.digest == digest(secret))
            ended_by = connection.execute(query).scalar_one_or_none()
        return SessionEnd(ended_by) if ended_by else None


def end_sign_ins_of(connection: Connection, subjects: Set[str], now: datetime) -> int:
    """End every session and pending link of these addresses or establishments; return how many sessions (R73)."""
    if not subjects:
        return 0
    end_links_of(connection, subjects, now)
    rows = connection.execute(select(SESSIONS.c.digest, SESSIONS.c.subject).where(SESSIONS.c.ended_at.is_(None)))
    matches = [session for session, subject in rows if not subjects.isdisjoint(subject.split(","))]
    for batch in batches(matches):
        connection.execute(update(SESSIONS).where(SESSIONS.c.digest.in_(batch)).values(ended_at=now))
    return len(matches)


def find_user(connection: Connection, secret: str) -> SessionUser | None:
    """Return whose session this was, ended or not; None once it is forgotten. It lets nobody in."""
    row = connection.execute(select(SESSIONS).where(SESSIONS.c.digest == digest(secret))).one_or_none()
    return _user_of(row) if row else None


def _user_of(row: Row[Any]) -> SessionUser:
    return SessionUser(
        role=Role(row.role), subject=row.subject, name=row.name, method=SignInMethod(row.method),
        provider=row.provider, proved_at=row.proved_at, identity=row.identity, identity_name=row.identity_name,
        awaits_factor=row.awaits_factor, number=row.number,
    )  # fmt: skip


class SignIn:
    """Sign in by a link, say who one is, sign out: one transaction each (R72, R73)."""

    def __init__(
        self, database: Database, clock: Clock, hasher: JournalHasher, people: People, sessions: Sessions, links: Links,
        mailer: Mailer, timezone: tzinfo, factors: SecondFactors,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._hasher, self._people = database, clock, hasher, people
        self._sessions, self._links = sessions, links
        self._mailer, self._timezone, self._factors = mailer, timezone, factors
        self._limiter, self._codes = RateLimiter(hasher), LinkCodes(hasher)

    def is_blocked(self, client: str) -> bool:
        """Return True when too many links were opened in vain from this network address (R74)."""
        with self._database.read() as connection:
            return self._limiter.is_reached(connection, FAILED_OPENINGS, network_of(client), self._clock.now())

    def sign_in(
        self, secret: str, *, client: str, browser: str, cookie: str = "", device: Device | None = None
    ) -> SignInResult:
        """Consume a link and begin a session; the browser's former one ends, whoever's it was.

        ``cookie`` is the former one's secret: the one that asked for the link keeps its establishments and its name.
        ``browser`` is the secret of the browser that asked (R104). A good link opens whatever others tried from its
        network (R74). Raises LinkDead, AskedElsewhere, TooManyTries.
        """
        now = self._clock.now()
        with self._database.read() as connection:
            link = find_valid_link(connection, secret, now)
        if link and not is_bound_to(link, browser):
            raise AskedElsewhere
        if link and (result := self._enter(link, client, cookie, device, now)):
            return result
        with self._database.write() as connection:
            is_allowed = self._limiter.hit(connection, FAILED_OPENINGS, network_of(client), now)
        raise LinkDead if is_allowed else TooManyTries

    def enter(self, session_user: SessionUser, *, former: str = "", device: Device | None = None) -> str:
        """Begin the session of whoever an identity has named (R101 to R103); return its secret.

        ``former``, ``device`` as for ``begin``. Raises NotAllowed for who may not sign in.
        """
        actor = self._journal_actor(session_user)
        with self._database.write() as connection:
            return self.begin(connection, session_user, actor, self._clock.now(), former=former, device=device)

    def sign_in_by_code(
        self, code: str, *, client: str, browser: str, cookie: str = "", device: Device | None = None
    ) -> SignInResult:
        """Do the same by the six digits that the link shows elsewhere, typed in the browser that asked (R104).

        The fifth wrong code of a browser ends its links. Raises WrongCode, TooManyTries, alike for who asked for a link
        of nobody.
        """
        now, network = self._clock.now(), network_of(client)
        if not browser:
            raise WrongCode
        with self._database.write() as connection:
            if self._codes.is_spent(connection, browser, network, now):
                raise TooManyTries
            link = self._codes.find(connection, browser, code, network, now)
            is_spent = self._codes.is_spent(connection, browser, network, now)
            if link is None and is_spent:
                pending = [link.digest for link in self._codes.pending(connection, browser, now)]
                end_links(connection, pending or [""], now)
        if link and (result := self._enter(link, client, cookie, device, now)):
            return result
        raise TooManyTries if is_spent else WrongCode

    def _enter(
        self, link: Row[Any], client: str, cookie: str, device: Device | None, now: datetime
    ) -> SignInResult | None:
        """Consume this link and begin the session; None when it signs in nobody any more."""
        with self._database.read() as connection:
            target = self._links.target_of(connection, link)
        if target is None:
            return None
        former = self._sessions.find(cookie, now) if cookie else None
        joined = former if former and link.joins == digest(cookie) else None
        session_user = _session_user(target, joined, is_proof=link.is_proof)
        is_added = joined is not None and not link.is_proof
        actor = self._journal_actor(session_user)
        with self._database.write() as connection:
            if not self._links.consume(connection, link, now):
                return None
            proved_at = joined.proved_at if joined and is_added else now
            session = self.begin(
                connection, session_user, actor, now, former=cookie, device=device, proved_at=proved_at
            )
            self._limiter.remember_network(connection, target.counted, network_of(client), now)
        return SignInResult(session_user=session_user, secret=session, back=link.back)

    def begin(
        self, connection: Connection, session_user: SessionUser, actor: Actor, now: datetime, *, former: str = "",
        device: Device | None = None, proved_at: datetime | None = None,
    ) -> str:  # fmt: skip
        """Begin the session of whoever has just proved who they are; return its secret.

        ``former``: the secret of the browser's session until now, which ends, whoever's it was. A member of the
        rectorat is told by a mail of a ``device`` that was never seen for them (R107). ``proved_at``: when its user
        last proved to be all that the session says; now, unless an establishment is added to an older proof.
        """
        device = device or Device()
        if former:
            self._sessions.end(connection, former, now)
        if not session_user.has_two_factors:
            need = self._factors.need(connection, session_user.role, session_user.subject)
            session_user = replace(session_user, awaits_factor=need is not FactorNeed.NOTHING)
        secret = self._sessions.open(connection, session_user, now, device.browser, proved_at=proved_at)
        data: dict[str, Scalar] = {"establishments": len(actor.establishments), "method": session_user.method.value}
        data |= {"provider": session_user.provider} if session_user.provider else {}
        data |= {"awaits_factor": True} if session_user.awaits_factor else {}
        chain.record(connection, self._hasher, "signed_in", actor, now, data)
        if session_user.is_of_rectorat:
            self._tell_of_new_browser(connection, session_user, device, now)
        return secret

    def need(self, session_user: SessionUser) -> FactorNeed:
        """Return what this session still waits for; NOTHING for one that opens everything already."""
        if not session_user.awaits_factor:
            return FactorNeed.NOTHING
        with self._database.read() as connection:
            return self._factors.need(connection, session_user.role, session_user.subject)

    def pass_factor(self, session_user: SessionUser, cookie: str, typed: str, *, is_recovery: bool = False) -> str:
        """Open a session by the second factor; return its new secret.

        Raises WrongFactor, TooManyFactorTries, FactorUnknown.
        """
        actor, address = self._journal_actor(session_user), session_user.subject

        def attempt(connection: Connection) -> str:
            self._factors.use(connection, actor, address, typed, is_recovery=is_recovery)
            return self._sessions.complete(connection, cookie)

        return self._factors.attempt(address, attempt)

    def prove_by_factor(self, session_user: SessionUser, cookie: str, typed: str) -> str:
        """Prove anew who one is by the second factor; return the session's new secret (R105).

        Raises WrongFactor, TooManyFactorTries, FactorUnknown.
        """
        actor, address = self._journal_actor(session_user), session_user.subject

        def attempt(connection: Connection) -> str:
            self._factors.use(connection, actor, address, typed)
            return self._sessions.prove(connection, cookie, self._clock.now())

        return self._factors.attempt(address, attempt)

    def complete(self, cookie: str) -> str:
        """Open a session that waited for its second factor, which was just enrolled; return its new secret."""
        with self._database.write() as connection:
            return self._sessions.complete(connection, cookie)

    def open_without_factor(self, session_user: SessionUser, cookie: str) -> str:
        """Open a session that waited for what is asked for no more; return its secret, a new one if it is opened."""
        if self.need(session_user) is not FactorNeed.NOTHING:
            return cookie
        return self.complete(cookie)

    def _tell_of_new_browser(
        self, connection: Connection, session_user: SessionUser, device: Device, now: datetime
    ) -> None:
        """Write to this person, unless the browser has served them before; it is known from now on."""
        address = session_user.subject
        if self._limiter.remember_browser(connection, fold_mail(address), device.token, now):
            return
        about = NewSignIn(
            address=address, at=french.instant(now, self._timezone), browser=device.browser,
            network=network_of(device.client), door=session_user.method.label,
        )  # fmt: skip
        draft = Draft(kind=Kind.NEW_SIGN_IN, audience=Audience.OPERATORS, recipient=address, context=about)
        self._mailer.enqueue(connection, [draft], now)

    def former_chefs(self, session_user: SessionUser, name: str) -> tuple[str, ...]:
        """Return the last chefs known of these establishments, when this name is none of theirs (R37)."""
        with self._database.read() as connection:
            return find_former_chefs(connection, session_user.uais, name)

    def identify(
        self, session_user: SessionUser, cookie: str, name: str, role: Role, *, is_new_chef: bool = False
    ) -> str:  # fmt: skip
        """Store the name and function of who acts for a mailbox; return the session's new secret (R4, R37, R73).

        ``is_new_chef``: he says to succeed the last chef known. The journal names that person from now on. Raises
        NotAllowed for a name that cannot be one, and for a deputy where none may act.
        """
        if role is not Role.CHEF and not (role is Role.DEPUTY and self._people.deputy_may_act):
            raise NotAllowed("Seul le chef d'établissement peut se connecter (R4).")
        now, identified = self._clock.now(), replace(session_user, name=name, role=role)
        actor = self._journal_actor(identified)
        with self._database.write() as connection:
            secret = self._sessions.replace_user(connection, cookie, identified)
            if role is Role.CHEF:
                remember_chef(connection, session_user.uais, name, is_new=is_new_chef)
            if session_user.identity:
                remember_role(connection, session_user.identity, role)
            kind = "new_chef" if is_new_chef else "presented"
            self._record(connection, kind, actor, now, "establishments", len(actor.establishments))
        return secret

    def sign_out(self, cookie: str) -> None:
        """End this session."""
        with self._database.write() as connection:
            self._sessions.end(connection, cookie, self._clock.now())

    def sign_out_everywhere(self, session_user: SessionUser) -> int:
        """End every session and link of this address, or of any of these establishments; return how many sessions."""
        actor, now = self._journal_actor(session_user), self._clock.now()
        with self._database.write() as connection:
            ended = end_sign_ins_of(connection, set(session_user.uais) or {session_user.subject}, now)
            self._record(connection, "signed_out_everywhere", actor, now, "sessions", ended)
        return ended

    def _journal_actor(self, session_user: SessionUser) -> Actor:
        """Return whom the journal names: a mailbox that nobody speaks for yet is its establishments' alone."""
        if session_user.is_establishment:
            return self._people.chef(session_user.uais, Channel.WEB, name=session_user.name, role=session_user.role)
        return self._sessions.actor(session_user)

    def _record(
        self, connection: Connection, kind: str, actor: Actor, now: datetime, name: str, count: int
    ) -> None:  # fmt: skip
        """Append to the journal: who, by number, never an address nor a secret (R75)."""
        chain.record(connection, self._hasher, kind, actor, now, {name: count})


def _session_user(target: SignInTarget, joined: SessionUser | None, *, is_proof: bool) -> SessionUser:
    """Return who signs in by a link: new, or who asked for it with more establishments.

    A proof says who its mailbox is, and no more: a session keeps only the establishments of the mailbox that proves it.
    Once a mailbox has opened a part of it, a session is no more that of a national identity, which reads codes (R112);
    who the identity was stays, for its end to end the session (R103).
    """
    if not target.places:
        who = SessionUser(role=target.role, subject=target.subject)
        is_same = is_proof and joined is not None and joined.subject == target.subject
        return replace(who, method=joined.method, provider=joined.provider) if joined and is_same else who
    if joined is None or not joined.is_establishment:
        return SessionUser(role=target.role, subject=target.uais)
    opened = set(target.uais.split(","))
    if not opened <= set(joined.uais):
        joined = replace(joined, method=SignInMethod.MAIL_LINK, provider="", has_two_factors=False)
    return replace(joined, subject=",".join(sorted(opened if is_proof else {*joined.uais, *opened})))
