"""One-time sign-in links, asked for by anybody and opened by who reads the mailbox (R72), and their codes (R104).

A browser that asked for a link, and reads its mail elsewhere, has six digits to type. Of a browser nothing is kept but
its name and its system, in words.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from notifications import encryption
from notifications.mailer import Mailer
from notifications.messages.facts import Place, SignIn, SignInRectorat, SignInRupn
from notifications.ports import Clock
from notifications.sql import batches
from notifications.vocabulary import Audience, Draft, Erasure, Kind
from states import french
from states.validation import fold_mail, normalise_uai
from states.vocabulary import Role
from workflow.auth.actors import People
from workflow.auth.rate_limit import (
    LINKS_FROM_STRANGERS,
    LINKS_FROM_STRANGERS_A_DAY,
    LINKS_OF_CLIENT,
    LINKS_OF_SUBJECT,
    LINKS_OF_SUBJECT_A_DAY,
    WRONG_CODES_FROM_STRANGERS,
    WRONG_CODES_OF_BROWSER,
    WRONG_CODES_OF_CLIENT,
    WRONG_CODES_OF_SUBJECT,
    Limit,
    RateLimiter,
)
from workflow.database.access_tables import LINKS
from workflow.database.connection import Database
from workflow.database.mapping import mailbox_of
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.journal.chain import JournalHasher, network_of, shortened
from workflow.settings.model import Settings
from workflow.settings.secrets import derived, digest, new_secret

UNKNOWN_BROWSER: Final = "un navigateur inconnu"

CODE_DIGITS: Final = 6

_MOST_LINKS: Final = 5
"""Links of one browser that a code is compared with, the newest first: those that a mailbox may get in half an hour."""

_NO_LINK: Final = "personne@invalid"
"""Stands for the links that are missing."""

_MAILBOX_IN_FORCE: Final = func.coalesce(func.nullif(ESTABLISHMENT.c.set_mailbox, ""), ESTABLISHMENT.c.mailbox)

_NAMING_DIGITS: Final = 16
"""Digits of a link's digest that name its seal: none of them tells the secret."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkRequest:
    """A request for a link. ``client``: the network address; ``back``: the page to return to.

    ``browser``: the secret of the browser's cookie, to which the link is bound; ``browser_name``: it in words.
    ``session``: the secret of the session to which the establishments are added, empty to begin a new one; with
    ``is_proof``, of the session whose user proves anew who they are (R105). ``identity`` and ``provider``: the person
    to be bound to the establishment, as the identity provider names them, and that provider (R103).
    """

    client: str
    browser: str
    back: str = ""
    session: str = ""
    browser_name: str = UNKNOWN_BROWSER
    is_proof: bool = False
    identity: str = ""
    provider: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInTarget:
    """The addressee of a link. ``subject``: the UAI asked for, or the address as the settings have it.

    ``places`` are the establishments of that mailbox, the one asked for first; none for the rectorat.
    """

    role: Role
    subject: str
    mailbox: str
    places: tuple[Place, ...] = ()

    @property
    def uais(self) -> str:
        """The establishments as a session stores them: sorted, by commas."""
        return ",".join(sorted(place.uai for place in self.places))

    @property
    def counted(self) -> str:
        """The subject of its limits: the establishments of a mailbox are counted together (R74)."""
        return fold_mail(self.mailbox)


DUMMY_TARGET: Final = SignInTarget(
    role=Role.CHEF, subject="", mailbox="personne@invalid", places=(Place(uai="", nom="Collège", commune="Ailleurs"),)
)
"""Used when the UAI or address is unknown, so that both cases take the same time (no user enumeration by timing)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkPreview:
    """A link as its page shows it; nothing is consumed.

    ``is_here``: this browser asked for it, and may open it; elsewhere ``code`` is shown, to be typed where it was asked
    (R104). ``joins``: this browser's session asked for it, which it adds to, or with ``is_proof`` proves anew.
    """

    target: SignInTarget
    is_here: bool
    joins: bool
    is_proof: bool
    code: str
    asked_at: datetime
    network: str
    browser_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLink:
    """A link that was used or has expired: the UAI or the address that asked for it, and the page wanted then."""

    subject: str
    back: str


class Links:
    """Sends links and finds them again; ``workflow.auth.sessions`` signs in who opens one."""

    def __init__(
        self, database: Database, clock: Clock, hasher: JournalHasher, mailer: Mailer, settings: Settings,
        people: People, on_sent: Callable[[], None],
    ) -> None:  # fmt: skip
        """``on_sent`` is called after each request for a link, whether a mail waits or not."""
        self._database, self._clock, self._mailer, self._on_sent = database, clock, mailer, on_sent
        self._people, self._zone, self._minutes = people, settings.zoneinfo, settings.portal.link_minutes
        self._doors = settings.sign_in
        self._limiter, self._codes = RateLimiter(hasher), LinkCodes(hasher)

    def send_to_establishment(self, typed: str, request: LinkRequest) -> None:
        """Send a link to the mailbox of this UAI. Whoever asks learns nothing, not even by the time that it takes."""
        with self._database.read() as connection:
            target = _establishment_target(connection, typed)
        self._send(normalise_uai(typed), target, request)

    def send_to_rectorat(self, typed: str, request: LinkRequest) -> None:
        """Send a link to an operator or a reader; any other address looks the same to who asks."""
        self._send(fold_mail(typed), _rectorat_target(self._people, typed), request)

    def send_to_rupn(self, typed: str, request: LinkRequest) -> None:
        """Send a link to the address of a RUPN, as a request has it; any other looks the same (R72, R113)."""
        with self._database.read() as connection:
            target = _rupn_target(connection, typed)
        self._send(fold_mail(typed), target, request)

    def _send(self, subject: str, target: SignInTarget | None, request: LinkRequest) -> None:
        """Send the link, unless a limit is reached (R74): the client's first, for which its subject pays nothing.

        A role that may not sign in by a mail is as one that does not exist (R101). What is written for nobody is
        undone, so that a subject that does not exist takes as long as one that does.
        """
        now, network = self._clock.now(), network_of(request.client)
        if target and not self._doors.may_use_mail(target.role):
            target = None
        with self._database.write() as connection:
            if not self._limiter.hit(connection, LINKS_OF_CLIENT, network, now):
                return
            # An establishment without a mailbox: its chef waits for a mail that cannot come, the digest says so (R80).
            lacks_mailbox = (ESTABLISHMENT.c.uai == subject, ESTABLISHMENT.c.is_open, _MAILBOX_IN_FORCE.is_(None))
            connection.execute(update(ESTABLISHMENT).where(*lacks_mailbox).values(link_asked_at=now))
            mailbox = target.counted if target else subject
            limits = self._limits(connection, mailbox, network, now)
            attempt = connection.begin_nested()
            exceeded = [(limit, key) for limit, key in limits if not self._limiter.hit(connection, limit, key, now)]
            self._write(connection, target or DUMMY_TARGET, request, now)
            if target and not exceeded:
                attempt.commit()
            else:
                attempt.rollback()
                refusal = connection.begin_nested()
                self._limiter.hit(connection, *(exceeded or limits)[0], now)  # a refused try counts as that alone
                if target:
                    refusal.commit()
                else:
                    refusal.rollback()
        self._on_sent()

    def _limits(self, connection: Connection, mailbox: str, network: str, now: datetime) -> list[tuple[Limit, str]]:
        """Return the limits of a mailbox with what each counts; a network known to it is counted alone (R74)."""
        own = f"{mailbox}\n{network}"
        limits = [(LINKS_OF_SUBJECT, own), (LINKS_OF_SUBJECT_A_DAY, own)]
        if self._limiter.is_known(connection, mailbox, network, now):
            return limits
        return [*limits, (LINKS_FROM_STRANGERS, mailbox), (LINKS_FROM_STRANGERS_A_DAY, mailbox)]

    def _write(self, connection: Connection, target: SignInTarget, request: LinkRequest, now: datetime) -> None:
        secret, expires_at = new_secret(), now + timedelta(minutes=self._minutes)
        link_digest = digest(secret)
        row = {
            "digest": link_digest, "role": target.role.value, "subject": target.subject,
            "sent_to": fold_mail(target.mailbox), "joins": digest(request.session) if request.session else "",
            "back": request.back, "created_at": now, "expires_at": expires_at, "used_at": None,
            "browser": digest(request.browser), "code_digest": self._codes.digest_of(link_digest, code_of(secret)),
            "network": shortened(request.client), "browser_name": request.browser_name,
            "is_proof": request.is_proof,
        }  # fmt: skip
        connection.execute(insert(LINKS), [row])
        self._mailer.send_link(connection, self._draft(target, row, request), secret, now)

    def _draft(self, target: SignInTarget, link: Mapping[str, Any], request: LinkRequest) -> Draft:
        expires_at = link["expires_at"]
        facts: dict[str, Any] = {
            "minutes": self._minutes, "until": french.instant(expires_at, self._zone),
            "asked_at": french.instant(link["created_at"], self._zone),
            "browser": link["browser_name"], "network": link["network"], "proves": link["is_proof"],
        }  # fmt: skip
        if target.role is Role.RUPN:
            return Draft(
                kind=Kind.SIGN_IN_RUPN, audience=Audience.RUPN, recipient=target.mailbox,
                not_after=expires_at, context=SignInRupn(**facts), sealed_for=sealed_for(link["digest"]),
            )  # fmt: skip
        if target.role is not Role.CHEF:
            return Draft(
                kind=Kind.SIGN_IN_RECTORAT, audience=Audience.OPERATORS, recipient=target.mailbox,
                not_after=expires_at, context=SignInRectorat(**facts), sealed_for=sealed_for(link["digest"]),
            )  # fmt: skip
        first, *others = target.places
        return Draft(
            kind=Kind.SIGN_IN, audience=Audience.ESTABLISHMENT, recipient=target.mailbox, not_after=expires_at,
            context=SignIn(
                establishment=first, others=tuple(others), identity=request.identity, provider=request.provider, **facts
            ),
            uai=target.subject, sealed_for=sealed_for(link["digest"]),
        )  # fmt: skip

    def preview(self, secret: str, *, browser: str, session: str = "") -> LinkPreview | None:
        """Return what this link would do now, without consuming it; None when it signs in nobody.

        ``session`` and ``browser`` are the secrets of the cookies of who reads it.
        """
        with self._database.read() as connection:
            link = find_valid_link(connection, secret, self._clock.now())
            target = self.target_of(connection, link) if link else None
        if link is None or target is None:
            return None
        return LinkPreview(
            target=target, is_here=is_bound_to(link, browser), joins=bool(session) and link.joins == digest(session),
            is_proof=link.is_proof, code=code_of(secret), asked_at=link.created_at, network=link.network,
            browser_name=link.browser_name,
        )  # fmt: skip

    def dead_link(self, secret: str) -> DeadLink | None:
        """Return what a link was that signs in nobody any more; None for one that never was, or is forgotten."""
        with self._database.read() as connection:
            link = connection.execute(select(LINKS).where(LINKS.c.digest == digest(secret))).one_or_none()
        return DeadLink(subject=link.subject, back=link.back) if link else None

    def target_of(self, connection: Connection, link: Row[Any]) -> SignInTarget | None:
        """Return whom this link signs in: only who has today the mailbox that it was sent to, and may use it (R101)."""
        if not self._doors.may_use_mail(Role(link.role)):
            return None
        if Role(link.role) is Role.CHEF:
            target = _establishment_target(connection, link.subject)
        elif Role(link.role) is Role.RUPN:
            target = _rupn_target(connection, link.subject)
        else:
            target = _rectorat_target(self._people, link.subject)
        same = target and (target.role.value, fold_mail(target.mailbox)) == (link.role, link.sent_to)
        return target if same else None

    def places(self, uais: Iterable[str]) -> tuple[Place, ...]:
        """Return these establishments, open or not, sorted by name."""
        query = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(list(uais))).order_by(ESTABLISHMENT.c.nom)
        with self._database.read() as connection:
            return tuple(map(_place, connection.execute(query)))

    def consume(self, connection: Connection, link: Row[Any], now: datetime) -> bool:
        """Use up this link and the older ones of its subject; return False when somebody else was quicker."""
        this = (LINKS.c.digest == link.digest, LINKS.c.used_at.is_(None))
        if not connection.execute(update(LINKS).where(*this).values(used_at=now)).rowcount:
            return False
        older = (
            LINKS.c.role == link.role, LINKS.c.subject == link.subject, LINKS.c.used_at.is_(None),
            LINKS.c.created_at <= link.created_at,
        )  # fmt: skip
        superseded = connection.execute(select(LINKS.c.digest).where(*older)).scalars().all()
        connection.execute(update(LINKS).where(*older).values(used_at=now))
        self._mailer.erase_links(connection, map(sealed_for, (link.digest, *superseded)), Erasure.USED, now)
        return True


def find_valid_link(connection: Connection, secret: str, now: datetime) -> Row[Any] | None:
    """Return the link of this secret, unless it was used or has expired."""
    valid = (LINKS.c.digest == digest(secret), LINKS.c.used_at.is_(None), LINKS.c.expires_at > now)
    return connection.execute(select(LINKS).where(*valid)).one_or_none()


def is_bound_to(link: Row[Any], browser: str) -> bool:
    """Return True when the browser of this secret asked for this link: it alone opens it (R104)."""
    return bool(browser) and hmac.compare_digest(link.browser, digest(browser))


def end_links_of(connection: Connection, subjects: Set[str], now: datetime) -> None:
    """End the pending links of these addresses or establishments, and those sent to the establishments' mailboxes."""
    digests: set[str] = set()
    for batch in batches(sorted(subjects)):
        mailboxes = select(func.lower(_MAILBOX_IN_FORCE)).where(ESTABLISHMENT.c.uai.in_(batch))
        theirs = or_(LINKS.c.subject.in_(batch), LINKS.c.sent_to.in_(mailboxes))
        digests |= set(connection.execute(select(LINKS.c.digest).where(LINKS.c.used_at.is_(None), theirs)).scalars())
    end_links(connection, sorted(digests), now)


def end_links(connection: Connection, digests: Sequence[str], now: datetime) -> None:
    """End these links, and erase their secrets with their unsent mails."""
    for batch in batches(digests):
        connection.execute(update(LINKS).where(LINKS.c.digest.in_(batch)).values(used_at=now))
    encryption.erase(connection, map(sealed_for, digests), Erasure.USED, now)


def sealed_for(link_digest: str) -> str:
    """Return the name under which the secret of this link is sealed (R60)."""
    return f"{encryption.FOR_LINK}{link_digest[:_NAMING_DIGITS]}"


def code_of(secret: str) -> str:
    """Return the six digits of a link. They follow from its secret: showing them writes nothing (R72)."""
    return f"{int(derived(secret, 'six digits'), 16) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


class LinkCodes:
    """Finds the link whose six digits are typed. What is stored of them is a keyed digest: none is guessed from it."""

    def __init__(self, hasher: JournalHasher) -> None:
        self._hasher = hasher
        self._limiter = RateLimiter(hasher)

    def digest_of(self, link_digest: str, code: str) -> str:
        """Return what is stored of a code."""
        return self._hasher.digest(f"six digits\n{link_digest}\n{code}")

    def is_spent(self, connection: Connection, browser: str, network: str, now: datetime) -> bool:
        """Return True when this browser, or its network, has no try left."""
        tried = ((WRONG_CODES_OF_BROWSER, digest(browser)), (WRONG_CODES_OF_CLIENT, network))
        return any(self._limiter.is_reached(connection, limit, key, now) for limit, key in tried)

    def find(self, connection: Connection, browser: str, code: str, network: str, now: datetime) -> Row[Any] | None:
        """Return the link of this code, among those that this browser asked for; None counts as a wrong code (R74).

        A code that no limit leaves a try is wrong, whatever it is. As many links are compared whether there are any or
        not, so that neither the answer nor its time tells.
        """
        is_allowed = not self._limiter.is_reached(connection, WRONG_CODES_OF_CLIENT, network, now)
        attempt, found = connection.begin_nested(), None
        is_allowed &= self._limiter.hit(connection, WRONG_CODES_OF_BROWSER, digest(browser), now)
        links: list[Row[Any] | None] = [*self.pending(connection, browser, now)]
        for link in links + [None] * (_MOST_LINKS - len(links)):
            counted = connection.begin_nested()
            limits = self._limits(connection, link.sent_to if link else _NO_LINK, network, now)
            hits = [self._limiter.hit(connection, limit, key, now) for limit, key in limits]
            typed = self.digest_of(link.digest if link else _NO_LINK, code)
            is_right = hmac.compare_digest(link.code_digest if link else "", typed)
            found = link if is_right and is_allowed and all(hits) else found
            if link:
                counted.commit()
            else:
                counted.rollback()
        if found is None:
            attempt.commit()
            self._limiter.hit(connection, WRONG_CODES_OF_CLIENT, network, now)
        else:
            attempt.rollback()
        return found

    def pending(self, connection: Connection, browser: str, now: datetime) -> Sequence[Row[Any]]:
        """Return the links that this browser asked for and that still open, the newest first."""
        theirs = (LINKS.c.browser == digest(browser), LINKS.c.used_at.is_(None), LINKS.c.expires_at > now)
        query = select(LINKS).where(*theirs).order_by(LINKS.c.created_at.desc(), LINKS.c.digest).limit(_MOST_LINKS)
        return connection.execute(query).all()

    def _limits(self, connection: Connection, mailbox: str, network: str, now: datetime) -> list[tuple[Limit, str]]:
        """Return the limits of a mailbox; a network known to it is counted alone, and takes nothing from others."""
        if self._limiter.is_known(connection, mailbox, network, now):
            return [(WRONG_CODES_OF_SUBJECT, f"{mailbox}\n{network}")]
        return [(WRONG_CODES_OF_SUBJECT, mailbox), (WRONG_CODES_FROM_STRANGERS, "")]


def _establishment_target(connection: Connection, typed: str) -> SignInTarget | None:
    """Return the mailbox of an open establishment, by its UAI in any case and with any spaces (R11, R13).

    Other open establishments of the same mailbox, in any case, are opened with it.
    """
    uai = normalise_uai(typed)
    row = connection.execute(select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai)).one_or_none()
    mailbox = mailbox_of(row) if row and row.is_open else None
    same_mailbox = func.lower(_MAILBOX_IN_FORCE) == (mailbox or DUMMY_TARGET.mailbox).lower()
    others = connection.execute(
        select(ESTABLISHMENT)
        .where(same_mailbox, ESTABLISHMENT.c.is_open, ESTABLISHMENT.c.uai != uai)
        .order_by(ESTABLISHMENT.c.uai)
    ).all()
    if row is None or not mailbox:
        return None
    return SignInTarget(role=Role.CHEF, subject=uai, mailbox=mailbox, places=tuple(map(_place, (row, *others))))


def _rectorat_target(people: People, typed: str) -> SignInTarget | None:
    """Return an operator or a reader, at the address that the settings have."""
    member = people.find_member(typed)
    return SignInTarget(role=member[0], subject=member[1], mailbox=member[1]) if member else None


def _rupn_target(connection: Connection, typed: str) -> SignInTarget | None:
    """Return the RUPN of a request that bears this address, the address as it is written there."""
    folded = fold_mail(typed)
    query = select(REQUEST.c.mail).where(REQUEST.c.folded_mail == folded).order_by(REQUEST.c.reference.desc()).limit(1)
    mail = connection.execute(query).scalar_one_or_none() if folded else None
    return SignInTarget(role=Role.RUPN, subject=folded, mailbox=mail) if mail else None


def _place(row: Row[Any]) -> Place:
    return Place(uai=row.uai, nom=row.nom, commune=row.commune)
