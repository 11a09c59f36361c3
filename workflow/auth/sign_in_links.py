"""Sign-in links: asked for by anybody, sent to whom they open for, consumed once by a button (R72)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from notifications.encryption import seals
from notifications.messages.facts import Place, SignIn, SignInRectorat
from notifications.messages.mail import Draft
from notifications.vocabulary import Audience, Erasure, Kind
from states import french
from states.validation import fold_mail, normalise_uai
from states.vocabulary import Role
from workflow.auth import rate_limit as events
from workflow.auth.rate_limit import LINKS_OF_CLIENT, LINKS_OF_SUBJECT, RateLimiter, digest, network_of, new_secret
from workflow.database.mapping import mailbox_of
from workflow.database.tables import ESTABLISHMENT, LINKS
from workflow.settings.sections import PeopleSettings

if TYPE_CHECKING:
    from workflow.app import App


# Who may be sent a sign-in link, and what they come in as (R72).


_IN_FORCE: Final = func.coalesce(func.nullif(ESTABLISHMENT.c.set_mailbox, ""), ESTABLISHMENT.c.mailbox)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInTarget:
    """Where a link goes. ``subject``: the UAI asked for, or the address as the settings have it.

    ``places`` are the establishments of that mailbox, the one asked for first; none for the rectorat.
    """

    role: Role
    subject: str
    mailbox: str
    places: tuple[Place, ...] = ()

    @property
    def uais(self) -> str:
        """As a session keeps them."""
        return ",".join(sorted(place.uai for place in self.places))


DUMMY_TARGET: Final = SignInTarget(
    role=Role.CHEF, subject="", mailbox="personne@invalid", places=(Place(uai="", nom="Collège", commune="Ailleurs"),)
)
"""Whom the same work is done for, and undone, when nobody may come in: the time that it takes tells nothing."""


def establishment(connection: Connection, typed: str) -> SignInTarget | None:
    """The mailbox of an open establishment, by its UAI in any case and with any spaces (R11, R13)."""
    uai = normalise_uai(typed)
    row = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai)).one_or_none()
    mailbox = mailbox_of(row) if row and row.is_open else None
    others = _sharing(connection, mailbox or DUMMY_TARGET.mailbox, but=uai)
    if row is None or not mailbox:
        return None
    return SignInTarget(role=Role.CHEF, subject=uai, mailbox=mailbox, places=tuple(map(_place, (row, *others))))


def _sharing(connection: Connection, mailbox: str, but: str) -> list[Any]:
    """The other open establishments of a mailbox; its case makes no difference."""
    query = select(ESTABLISHMENT).where(
        func.lower(_IN_FORCE) == mailbox.lower(), ESTABLISHMENT.c.is_open, ESTABLISHMENT.c.uai != but
    )
    return list(connection.execute(query.order_by(ESTABLISHMENT.c.uai)))


def places(connection: Connection, uais: Iterable[str]) -> tuple[Place, ...]:
    """Establishments by name, open or not."""
    query = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(list(uais))).order_by(ESTABLISHMENT.c.nom)
    return tuple(map(_place, connection.execute(query)))


def _place(row: Row[Any]) -> Place:
    return Place(uai=row.uai, nom=row.nom, commune=row.commune)


def rectorat(people: PeopleSettings, typed: str) -> SignInTarget | None:
    """An operator or a reader of the settings, at the address that they have there; an operator first (R2)."""
    wanted = fold_mail(typed)
    for role, addresses in ((Role.OPERATOR, people.operators), (Role.READER, people.readers)):
        for address in addresses:
            if fold_mail(address) == wanted:
                return SignInTarget(role=role, subject=address, mailbox=address)
    return None


_DIGITS: Final = 16
"""How much of a link's digest names its seal: none of it tells the secret."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """Who asks. ``client``: the network address; ``back``: the page to return to; ``session``: the secret of the one
    to which the establishments are to be added, empty to begin a new one."""

    client: str
    back: str = ""
    session: str = ""


class Links:
    """Sends links and finds them again; ``workflow.auth.sessions`` lets in who opens one."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._limiter = RateLimiter(app.hasher)
        self._lasts = timedelta(minutes=app.settings.portal.link_minutes)

    def for_establishment(self, typed: str, asking: Asking) -> None:
        """Send a link to the mailbox of this UAI. Whoever asks learns nothing, not even by the time that it takes."""
        with self._app.database.read() as connection:
            found = establishment(connection, typed)
        self._ask(normalise_uai(typed), found, asking)

    def for_rectorat(self, typed: str, asking: Asking) -> None:
        """Send a link to an operator or a reader; the same for any other address."""
        self._ask(fold_mail(typed), rectorat(self._app.settings.people, typed), asking)

    def _ask(self, subject: str, found: SignInTarget | None, asking: Asking) -> None:
        now = self._app.clock.now()
        with self._app.database.write() as connection:
            if self._may_ask(connection, subject, asking.client, now):
                attempt = connection.begin_nested()
                self._send(connection, found or DUMMY_TARGET, asking, now)
                if found:
                    attempt.commit()
                else:
                    attempt.rollback()
        self._app.dispatcher.wake()

    def _may_ask(self, connection: Connection, subject: str, client: str, now: datetime) -> bool:
        for limit, who in ((LINKS_OF_SUBJECT, subject), (LINKS_OF_CLIENT, network_of(client))):
            knock = self._limiter.hit(connection, limit, who, now)
            if knock.is_first_refusal:
                events.refused(connection, self._app.hasher, limit, now)
            if not knock.is_allowed:
                return False
        return True

    def _send(self, connection: Connection, to: SignInTarget, asking: Asking, now: datetime) -> None:
        secret, expires = new_secret(), now + self._lasts
        found = digest(secret)
        row = {
            "digest": found, "role": to.role.value, "subject": to.subject, "sent_to": fold_mail(to.mailbox),
            "joins": digest(asking.session) if asking.session else "", "back": asking.back, "created_at": now,
            "expires_at": expires, "used_at": None,
        }  # fmt: skip
        connection.execute(insert(LINKS), [row])
        self._app.mailer.send_link(connection, self._draft(to, found, expires), secret, now)

    def _draft(self, to: SignInTarget, found: str, expires: datetime) -> Draft:
        minutes = self._app.settings.portal.link_minutes
        until = french.instant(expires, self._app.settings.zoneinfo)
        if to.role is not Role.CHEF:
            return Draft(
                kind=Kind.SIGN_IN_RECTORAT, audience=Audience.OPERATORS, recipient=to.mailbox, not_after=expires,
                context=SignInRectorat(minutes=minutes, until=until), sealed_for=sealed_for(found),
            )  # fmt: skip
        first, *others = to.places
        return Draft(
            kind=Kind.SIGN_IN, audience=Audience.ESTABLISHMENT, recipient=to.mailbox, not_after=expires,
            context=SignIn(establishment=first, others=tuple(others), minutes=minutes, until=until),
            uai=to.subject, sealed_for=sealed_for(found),
        )  # fmt: skip

    def look(self, secret: str, session: str = "") -> tuple[SignInTarget, bool] | None:
        """Whom this link lets in as things stand now, without consuming it; None when it lets in nobody.

        With it, whether it was asked for by the session of this secret, to which it adds.
        """
        with self._app.database.read() as connection:
            row = valid(connection, secret, self._app.clock.now())
            found = self.opens(connection, row) if row else None
            return (found, bool(session) and row.joins == digest(session)) if row and found else None

    def opens(self, connection: Connection, link: Row[Any]) -> SignInTarget | None:
        """Whom this link lets in: who has the mailbox that it was sent to today, and no other."""
        if Role.of(link.role) is Role.CHEF:
            found = establishment(connection, link.subject)
        else:
            found = rectorat(self._app.settings.people, link.subject)
        same = found and (found.role.value, fold_mail(found.mailbox)) == (link.role, link.sent_to)
        return found if same else None

    def places(self, uais: Iterable[str]) -> tuple[Place, ...]:
        """These establishments, by name."""
        with self._app.database.read() as connection:
            return places(connection, uais)

    def consume(self, connection: Connection, link: Row[Any], now: datetime) -> bool:
        """Use this link up, and with it those that were asked for before; False when somebody else was quicker."""
        mine = update(LINKS).where(LINKS.c.digest == link.digest, LINKS.c.used_at.is_(None)).values(used_at=now)
        if not connection.execute(mine).rowcount:
            return False
        older = (
            LINKS.c.role == link.role, LINKS.c.subject == link.subject, LINKS.c.used_at.is_(None),
            LINKS.c.created_at <= link.created_at,
        )  # fmt: skip
        dead = connection.execute(select(LINKS.c.digest).where(*older)).scalars().all()
        connection.execute(update(LINKS).where(*older).values(used_at=now))
        self._app.mailer.erase_links(connection, map(sealed_for, (link.digest, *dead)), Erasure.USED, now)
        return True


def valid(connection: Connection, secret: str, now: datetime) -> Row[Any] | None:
    """The link of this secret, neither used nor expired."""
    wanted = (LINKS.c.digest == digest(secret), LINKS.c.used_at.is_(None), LINKS.c.expires_at > now)
    return connection.execute(select(LINKS).where(*wanted)).one_or_none()


def sealed_for(found: str) -> str:
    """What the secret of the link of this digest is sealed for (R60)."""
    return f"{seals.FOR_LINK}{found[:_DIGITS]}"
