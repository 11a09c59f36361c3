"""The second factor of an operator: six digits of an application, or a recovery code (R106, RFC 6238)."""

import hmac
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from notifications import encryption
from notifications.encryption import CodeUnreadable, Sealer
from notifications.mailer import Mailer
from notifications.messages.facts import FactorChanged
from notifications.ports import Clock
from notifications.sql import batches
from notifications.vocabulary import Audience, Draft, Kind
from states import french
from states.decision import Scalar
from states.model import Actor
from states.validation import fold_mail
from states.vocabulary import FactorChange, Role
from workflow.auth.actors import People, require_operator
from workflow.auth.rate_limit import FACTOR_TRIES, FACTOR_TRIES_A_DAY, RateLimiter
from workflow.database.access_tables import FACTOR, RECOVERY_CODE
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT
from workflow.journal import chain
from workflow.journal.chain import INSTALLATION, JournalHasher

if TYPE_CHECKING:
    from pyotp import TOTP

STEP_SECONDS: Final = 30

RECOVERY_CODES: Final = 10

ABANDONED_AFTER: Final = timedelta(days=1)
"""An enrolment that was begun and never confirmed is forgotten after this time."""

ALLOWED_FOR: Final = timedelta(days=1)
"""How long somebody may enrol who was allowed to, where a second factor is required."""

_ALLOWED: Final = "factor_allowed"

_ENROLLED: Final = "factor_enrolled"

_REMOVED: Final = "factor_removed"

_ALPHABET: Final = "ACDEFHJKLMNPRTUVWXY34679"
"""Capitals and digits that nobody takes for others."""

_CODE_LENGTH: Final = 12
"""Signs of a recovery code: more than fifty bits, which nobody guesses in a few tries a day."""

_GROUP: Final = 4

_SEALED_FOR: Final = "second-factor:"

_LIMITS: Final = (FACTOR_TRIES, FACTOR_TRIES_A_DAY)

T = TypeVar("T")


class FactorNeed(Enum):
    """The step that a session of an operator still waits for, once it is known who opened it."""

    NOTHING = "nothing"
    CODE = "code"
    ENROLMENT = "enrolment"


class WrongFactor(Exception):
    """These are not the six digits of this instant, or they have served already; or it is no recovery code."""


class TooManyFactorTries(Exception):
    """Too many wrong codes were typed for this person: nothing is compared for a while (R74)."""


class FactorKnown(Exception):
    """This person has a second factor already."""

    rule = "R106"


class FactorUnknown(Exception):
    """This person has no second factor."""

    rule = "R106"


@dataclass(frozen=True, kw_only=True, slots=True)
class FactorStanding:
    """The second factor of somebody: since when, and how many recovery codes are left; ``since`` None without one."""

    since: datetime | None = None
    codes_left: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class EnrolmentKey:
    """The key of an enrolment that waits for its first digits. ``uri``: what an application reads in a picture."""

    key: str
    uri: str

    @property
    def groups(self) -> tuple[str, ...]:
        """The key in groups of four, to be typed by hand."""
        return _groups(self.key)


class SecondFactors:
    """Enrols, asks for, and removes second factors. ``policy``: the setting; ``issuer`` names us on a telephone."""

    def __init__(
        self, database: Database, clock: Clock, hasher: JournalHasher, people: People, mailer: Mailer, *,
        policy: Literal["none", "optional", "required"], issuer: str, timezone: tzinfo,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._hasher, self._people = database, clock, hasher, people
        self._mailer, self.policy, self._issuer, self._timezone = mailer, policy, issuer, timezone
        self._limiter = RateLimiter(hasher)

    @property
    def is_offered(self) -> bool:
        """True when operators may have one."""
        return self.policy != "none"

    def need(self, connection: Connection, role: Role, address: str) -> FactorNeed:
        """Return what a session of this person waits for, beside the door by which it was opened."""
        if not self.is_offered or role is not Role.OPERATOR:
            return FactorNeed.NOTHING
        if _standing(connection, address).since:
            return FactorNeed.CODE
        return FactorNeed.ENROLMENT if self.policy == "required" else FactorNeed.NOTHING

    def standing(self, address: str) -> FactorStanding:
        """Return the second factor of this person as it is."""
        with self._database.read() as connection:
            return _standing(connection, address)

    def may_enrol(self, address: str) -> bool:
        """True when this person may enrol: where a factor is required, only who was allowed to in the last day.

        Otherwise whoever reads the mailbox first would enrol their own telephone. Who removes their own factor has just
        proved it, and may enrol another.
        """
        with self._database.read() as connection:
            return self._may_enrol(connection, address)

    def allow(self, by: Actor, address: str) -> None:
        """Let this operator enrol for a day: another has made sure of who they are. Raises NotAllowed, FactorKnown."""
        of = self._people.operator(address, by.channel)
        require_operator(by, "autoriser l'inscription d'un second facteur")
        with self._database.write() as connection:
            if _standing(connection, address).since:
                raise FactorKnown(f"{address} a déjà un second facteur.")
            self._record(connection, _ALLOWED, by, self._clock.now(), {"of": of.number})

    def _may_enrol(self, connection: Connection, address: str) -> bool:
        if self.policy != "required":
            return True
        number = chain.known_actor(connection, f"{Role.OPERATOR.value}:{fold_mail(address)}")
        recent = select(EVENT.c.kind, EVENT.c.actor, EVENT.c.canonical).where(
            EVENT.c.stream == INSTALLATION, EVENT.c.kind.in_([_ALLOWED, _ENROLLED, _REMOVED]),
            EVENT.c.at > self._clock.now() - ALLOWED_FOR,
        )  # fmt: skip
        for kind, actor, canonical in connection.execute(recent.order_by(EVENT.c.seq.desc())):
            if json.loads(canonical)["data"].get("of") == number:
                return bool(kind == _ALLOWED or (kind == _REMOVED and actor == number))
        return False

    def begin(self, address: str) -> None:
        """Draw a key for this person, who has no factor yet and may enrol; a key that waited is replaced."""
        from pyotp import random_base32

        key, folded = random_base32(), fold_mail(address)
        with self._database.write() as connection:
            if _standing(connection, address).since or not self._may_enrol(connection, address):
                return
            connection.execute(delete(FACTOR).where(FACTOR.c.address == folded))
            encryption.block_rotation(connection)
            sealed = self._mailer.sealer.seal(key, _sealed_for(folded))
            row = {"address": folded, "sealed_key": sealed, "begun_at": self._clock.now(), "last_step": 0}
            connection.execute(insert(FACTOR), [row])

    def enrolment_key(self, address: str) -> EnrolmentKey | None:
        """Return the key that waits to be confirmed; None when no enrolment was begun, or it is over."""
        query = select(FACTOR).where(FACTOR.c.address == fold_mail(address), FACTOR.c.confirmed_at.is_(None))
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.begun_at <= self._clock.now() - ABANDONED_AFTER:
            return None
        key = self._mailer.sealer.open(row.sealed_key, _sealed_for(row.address))
        return EnrolmentKey(key=key, uri=_totp(key).provisioning_uri(name=address, issuer_name=self._issuer))

    def confirm(self, by: Actor, address: str, typed: str) -> tuple[str, ...]:
        """Confirm an enrolment by its first digits; return the recovery codes, which are shown this once.

        Raises FactorUnknown when none waits, WrongFactor, TooManyFactorTries, ClockRefused.
        """

        def attempt(connection: Connection) -> tuple[str, ...]:
            now = self._clock.now()
            row = connection.execute(select(FACTOR).where(FACTOR.c.address == fold_mail(address))).one_or_none()
            if row is None or row.confirmed_at is not None or not self._may_enrol(connection, address):
                raise FactorUnknown("Aucune inscription n'attend d'être confirmée : la recommencer.")
            self._use_step(connection, address, typed, now)
            connection.execute(update(FACTOR).where(FACTOR.c.address == row.address).values(confirmed_at=now))
            self._record(connection, _ENROLLED, by, now, {"of": by.number})
            self._tell(connection, FactorChange.ADDED, address, by, now, [address])
            return self._draw_codes(connection, address)

        return self.attempt(address, attempt)

    def attempt(self, address: str, act: Callable[[Connection], T]) -> T:
        """Do in one transaction what a right code allows; a wrong one is counted, and nothing else is kept of it.

        Raises TooManyFactorTries before anything is compared, and what ``act`` raises.
        """
        now, folded = self._clock.now(), fold_mail(address)
        with self._database.write() as connection:
            if all(self._limiter.hit(connection, limit, folded, now) for limit in _LIMITS):
                compared = connection.begin_nested()
                try:
                    result = act(connection)
                except WrongFactor as wrong:
                    compared.rollback()
                    refusal: Exception = wrong
                else:
                    compared.commit()
                    for limit in _LIMITS:
                        self._limiter.forgive(connection, limit, folded, now)
                    return result
            else:
                refusal = TooManyFactorTries()
        raise refusal

    def use(self, connection: Connection, by: Actor, address: str, typed: str, *, is_recovery: bool = False) -> None:
        """Use up the six digits of this instant, or a recovery code. Called by ``attempt``. Raises WrongFactor."""
        now = self._clock.now()
        if not is_recovery:
            self._use_step(connection, address, typed, now, FACTOR.c.confirmed_at.is_not(None))
            return
        used = RECOVERY_CODE.c.digest == self._digest(address, typed)
        if not connection.execute(delete(RECOVERY_CODE).where(used)).rowcount:
            raise WrongFactor
        left = _standing(connection, address).codes_left
        self._record(connection, "recovery_code_used", by, now, {"of": by.number, "left": left})
        self._tell(connection, FactorChange.RECOVERY_CODE_USED, address, by, now, [address])

    def renew_codes(self, by: Actor, address: str) -> tuple[str, ...]:
        """Draw other recovery codes in the place of those that are left. Raises FactorUnknown."""
        with self._database.write() as connection:
            if not _standing(connection, address).since:
                raise FactorUnknown(f"{address} n'a pas de second facteur.")
            self._record(connection, "recovery_codes_drawn", by, self._clock.now(), {"of": by.number})
            return self._draw_codes(connection, address)

    def remove(self, by: Actor, address: str) -> None:
        """Remove the factor of this person: their own, or by an administrator. They and every operator are told.

        Raises NotAllowed for who is neither, FactorUnknown.
        """
        now = self._clock.now()
        of = self._people.operator(address, by.channel)  # also the number that the journal keeps
        if of.number != by.number:
            require_operator(by, "retirer le second facteur de quelqu'un")
        with self._database.write() as connection:
            if not _standing(connection, address).since:
                raise FactorUnknown(f"{address} n'a pas de second facteur.")
            delete_factors(connection, [fold_mail(address)])
            self._record(connection, _REMOVED, by, now, {"of": of.number})
            told = [address, self._mailer.settings.operators_mailbox, *self._people.operators()]
            self._tell(connection, FactorChange.REMOVED, address, by, now, told)

    def _use_step(
        self, connection: Connection, address: str, typed: str, now: datetime, *where: ColumnElement[bool]
    ) -> None:
        """Accept six digits of this half minute, or of the one before or after it, unless as late ones have served."""
        folded = fold_mail(address)
        query = select(FACTOR.c.sealed_key).where(FACTOR.c.address == folded, *where)
        sealed_key = connection.execute(query).scalar_one_or_none()
        if sealed_key is None:
            raise WrongFactor
        try:
            totp = _totp(self._mailer.sealer.open(sealed_key, _sealed_for(folded)))
        except CodeUnreadable:
            raise FactorUnknown(
                "La clé de ce second facteur n'est plus lisible : se servir d'un code de secours, puis demander à un"
                " administrateur de le retirer."
            ) from None
        this = int(now.timestamp()) // STEP_SECONDS
        right = [step for step in (this - 1, this, this + 1) if hmac.compare_digest(totp.generate_otp(step), typed)]
        later = (FACTOR.c.address == folded, FACTOR.c.last_step < max(right, default=0))
        if not connection.execute(update(FACTOR).where(*later).values(last_step=max(right, default=0))).rowcount:
            raise WrongFactor

    def _draw_codes(self, connection: Connection, address: str) -> tuple[str, ...]:
        codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(RECOVERY_CODES)]
        folded = fold_mail(address)
        connection.execute(delete(RECOVERY_CODE).where(RECOVERY_CODE.c.address == folded))
        rows = [{"digest": self._digest(address, code), "address": folded} for code in codes]
        connection.execute(insert(RECOVERY_CODE), rows)
        return tuple("-".join(_groups(code)) for code in codes)

    def _digest(self, address: str, typed: str) -> str:
        """Capitals or not, with or without what separates the groups."""
        code = "".join(sign for sign in typed.upper() if sign.isalnum())
        return self._hasher.digest(f"recovery-code\n{fold_mail(address)}\n{code}")

    def _record(self, connection: Connection, kind: str, by: Actor, now: datetime, data: dict[str, Scalar]) -> None:
        chain.record(connection, self._hasher, kind, by, now, data)

    def _tell(
        self, connection: Connection, what: FactorChange, address: str, by: Actor, now: datetime, to: Iterable[str]
    ) -> None:
        """Write of a change to these addresses, once to each."""
        about = FactorChanged(
            what=what, address=address, at=french.instant(now, self._timezone), by=by.label,
            codes_left=_standing(connection, address).codes_left,
        )  # fmt: skip
        told = {fold_mail(one): one for one in to}
        drafts = [
            Draft(kind=Kind.FACTOR_CHANGED, audience=Audience.OPERATORS, recipient=one, context=about)
            for one in told.values()
        ]  # fmt: skip
        self._mailer.enqueue(connection, drafts, now)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResealedFactors:
    """A count of factors' keys that were sealed anew, and for whom those are sealed that no key of ours opens."""

    count: int = 0
    unreadable: tuple[str, ...] = ()


def reseal_factors(connection: Connection, sealer: Sealer) -> ResealedFactors:
    """Seal the keys of all factors under the first key (R71): they are as few as the operators."""
    count, unreadable = 0, []
    for address, old in connection.execute(select(FACTOR.c.address, FACTOR.c.sealed_key)).all():
        try:
            fresh = sealer.resealed(old, _sealed_for(address))
        except CodeUnreadable:
            unreadable.append(_sealed_for(address))
            continue
        if fresh:
            connection.execute(update(FACTOR).where(FACTOR.c.address == address).values(sealed_key=fresh))
            count += 1
    return ResealedFactors(count=count, unreadable=tuple(unreadable))


def count_factors_under_other_keys(connection: Connection, sealer: Sealer) -> int:
    """Count the keys of factors that the first key alone does not open."""
    return sum(
        not sealer.is_under_first_key(sealed) for sealed in connection.execute(select(FACTOR.c.sealed_key)).scalars()
    )


def factor_owner(sealed_for: str) -> str:
    """Return the address whose key was sealed under this name; empty when it names no second factor."""
    return sealed_for.removeprefix(_SEALED_FOR) if sealed_for.startswith(_SEALED_FOR) else ""


def _standing(connection: Connection, address: str) -> FactorStanding:
    folded = fold_mail(address)
    query = select(FACTOR.c.confirmed_at).where(FACTOR.c.address == folded)
    counted = select(func.count()).where(RECOVERY_CODE.c.address == folded)
    since = connection.execute(query).scalar_one_or_none()
    return FactorStanding(since=since, codes_left=connection.execute(counted).scalar_one() if since else 0)


def delete_factors(connection: Connection, addresses: Sequence[str]) -> None:
    """Delete the factors of these people: who is an operator again enrols anew."""
    for batch in batches(addresses):
        connection.execute(delete(RECOVERY_CODE).where(RECOVERY_CODE.c.address.in_(batch)))
        connection.execute(delete(FACTOR).where(FACTOR.c.address.in_(batch)))


def _sealed_for(folded: str) -> str:
    """The name under which the key of this person is sealed: no request's reference begins so."""
    return f"{_SEALED_FOR}{folded}"


def _totp(key: str) -> "TOTP":
    from pyotp import TOTP

    return TOTP(key, interval=STEP_SECONDS)


def _groups(text: str) -> tuple[str, ...]:
    return tuple(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))
