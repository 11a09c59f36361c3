"""What waits in a sealed cookie of its browser: a sign-in by a provider (R101), an identity to be bound (R103).

No page and no database holds the key: another browser's return, an old one and a second one are refused.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from notifications.ports import Clock
from workflow.auth.rate_limit import RateLimiter, new_secret
from workflow.database.connection import Database
from workflow.identity.transport import ProviderFailure, ProviderProblem
from workflow.journal.chain import JournalHasher

ATTEMPT_LASTS: Final = timedelta(minutes=10)
"""The time that a person has to be identified by the provider."""

_RETURN: Final = "provider-return"

LARGEST_HINT: Final = 1600
"""Characters of an identity token that is kept: sealed, it fits with the other headers in the 4 kB of a proxy."""

BINDING_LASTS: Final = timedelta(minutes=60)
"""The time in which the mailbox's link must have been opened, in the same browser."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInAttempt:
    """A sign-in that has begun. ``back``: the page wanted; ``is_fresh``: the person is to prove who they are anew.

    ``session``: digest of the session whose user does so; ``level_of``: the role whose level of assurance is asked for.
    """

    provider: str
    state: str
    nonce: str
    verifier: str
    begun_at: datetime
    back: str = ""
    is_fresh: bool = False
    session: str = ""
    level_of: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSession:
    """What signing out of a provider needs: the token by which it named somebody; no database keeps it."""

    provider: str
    id_token: str = ""


class SealedCookies:
    """Makes and opens the two cookies, under a key that no page and no database holds."""

    def __init__(self, database: Database, clock: Clock, hasher: JournalHasher) -> None:
        self._database, self._clock = database, clock
        self._limiter = RateLimiter(hasher)
        self._attempts, self._sessions = (
            Fernet(urlsafe_b64encode(bytes.fromhex(hasher.digest(use)))) for use in (_RETURN, "provider-session")
        )

    def begin(
        self, provider: str, back: str, *, is_fresh: bool = False, session: str = "", level_of: str = ""
    ) -> tuple[SignInAttempt, str]:  # fmt: skip
        """Begin a sign-in; return it, and its cookie."""
        attempt = SignInAttempt(
            provider=provider, state=new_secret(), nonce=new_secret(), verifier=new_secret(),
            begun_at=self._clock.now(), back=back, is_fresh=is_fresh, session=session, level_of=level_of,
        )  # fmt: skip
        values = asdict(attempt) | {"begun_at": attempt.begun_at.isoformat()}
        return attempt, self._attempts.encrypt(json.dumps(values).encode()).decode()

    def open(self, cookie: str) -> SignInAttempt:
        """Return the sign-in that this browser has begun. Raises ProviderFailure for none of less than ten minutes."""
        try:
            values: dict[str, Any] = json.loads(self._attempts.decrypt(cookie.encode(errors="replace")))
        except InvalidToken:
            raise _lost("a return to a browser that has begun nothing, or forgotten it") from None
        attempt = SignInAttempt(**values | {"begun_at": datetime.fromisoformat(values["begun_at"])})
        if not attempt.begun_at <= self._clock.now() < attempt.begun_at + ATTEMPT_LASTS:
            raise _lost("a return that came too late")
        return attempt

    def take(self, attempt: SignInAttempt, state: str) -> None:
        """Use up this sign-in for the return of this state. Raises ProviderFailure for another's, and for a second."""
        if not hmac.compare_digest(state.encode(errors="replace"), attempt.state.encode()):
            raise _lost("a return of another sign-in (state)")
        with self._database.write() as connection:
            if not self._limiter.spend(connection, _RETURN, attempt.state, attempt.begun_at + ATTEMPT_LASTS):
                raise _lost("a return that was used already (state)")

    def keep(self, session: ProviderSession) -> str:
        """The cookie of what signing out will need; a token that is too long for it is left out."""
        values = asdict(session)
        if len(session.id_token) > LARGEST_HINT:
            values["id_token"] = ""
        return self._sessions.encrypt(json.dumps(values).encode()).decode()

    def read(self, cookie: str) -> ProviderSession | None:
        """What signing out needs; None for what is no such cookie of ours."""
        try:
            return ProviderSession(**json.loads(self._sessions.decrypt(cookie.encode(errors="replace"))))
        except InvalidToken:
            return None


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


def _lost(detail: str) -> ProviderFailure:
    return ProviderFailure(ProviderProblem.LOST, detail)
