"""From an identity to a session: whom its claims sign in today, and one on its way to be bound (R101 to R103).

The latter is kept in a sealed cookie of its browser, until a mailbox vouches for it.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, and_, bindparam, or_, select

from notifications.ports import Clock
from states.vocabulary import Channel, Role, SignInMethod
from workflow.auth.actors import NotAllowed, People
from workflow.auth.bindings import bound_to
from workflow.auth.sessions import Device, SessionUser, SignIn
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT as E
from workflow.identity.claims import (
    BindingNeeded,
    IdentityRefusal,
    IdentityRefused,
    IdentityUser,
    KnownEstablishment,
    Resolution,
    read_claims,
    resolve,
)
from workflow.journal.chain import JournalHasher
from workflow.settings.model import Settings

BINDING_LASTS: Final = timedelta(minutes=60)
"""The time in which the mailbox's link must have been opened, in the same browser."""

_NAMED: Final = (
    select(E.c.uai, E.c.siret, E.c.is_open)
    .where(
        or_(
            E.c.uai.in_(bindparam("uais", expanding=True)),
            and_(E.c.siret != "", E.c.siret.in_(bindparam("sirets", expanding=True))),
        )
    )
    .order_by(E.c.uai)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedIdentity:
    """Somebody whom a provider or the gate has just named. ``digest``: see ``bindings.identity_digest``.

    ``provider`` is its name in the settings, empty for the gate, and ``label`` what people call it; ``trusts_mail`` as
    in ``claims.resolve``; ``has_two_factors``: two were asked for there, and none is asked for here (R106).
    """

    method: SignInMethod
    label: str
    digest: str
    claims: Mapping[str, object] = field(repr=False)
    provider: str = ""
    trusts_mail: bool = True
    has_two_factors: bool = False


class IdentityEntry:
    """Signs in whom an identity names."""

    def __init__(
        self, database: Database, people: People, sign_in: SignIn, settings: Settings,
        on_delegations: Callable[[str, Sequence[str]], object] = lambda _address, _values: None,
    ) -> None:  # fmt: skip
        """``on_delegations`` is told what a RUPN's identity says of the delegations that he was given (R113)."""
        self._database, self._people, self._sign_in = database, people, sign_in
        self._on_delegations = on_delegations
        self._mapping = settings.sign_in.mapping

    def resolve(self, identity: NamedIdentity, *, as_rupn: bool = False) -> Resolution:
        """Say whom this identity signs in, by what it claims, else by the establishments that it is bound to.

        ``as_rupn``: they want the RUPN's page, which is whose address a request bears, whatever else they are (R113).
        """
        if as_rupn:
            return self._resolve_rupn(identity)
        with self._database.read() as connection:
            resolution = resolve(
                identity.claims, self._mapping, self._people.find_member,
                lambda uais, sirets: _find_named(connection, uais, sirets),
                deputy_may_act=self._people.deputy_may_act, trusts_mail=identity.trusts_mail,
            )  # fmt: skip
            if not isinstance(resolution, BindingNeeded):
                return resolution
            uais, role = bound_to(connection, identity.digest)
        if not uais:
            return resolution
        if role is Role.DEPUTY and not self._people.deputy_may_act:
            return IdentityRefused(code=IdentityRefusal.DEPUTY, name=resolution.name, mail=resolution.mail)
        return IdentityUser(
            role=role or Role.CHEF, subjects=uais, name=resolution.name, mail=resolution.mail,
            asks_function=role is None and self._people.deputy_may_act,
        )  # fmt: skip

    def _resolve_rupn(self, identity: NamedIdentity) -> Resolution:
        claims = read_claims(identity.claims, self._mapping.claims, trusts_mail=identity.trusts_mail)
        try:
            actor = self._people.rupn(claims.mail, Channel.WEB)
        except NotAllowed:
            return IdentityRefused(code=IdentityRefusal.NO_REQUEST, name=claims.name, mail=claims.mail)
        return IdentityUser(role=Role.RUPN, subjects=(actor.address,), name=claims.name, mail=claims.mail)

    def enter(
        self, user: IdentityUser, identity: NamedIdentity, *, former: str = "", proves: SessionUser | None = None,
        device: Device | None = None,
    ) -> tuple[SessionUser, str]:  # fmt: skip
        """Begin the session of this person, and say who acts when that is known; return it with its secret.

        ``former``: the secret of the browser's session until now, which ends. ``proves``: its user, who proves to be
        the same; who acts then stays as it was said, and the second factor as it was given. A chef whose name is not
        the one known is asked, as anybody is who signs in by the mailbox (R37).
        """
        session_user = SessionUser(
            role=user.role, subject=",".join(user.subjects), method=identity.method, provider=identity.provider,
            identity=identity.digest, identity_name=user.name,
            has_two_factors=identity.has_two_factors or (proves is not None and not proves.awaits_factor),
        )  # fmt: skip
        if proves and proves.is_establishment and not user.asks_function:
            session_user = replace(session_user, name=proves.name)
        elif proves and proves.is_establishment:
            session_user = replace(session_user, name=proves.name, role=proves.role)
        secret = self._sign_in.enter(session_user, former=former, device=device)
        if user.role is Role.RUPN:
            said = read_claims(identity.claims, self._mapping.claims).delegations
            if said:
                self._on_delegations(user.subjects[0], said)
        if not self._is_told(user, session_user):
            return session_user, secret
        identified = replace(session_user, name=user.name)
        return identified, self._sign_in.identify(session_user, secret, user.name, user.role)

    def _is_told(self, user: IdentityUser, session_user: SessionUser) -> bool:
        """True when the identity alone says who acts for an establishment."""
        if session_user.is_identified or user.asks_function or not user.name:
            return False
        return user.role is Role.DEPUTY or not self._sign_in.former_chefs(session_user, user.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingBinding:
    """An identity to bind. ``label``: its provider as people call it; ``uai``: the establishment asked, once it is.

    ``digest``, ``method``, ``provider``, ``name`` are those of ``NamedIdentity``; ``proposed``: the establishments that
    its SIRET or its claims name.
    """

    digest: str
    method: str
    provider: str
    label: str
    name: str
    begun_at: datetime
    proposed: tuple[str, ...] = ()
    uai: str = ""


class PendingBindings:
    """Seals and opens that cookie, under a key that no page and no database holds."""

    def __init__(self, clock: Clock, hasher: JournalHasher) -> None:
        self._clock = clock
        self._box = Fernet(urlsafe_b64encode(bytes.fromhex(hasher.digest("pending-binding"))))

    def keep(self, pending: PendingBinding) -> str:
        """The cookie's content."""
        values = asdict(pending) | {"begun_at": pending.begun_at.isoformat()}
        return self._box.encrypt(json.dumps(values).encode()).decode()

    def read(self, cookie: str) -> PendingBinding | None:
        """The identity of this cookie; None for what is none of ours, and for one of too long ago."""
        try:
            values: dict[str, Any] = json.loads(self._box.decrypt(cookie.encode(errors="replace")))
        except InvalidToken:
            return None
        begun_at = datetime.fromisoformat(values["begun_at"])
        if not begun_at <= self._clock.now() < begun_at + BINDING_LASTS:
            return None
        return PendingBinding(**values | {"begun_at": begun_at, "proposed": tuple(values["proposed"])})


def _find_named(connection: Connection, uais: Collection[str], sirets: Collection[str]) -> list[KnownEstablishment]:
    """The establishments of the directory that bear one of these UAI, or one of these SIRET; open or not (R103)."""
    rows = connection.execute(_NAMED, {"uais": list(uais), "sirets": list(sirets)})
    return [KnownEstablishment(row.uai, row.siret, row.is_open) for row in rows]
