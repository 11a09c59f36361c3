"""The claims of an identity, and what they make of somebody: a session, a binding to ask for, a refusal (R101 to R103).

A claim that is not asked for is dropped at once: no employee number, no date of birth. An identity on its way to be
bound is kept in a sealed cookie of its browser, until a mailbox vouches for it.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import and_, bindparam, or_, select

from notifications.ports import Clock
from states.validation import (
    clean,
    clean_mail,
    has_uai_form,
    mail_problem,
    name_problem,
    normalise_uai,
    proposed_name,
    storable,
)
from states.vocabulary import Channel, Role, SignInMethod
from workflow.auth.actors import NotAllowed, People
from workflow.auth.bindings import bound_to
from workflow.auth.sessions import Device, SessionUser, SignIn
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT as E
from workflow.journal.chain import JournalHasher
from workflow.settings.model import Settings
from workflow.settings.sign_in import ClaimNamesSettings, IdentityMappingSettings

RESPONSIBILITY_FIELDS: Final = 7
"""Fields of a value of FrEduRneResp, by ``$``: eight are those of FrEduRne, a place of work without responsibility."""

MOST_VALUES: Final = 200
"""Values of one claim that are read; no person is responsible for so many establishments."""

LONGEST_VALUE: Final = 2000

_NONE: Final = "X"
"""A value that says « none »."""

_SIRET_DIGITS: Final = 14

FindMember = Callable[[str], tuple[Role, str] | None]
"""The operator or the reader of an address, as the settings write it: ``People.find_member``."""

BINDING_LASTS: Final = timedelta(minutes=60)
"""The time in which the mailbox's link must have been opened, in the same browser."""

_NAMED: Final = (  # the establishments, open or not, that bear one of these UAI, or one of these SIRET
    select(E.c.uai, E.c.siret, E.c.is_open)
    .where(
        or_(
            E.c.uai.in_(bindparam("uais", expanding=True)),
            and_(E.c.siret != "", E.c.siret.in_(bindparam("sirets", expanding=True))),
        )
    )
    .order_by(E.c.uai)
)


class IdentityRefusal(Enum):
    """The reason for which an identity opens nothing, for programs; the pages have the words."""

    UNREADABLE = "unreadable"
    NOT_CHEF = "not_chef"
    NO_ESTABLISHMENT = "no_establishment"
    UNKNOWN_ESTABLISHMENT = "unknown_establishment"
    CLOSED_ESTABLISHMENT = "closed_establishment"
    NOT_IN_GROUP = "not_in_group"
    DEPUTY = "deputy"
    NO_FUNCTION = "no_function"
    NO_REQUEST = "no_request"


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityClaims:
    """The part of an identity that is kept, for the time of its sign-in.

    ``functions`` and ``uais`` are None when the identity does not speak of them, empty when it says: none.
    ``is_readable``: False when a claim was there, and nothing in it could be understood.
    """

    mail: str = ""
    name: str = ""
    functions: tuple[str, ...] | None = None
    uais: tuple[str, ...] | None = None
    groups: frozenset[str] = frozenset()
    siret: str = ""
    delegations: tuple[str, ...] = field(default=(), repr=False)
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class KnownEstablishment:
    """An establishment of the directory that a claim names, by its UAI or its SIRET."""

    uai: str
    siret: str = ""
    is_open: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityUser:
    """The person whom an identity signs in.

    ``subjects``: one address of the settings, or the UAI of a chef or a deputy, sorted.
    ``asks_function``: the claims do not tell a chef from a deputy; « qui êtes-vous » does, the name being given.
    """

    role: Role
    subjects: tuple[str, ...]
    name: str = ""
    mail: str = ""
    asks_function: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BindingNeeded:
    """An agent whose function the identity does not tell: an establishment's mailbox tells it, once (R103).

    ``proposed``: the open establishments of the SIRET that it gives, from which to choose; often none.
    """

    name: str = ""
    mail: str = ""
    proposed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityRefused:
    """An identity that opens nothing here."""

    code: IdentityRefusal
    name: str = ""
    mail: str = ""


Resolution = IdentityUser | BindingNeeded | IdentityRefused

FindEstablishments = Callable[[Collection[str], Collection[str]], Sequence[KnownEstablishment]]
"""The establishments of the directory that bear one of these UAI, or one of these SIRET."""


def resolve(
    claims: Mapping[str, object], mapping: IdentityMappingSettings, find_member: FindMember,
    find_establishments: FindEstablishments, *, deputy_may_act: bool = True, trusts_mail: bool = True,
) -> Resolution:  # fmt: skip
    """Say whom these claims sign in, whatever they hold: it raises nothing of its own (R103).

    An operator or a reader is a person of the settings first; then a chef, by function and responsibility.
    ``trusts_mail``: an address is believed unless it is said not to be verified; else only when it is said to be.
    """
    identity = read_claims(claims, mapping.claims, trusts_mail=trusts_mail)
    member = find_member(identity.mail) if identity.mail else None
    if member is None:
        return _of_establishment(identity, mapping, find_establishments, deputy_may_act=deputy_may_act)
    role, address = member
    groups = mapping.operator_groups if role is Role.OPERATOR else mapping.reader_groups
    if groups and identity.groups.isdisjoint(map(str.casefold, groups)):
        return IdentityRefused(code=IdentityRefusal.NOT_IN_GROUP, name=identity.name, mail=identity.mail)
    return IdentityUser(role=role, subjects=(address,), name=identity.name, mail=identity.mail)


def _of_establishment(
    identity: IdentityClaims, mapping: IdentityMappingSettings, find: FindEstablishments, *, deputy_may_act: bool
) -> Resolution:
    def refused(code: IdentityRefusal) -> IdentityRefused:
        return IdentityRefused(code=code, name=identity.name, mail=identity.mail)

    functions = identity.functions or ()
    is_chef = not mapping.chef_functions or _is_one_of(functions, mapping.chef_functions)
    is_deputy = _is_one_of(functions, mapping.deputy_functions)
    if identity.functions is not None and not (is_chef or is_deputy):
        return refused(IdentityRefusal.NOT_CHEF)
    if not identity.is_readable:
        return refused(IdentityRefusal.UNREADABLE)
    if identity.functions is None and identity.uais != () and (identity.uais is None or not is_chef):
        if not mapping.binding:
            return refused(IdentityRefusal.NO_FUNCTION)
        uais, sirets = identity.uais or (), (identity.siret,) if identity.siret else ()
        named = [place for place in (find(uais, sirets) if uais or sirets else ()) if place.is_open]
        proposed = sorted({place.uai for place in named if place.uai in uais or place.siret in sirets})
        return BindingNeeded(name=identity.name, mail=identity.mail, proposed=tuple(proposed))
    if not identity.uais:
        return refused(IdentityRefusal.NO_ESTABLISHMENT)
    known = [place for place in find(identity.uais, ()) if place.uai in identity.uais]
    is_open = tuple(sorted({place.uai for place in known if place.is_open}))
    if not is_open:
        return refused(IdentityRefusal.CLOSED_ESTABLISHMENT if known else IdentityRefusal.UNKNOWN_ESTABLISHMENT)
    is_deputy = is_deputy or not identity.groups.isdisjoint(map(str.casefold, mapping.deputy_groups))
    if is_deputy and not deputy_may_act:
        return refused(IdentityRefusal.DEPUTY)
    is_told = is_deputy or bool(mapping.deputy_functions or mapping.deputy_groups)
    return IdentityUser(
        role=Role.DEPUTY if is_deputy else Role.CHEF, subjects=is_open, name=identity.name, mail=identity.mail,
        asks_function=not is_told and deputy_may_act,
    )  # fmt: skip


def _is_one_of(functions: Iterable[str], known: Iterable[str]) -> bool:
    return not set(map(str.casefold, functions)).isdisjoint(map(str.casefold, known))


def read_claims(
    claims: Mapping[str, object], names: ClaimNamesSettings, *, trusts_mail: bool = True
) -> IdentityClaims:  # fmt: skip
    """Keep what is asked for of these claims, and drop the others; it raises nothing.

    Each claim may be absent, one text, several by commas, or a list; ``X`` is none.
    """
    values = _Claims(claims)
    mail = clean_mail(storable(values.first(names.mail)))
    responsibilities = values.several(names.responsibility)
    functions = values.several(names.function)
    uais: tuple[str, ...] | None = None
    if responsibilities is not None:  # those that have the form of a responsibility, or an UAI alone, in any case (R11)
        fields = [value.split("$") for value in responsibilities]
        named = {normalise_uai(first) for first, *others in fields if len(others) in (0, RESPONSIBILITY_FIELDS - 1)}
        uais = tuple(sorted(filter(has_uai_form, named)))
    siret = "".join(filter(str.isdigit, values.first(names.siret)))
    # As the administration writes it; one that is no name is asked (R16).
    parts = [proposed_name(clean(storable(values.first(part)))) for part in (names.given_name, names.family_name)]
    name = clean(" ".join(filter(None, parts)))
    return IdentityClaims(
        mail=mail if mail and not mail_problem(mail) and values.has_good_mail(trusts_mail) else "",
        name="" if name_problem(name) else name,
        functions=functions, uais=uais, groups=frozenset(map(str.casefold, values.groups(names.groups))),
        siret=siret if len(siret) == _SIRET_DIGITS and siret.isascii() else "",
        delegations=values.whole(names.delegation), is_readable=not (responsibilities and not uais),
    )  # fmt: skip


class _Claims:
    """Claims by their names, whatever their case, their hyphens and their nesting below ``attributes``."""

    def __init__(self, claims: Mapping[str, object]) -> None:
        nested = claims.get("attributes")
        self._values: dict[str, object] = {}
        for level in (nested if isinstance(nested, Mapping) else {}, claims):  # what is above stands before
            for name, value in level.items():
                if isinstance(name, str) and value is not None:
                    self._values[_key(name)] = value

    def has_good_mail(self, default: bool) -> bool:
        """True when the address is said to be verified; ``default`` when nothing is said of it."""
        said = self._values.get("emailverified")
        return default if said is None else said is True or (isinstance(said, str) and said.casefold() == "true")

    def first(self, names: Iterable[str]) -> str:
        """The one text of the first claim that is there; empty when it has several, for none of them can be chosen."""
        texts = list(dict.fromkeys(_texts(self._find(names))))
        return texts[0].strip() if len(texts) == 1 and texts[0].strip() != _NONE else ""

    def several(self, names: Iterable[str]) -> tuple[str, ...] | None:
        """The texts of the first claim that is there, by commas or semicolons, without ``X``; None when none is."""
        value = self._find(names)
        texts = list(_texts(value))
        if not texts:
            return () if isinstance(value, list | tuple) else None
        parts = [part.strip() for text in texts for part in text.replace(";", ",").split(",")]
        return tuple(part for part in parts[:MOST_VALUES] if part and part.upper() != _NONE)

    def whole(self, names: Iterable[str]) -> tuple[str, ...]:
        """The texts of the first claim that is there, as they are."""
        return tuple(_texts(self._find(names)))

    def groups(self, names: Iterable[str]) -> Iterator[str]:
        """The groups: each text, and each of its parts by commas or semicolons."""
        for text in _texts(self._find(names)):
            yield text
            yield from (part.strip() for part in text.replace(";", ",").split(","))

    def _find(self, names: Iterable[str]) -> object:
        return next((self._values[key] for key in map(_key, names) if key in self._values), None)


def _key(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")


def _texts(value: object) -> Iterator[str]:
    """The texts of a claim, once a text and once a list; anything else says nothing."""
    values = value if isinstance(value, list | tuple) else (value,)
    return (
        text for text in values[:MOST_VALUES] if isinstance(text, str) and text.strip() and len(text) <= LONGEST_VALUE
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
            claims = read_claims(identity.claims, self._mapping.claims, trusts_mail=identity.trusts_mail)
            try:
                actor = self._people.rupn(claims.mail, Channel.WEB)
            except NotAllowed:
                return IdentityRefused(code=IdentityRefusal.NO_REQUEST, name=claims.name, mail=claims.mail)
            return IdentityUser(role=Role.RUPN, subjects=(actor.address,), name=claims.name, mail=claims.mail)
        with self._database.read() as connection:

            def find(uais: Collection[str], sirets: Collection[str]) -> list[KnownEstablishment]:
                rows = connection.execute(_NAMED, {"uais": list(uais), "sirets": list(sirets)})
                return [KnownEstablishment(row.uai, row.siret, row.is_open) for row in rows]

            resolution = resolve(
                identity.claims, self._mapping, self._people.find_member, find,
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
        if session_user.is_identified or user.asks_function or not user.name:
            return session_user, secret
        if user.role is not Role.DEPUTY and self._sign_in.former_chefs(session_user, user.name):
            return session_user, secret
        identified = replace(session_user, name=user.name)
        return identified, self._sign_in.identify(session_user, secret, user.name, user.role)


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
