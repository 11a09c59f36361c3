"""Sign-in links: asked for by anybody, sent to whom they open for, consumed once by a button (R72)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from notifications import seals
from notifications.contexts import Place, SignIn, SignInRectorat
from notifications.mail import Draft
from notifications.vocabulary import Audience, Erasure, Kind, member
from states import french
from states.vocabulary import Role
from states.words import fold_mail, normalise_uai
from workflow.doors import events, invited
from workflow.doors.invited import NOBODY, Invited
from workflow.doors.knocks import LINKS_OF_CLIENT, LINKS_OF_SUBJECT, Knocks, network_of
from workflow.doors.secret import digest, new_secret
from workflow.doors.tables import LINKS

if TYPE_CHECKING:
    from workflow.house import House

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
    """Sends links and finds them again; ``workflow.doors.entrance`` lets in who opens one."""

    def __init__(self, house: "House") -> None:
        self._house = house
        self._knocks = Knocks(house.notary)
        self._lasts = timedelta(minutes=house.settings.portal.link_minutes)

    def for_establishment(self, typed: str, asking: Asking) -> None:
        """Send a link to the mailbox of this UAI. Whoever asks learns nothing, not even by the time that it takes."""
        with self._house.database.read() as connection:
            found = invited.establishment(connection, typed)
        self._ask(normalise_uai(typed), found, asking)

    def for_rectorat(self, typed: str, asking: Asking) -> None:
        """Send a link to an operator or a reader; the same for any other address."""
        self._ask(fold_mail(typed), invited.rectorat(self._house.settings.people, typed), asking)

    def _ask(self, subject: str, found: Invited | None, asking: Asking) -> None:
        now = self._house.clock.now()
        with self._house.database.write() as connection:
            if self._may_ask(connection, subject, asking.client, now):
                attempt = connection.begin_nested()
                self._send(connection, found or NOBODY, asking, now)
                if found:
                    attempt.commit()
                else:
                    attempt.rollback()
        self._house.dispatcher.wake()

    def _may_ask(self, connection: Connection, subject: str, client: str, now: datetime) -> bool:
        for limit, who in ((LINKS_OF_SUBJECT, subject), (LINKS_OF_CLIENT, network_of(client))):
            knock = self._knocks.knock(connection, limit, who, now)
            if knock.is_first_refusal:
                events.refused(connection, self._house.notary, limit, now)
            if not knock.is_allowed:
                return False
        return True

    def _send(self, connection: Connection, to: Invited, asking: Asking, now: datetime) -> None:
        secret, expires = new_secret(), now + self._lasts
        found = digest(secret)
        row = {
            "digest": found, "role": to.role.value, "subject": to.subject, "sent_to": fold_mail(to.mailbox),
            "joins": digest(asking.session) if asking.session else "", "back": asking.back, "created_at": now,
            "expires_at": expires, "used_at": None,
        }  # fmt: skip
        connection.execute(insert(LINKS), [row])
        self._house.mailer.send_link(connection, self._draft(to, found, expires), secret, now)

    def _draft(self, to: Invited, found: str, expires: datetime) -> Draft:
        minutes = self._house.settings.portal.link_minutes
        until = french.instant(expires, self._house.settings.zoneinfo)
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

    def look(self, secret: str, session: str = "") -> tuple[Invited, bool] | None:
        """Whom this link lets in as things stand now, without consuming it; None when it lets in nobody.

        With it, whether it was asked for by the session of this secret, to which it adds.
        """
        with self._house.database.read() as connection:
            row = valid(connection, secret, self._house.clock.now())
            found = self.opens(connection, row) if row else None
            return (found, bool(session) and row.joins == digest(session)) if row and found else None

    def opens(self, connection: Connection, link: Row[Any]) -> Invited | None:
        """Whom this link lets in: who has the mailbox that it was sent to today, and no other."""
        if member(Role, link.role) is Role.CHEF:
            found = invited.establishment(connection, link.subject)
        else:
            found = invited.rectorat(self._house.settings.people, link.subject)
        same = found and (found.role.value, fold_mail(found.mailbox)) == (link.role, link.sent_to)
        return found if same else None

    def places(self, uais: Iterable[str]) -> tuple[Place, ...]:
        """These establishments, by name."""
        with self._house.database.read() as connection:
            return invited.places(connection, uais)

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
        self._house.mailer.erase_links(connection, map(sealed_for, (link.digest, *dead)), Erasure.USED, now)
        return True


def valid(connection: Connection, secret: str, now: datetime) -> Row[Any] | None:
    """The link of this secret, neither used nor expired."""
    wanted = (LINKS.c.digest == digest(secret), LINKS.c.used_at.is_(None), LINKS.c.expires_at > now)
    return connection.execute(select(LINKS).where(*wanted)).one_or_none()


def sealed_for(found: str) -> str:
    """What the secret of the link of this digest is sealed for (R60)."""
    return f"{seals.FOR_LINK}{found[:_DIGITS]}"
