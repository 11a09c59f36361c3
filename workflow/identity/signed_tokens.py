"""The calls to an identity provider, and the tokens that it signs: by which key, for whom, since when (R101).

A call is bounded in time and in size, and led nowhere else.
"""

import hashlib
import hmac
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from time import monotonic
from typing import Any, Final

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import extract_compact

from workflow.settings.sign_in import is_secure_address

CALL_S: Final = 8
"""Seconds of a whole call, however slowly its answer comes."""

STEP_S: Final = 4
"""Seconds of a connection, or of a silence."""

MOST_BYTES: Final = 200_000
"""Of an answer: a configuration, a set of keys, a token."""

LEEWAY: Final = timedelta(seconds=60)
"""What the clocks of two servers may differ by."""

OLDEST: Final = timedelta(minutes=10)
"""Age of an identity token: it was made for this very exchange."""

LONGEST_SUBJECT: Final = 255
"""Characters of a subject (OpenID Connect Core, 2)."""

SHORTEST_RSA: Final = 2048
"""Bits of a key that is believed."""

_UNREADABLE: Final = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What a token or a key that is not one may raise while it is read."""

_KEY_KINDS: Final = {"R": RSAKey, "P": RSAKey, "E": ECKey}
"""By the first letter of an algorithm."""

Keys = Sequence[RSAKey | ECKey]


class ProviderProblem(Enum):
    """A cause that stopped a sign-in by a provider; the pages have the words."""

    UNAVAILABLE = "unavailable"
    BUSY = "busy"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    LOST = "lost"
    NOT_BELIEVED = "not_believed"
    TOO_WEAK = "too_weak"
    NOT_FRESH = "not_fresh"
    OTHER_PERSON = "other_person"


class ProviderFailure(Exception):
    """A sign-in by a provider that did not succeed.

    ``detail`` says what to look at, for the log alone: it never quotes a claim, a code nor a secret. ``role``: whose
    level of assurance was not reached.
    """

    def __init__(self, problem: ProviderProblem, detail: str, role: str = "") -> None:
        super().__init__(detail)
        self.problem, self.detail, self.role = problem, detail, role


def not_believed(detail: str) -> ProviderFailure:
    """An answer of a provider that is not what it must be."""
    return ProviderFailure(ProviderProblem.NOT_BELIEVED, detail)


def unavailable(detail: str) -> ProviderFailure:
    """A provider that does not answer, or answers something that cannot be used."""
    return ProviderFailure(ProviderProblem.UNAVAILABLE, detail)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderAnswer:
    """An answer of a provider. ``kind`` is its media type, in small letters, without parameters; ``date`` its clock's,
    as its header gives it."""

    status: int
    kind: str
    body: bytes
    date: str = ""


@dataclass(frozen=True, kw_only=True)
class ProviderTransport:
    """Calls a provider; what the environment says of proxies and authorities holds (``HTTPS_PROXY``).

    ``transport`` is a test's; ``call_s`` bounds a whole call.
    """

    transport: httpx2.BaseTransport | None = None
    call_s: float = CALL_S
    _tls: list[ssl.SSLContext] = field(default_factory=list, init=False)

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> ProviderAnswer:
        """Read an address. Raises ProviderFailure."""
        return self._call("GET", url, headers or {}, None)

    def post(self, url: str, form: str, headers: Mapping[str, str]) -> ProviderAnswer:
        """Send a form, already encoded. Raises ProviderFailure."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._call("POST", url, {**headers, **kind}, form.encode())

    def _call(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> ProviderAnswer:
        if not is_secure_address(url):
            raise unavailable("an address that is not in https")
        plain = {"Accept-Encoding": "identity", "User-Agent": "oda", "Accept": "application/json, application/jwt"}
        ends_at = monotonic() + self.call_s
        if self.transport is None and not self._tls:  # the authorities of the system, which are read once
            self._tls.append(ssl.create_default_context())
        options: dict[str, Any] = {"transport": self.transport}
        if self.transport is None:
            options = {"verify": self._tls[0], "timeout": STEP_S}
        try:
            with (
                httpx2.Client(**options) as client,
                client.stream(method, url, headers={**plain, **headers}, content=content) as response,
            ):
                return self._read(response, ends_at)
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, UnicodeError) as error:
            raise unavailable(f"no answer ({type(error).__name__})") from None

    def _read(self, response: httpx2.Response, ends_at: float) -> ProviderAnswer:
        if response.is_redirect:
            raise unavailable("an answer that leads elsewhere")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise unavailable("a compressed answer, which was not asked for")
        body = bytearray()
        for some in response.iter_bytes():
            body += some
            if len(body) > MOST_BYTES:
                raise unavailable("an answer that is too long")
            if monotonic() > ends_at:
                raise unavailable("an answer that comes too slowly")
        kind = str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()
        date = str(response.headers.get("date", ""))
        return ProviderAnswer(status=response.status_code, kind=kind, body=bytes(body), date=date)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedToken:
    """The content due in an identity token. ``begun_at``: when a fresh proof was asked for, None when none was."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str
    now: datetime
    begun_at: datetime | None = None


def read_keys(published: object) -> Keys:
    """The public keys that sign, of a published set; what is not one is left out. Raises ProviderFailure for none."""
    values = published.get("keys") if isinstance(published, dict) else None
    keys = [key for value in (values if isinstance(values, list) else ()) if (key := _read_key(value))]
    if not keys:
        raise not_believed("no key that signs")
    return keys


def _read_key(value: object) -> RSAKey | ECKey | None:
    """A public key that signs; None for a secret, a key too short, and for what cannot be read."""
    if not isinstance(value, dict) or value.get("use", "sig") != "sig":
        return None
    try:
        if value.get("kty") == "EC":
            return ECKey.import_key(value)
        key = RSAKey.import_key(value) if value.get("kty") == "RSA" else None
        return key if key and key.public_key.key_size >= SHORTEST_RSA else None
    except _UNREADABLE:
        return None


def read_signed(value: str, algorithms: Collection[str], keys_for: Callable[[str | None], Keys]) -> jwt.Token:
    """A token that one of the provider's keys signed: its header and its claims. Raises ProviderFailure.

    ``keys_for`` gives the published keys, read again when they have none of this identifier.
    """
    try:
        header = extract_compact(value.encode()).headers()
        algorithm, identifier = header.get("alg"), header.get("kid")
    except _UNREADABLE:
        raise not_believed("a token that cannot be read") from None
    if algorithm not in algorithms:
        raise not_believed("a token signed by an algorithm that the settings do not admit")
    if not isinstance(identifier, str | None):
        raise not_believed("a token whose key has no readable identifier")
    fitting = [  # of this identifier, or alone of its kind
        key for key in keys_for(identifier)
        if isinstance(key, _KEY_KINDS[str(algorithm)[0]]) and key.get("alg") in (None, algorithm)
        and (identifier is None or key.kid == identifier)
    ]  # fmt: skip
    if len(fitting) != 1:
        raise not_believed("a token signed by a key that the provider does not publish")
    try:
        return jwt.decode(value, fitting[0], algorithms=[str(algorithm)])
    except _UNREADABLE:
        raise not_believed("a token whose signature is not the provider's") from None


def check_id_token(token: jwt.Token, expected: ExpectedToken) -> str:
    """Check what a signed identity token says, and return its subject. Raises ProviderFailure (Core, 3.1.3.7)."""
    claims, algorithm = token.claims, str(token.header["alg"])
    check_audience(claims, expected.issuer, expected.client_id)
    check_times(claims, expected.now, is_identity=True)
    if not _same(claims.get("nonce"), expected.nonce):
        raise not_believed("an identity token of another sign-in (nonce)")
    half = claims.get("at_hash")
    if half is not None and not _same(half, half_hash(expected.access_token, algorithm)):
        raise not_believed("an identity token of another access token (at_hash)")
    if expected.begun_at is not None:  # the person proved who they are since a fresh proof was asked for (R105)
        at, leeway = _instant(claims.get("auth_time")), LEEWAY.total_seconds()
        if at is None or not expected.begun_at.timestamp() - leeway <= at <= expected.now.timestamp() + leeway:
            raise ProviderFailure(ProviderProblem.NOT_FRESH, "an identity that was not proved again (auth_time)")
    return subject_of(claims)


def subject_of(claims: Mapping[str, Any]) -> str:
    """The subject of a token. Raises ProviderFailure."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise not_believed("a token that names nobody (sub)")
    return subject


def check_audience(claims: Mapping[str, Any], issuer: str, client_id: str) -> None:
    """Check who made a token, and for whom. Raises ProviderFailure."""
    if not _same(claims.get("iss"), issuer):
        raise not_believed("a token of another issuer (iss)")
    audience, party = claims.get("aud"), claims.get("azp")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise not_believed("a token for another service (aud)")
    if (party is not None or len(audiences) > 1) and not _same(party, client_id):
        raise not_believed("a token asked for by another service (azp)")


def check_times(claims: Mapping[str, Any], now: datetime, *, is_identity: bool = False) -> None:
    """Check when a token holds; ``is_identity``: it must say it. Raises ProviderFailure."""
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    ends, made, begins = (_instant(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if is_identity and (ends is None or made is None):
        raise not_believed("an identity token without its times (exp, iat)")
    if ends is not None and ends <= at - leeway:
        raise not_believed("a token that has expired (exp): compare the clocks of both servers")
    if any(since is not None and since > at + leeway for since in (made, begins)):
        raise not_believed("a token of the future (iat, nbf): compare the clocks of both servers")
    if is_identity and made is not None and made < at - leeway - OLDEST.total_seconds():
        raise not_believed("an identity token made long ago (iat)")


def half_hash(text: str, algorithm: str) -> str:
    """The left half of the digest of a token, by the digest of the algorithm that signs it (Core, 3.1.3.6)."""
    whole = hashlib.new(f"sha{algorithm[2:]}", text.encode()).digest()
    return urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")


def _instant(value: object) -> float | None:
    """A time in Unix seconds; None when it is absent. Raises ProviderFailure for what is no time."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise not_believed("a token with a time that is none")
    return float(value)


def _same(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(errors="replace"), expected.encode())
