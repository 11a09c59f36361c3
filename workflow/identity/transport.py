"""Calls to an identity provider, bounded in time and in size and led nowhere else, and why a sign-in fails (R101)."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic
from typing import Final

import httpx2

from workflow.settings.sign_in import is_secure_address

CALL_S: Final = 8
"""Seconds of a whole call, however slowly its answer comes."""

STEP_S: Final = 4
"""Seconds of a connection, or of a silence."""

MOST_BYTES: Final = 200_000
"""Of an answer: a configuration, a set of keys, a token."""


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
        try:
            with (
                self._client() as client,
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

    def _client(self) -> httpx2.Client:
        """A client that trusts the authorities of the system, which are read once."""
        if self.transport is not None:
            return httpx2.Client(transport=self.transport)
        if not self._tls:
            self._tls.append(ssl.create_default_context())
        return httpx2.Client(verify=self._tls[0], timeout=STEP_S)
