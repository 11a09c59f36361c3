"""Signing in by a provider, from the button to the return, and out of it again (R101).

A sign-in that has begun travels in a cookie of its browser, sealed under a key that no page and no database holds:
another browser's return, an old one and a second one are refused.
"""

import hmac
import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from notifications.ports import Clock
from states.vocabulary import Role
from workflow.auth.rate_limit import FAILED_RETURNS, RateLimiter
from workflow.database.connection import Database
from workflow.identity.provider import IdentityProvider, ProvenIdentity, SignInAttempt
from workflow.identity.signed_tokens import ProviderFailure, ProviderProblem, ProviderTransport
from workflow.journal.chain import JournalHasher, network_of
from workflow.settings.model import Settings
from workflow.settings.secrets import Secrets, new_secret

AT_ONCE: Final = 6
"""Calls to one provider at the same time: one that does not answer holds no more of the portal's threads."""

RETURN_PATH: Final = "/connexion/retour"
"""The path to which a provider sends people back; the address to declare to it is this path of the portal's."""

SIGNED_OUT_PATH: Final = "/connexion"
"""The path to which a provider sends people back once they are signed out of it."""

ATTEMPT_LASTS: Final = timedelta(minutes=10)
"""The time that a person has to be identified by the provider."""

_RETURN: Final = "provider-return"

LARGEST_HINT: Final = 1600
"""Characters of an identity token that is kept: sealed, it fits with the other headers in the 4 kB of a proxy."""

_log = logging.getLogger("oda")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderReturn:
    """The parameters that a provider gives to a browser that it sends back; empty where it gave nothing."""

    state: str = ""
    code: str = ""
    error: str = ""
    issuer: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSession:
    """The token by which a provider named somebody, which signing out of it needs; no database keeps it."""

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
        """Read what signing out needs; None for what is no such cookie of ours."""
        try:
            return ProviderSession(**json.loads(self._sessions.decrypt(cookie.encode(errors="replace"))))
        except InvalidToken:
            return None


class ProviderSignIn:
    """The providers of the settings, by their names. Raises SecretMissing, SecretRefused when it is made."""

    def __init__(
        self, database: Database, clock: Clock, hasher: JournalHasher, settings: Settings, secrets: Secrets,
        transport: ProviderTransport | None = None,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._address = database, clock, settings.portal.address
        self.cookies = SealedCookies(database, clock, hasher)
        self._limiter = RateLimiter(hasher)
        redirect_uri = f"{self._address}{RETURN_PATH}"
        self._providers: Mapping[str, IdentityProvider] = {
            provider.name: IdentityProvider(provider, secrets.read(provider.secret_name), redirect_uri, transport)
            for provider in settings.sign_in.providers
        }
        self._places = {name: BoundedSemaphore(AT_ONCE) for name in self._providers}

    def check_level(self, identity: ProvenIdentity, role: Role) -> None:
        """Check that an identity was proved as strongly as its role requires. Raises ProviderFailure."""
        with self._telling(identity.provider) as provider:
            provider.check_level(identity, role)

    def begin(
        self, name: str, back: str, *, is_fresh: bool = False, session: str = "", level_of: str = ""
    ) -> tuple[str, str]:  # fmt: skip
        """Begin a sign-in: the address to go to, and the cookie that the return needs. Raises ProviderFailure.

        ``is_fresh``: the person is to prove who they are anew (R105), for the session of this digest.
        """
        attempt, cookie = self.cookies.begin(name, back, is_fresh=is_fresh, session=session, level_of=level_of)
        with self._calling(name) as provider:
            return provider.authorization_url(attempt), cookie

    def finish(self, attempt: SignInAttempt, given: ProviderReturn, client: str) -> ProvenIdentity:
        """The identity that a return stands for; ``client`` is the browser's network address. Raises ProviderFailure.

        ``attempt`` is one that ``SealedCookies.take`` has used up: its state is right, and returns for the first time.
        """
        network, now = network_of(client), self._clock.now()
        with self._database.read() as connection:
            if self._limiter.is_reached(connection, FAILED_RETURNS, network, now):
                raise ProviderFailure(ProviderProblem.BUSY, "too many returns that failed, from one network")
        try:
            with self._calling(attempt.provider) as provider:
                provider.check_return(given.issuer)
                if given.error == "access_denied":
                    raise ProviderFailure(ProviderProblem.CANCELLED, "given up by the person")
                if given.error:
                    raise ProviderFailure(ProviderProblem.REFUSED, "it refused to identify somebody (error)")
                if not given.code:
                    raise ProviderFailure(ProviderProblem.REFUSED, "a return without a code")
                return provider.exchange(given.code, attempt, now)
        except ProviderFailure as failure:
            if failure.problem is not ProviderProblem.CANCELLED:
                with self._database.write() as connection:
                    self._limiter.hit(connection, FAILED_RETURNS, network, now)
            raise

    def logout_url(self, session: ProviderSession) -> str:
        """The address that signs out of the provider too; empty when there is none, or it does not answer."""
        if session.provider not in self._providers:
            return ""
        try:
            with self._calling(session.provider) as provider:
                return provider.logout_url(session.id_token, new_secret(), f"{self._address}{SIGNED_OUT_PATH}")
        except ProviderFailure:
            return ""

    @contextmanager
    def _calling(self, name: str) -> Iterator[IdentityProvider]:
        """The provider of this name, while not too many call it. Raises ProviderFailure."""
        with self._telling(name) as provider:
            if not self._places[name].acquire(blocking=False):
                raise ProviderFailure(ProviderProblem.BUSY, "too many sign-ins at once wait for it")
            try:
                yield provider
            finally:
                self._places[name].release()

    @contextmanager
    def _telling(self, name: str) -> Iterator[IdentityProvider]:
        """The provider of this name; what goes wrong is logged, without any claim. Raises ProviderFailure."""
        provider = self._providers.get(name)
        if provider is None:
            raise ProviderFailure(ProviderProblem.LOST, "a sign-in by a provider that the settings do not have")
        try:
            yield provider
        except ProviderFailure as failure:
            if failure.problem is not ProviderProblem.CANCELLED:
                _log.warning("identity provider %s: %s", name, failure.detail)
            raise


def _lost(detail: str) -> ProviderFailure:
    return ProviderFailure(ProviderProblem.LOST, detail)
