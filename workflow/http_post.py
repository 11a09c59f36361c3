"""A POST to an address that was judged, by a name whose certificate is checked, within one delay (R84, R118).

No redirection is followed, no proxy of the environment is used, and no more of an answer is read than was asked for.
"""

import asyncio
import errno
import math
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from states import french
from workflow.settings.services import AllowedHosts, Resolver, check_addresses, resolve_host

_CERTIFICATE: Final = {
    9: "il n'est pas encore valable", 10: "il a expiré", 18: "il n'est signé que par lui-même",
    62: "il est au nom d'un autre serveur", 64: "il est pour une autre adresse",
}  # fmt: skip
"""Reasons for refusing a certificate, by OpenSSL's number (X509_V_ERR)."""

MAX_BYTES: Final = 65536
"""Of an answer; more is not read."""

SOONEST, LATEST = timedelta(minutes=1), timedelta(hours=24)
"""Bounds of what a server may ask us to wait."""


def describe_error(error: BaseException, host: str, seconds: int) -> str:
    """Describe in French why a call to ``host`` failed; ``seconds`` is the timeout."""
    if isinstance(error, TimeoutError | httpx2.TimeoutException):  # what its cancelling broke is no cause
        return f"pas de réponse en {french.plural(seconds, 'seconde')}"
    causes: list[BaseException] = []  # the deepest first: the libraries wrap what the system said
    cause_of: BaseException | None = error
    while cause_of is not None and cause_of not in causes:
        causes.insert(0, cause_of)
        cause_of = cause_of.__cause__ or cause_of.__context__
    for cause in causes:
        match cause:
            case ssl.SSLCertVerificationError():
                why = _CERTIFICATE.get(cause.verify_code, "l'autorité qui l'a signé est inconnue de cette machine")
                return f"le certificat de « {host} » n'est pas admis : {why}"
            case ssl.SSLError():
                return f"le chiffrement ne s'établit pas avec « {host} »"
            case socket.gaierror() | UnicodeError():
                return f"le nom « {host} » est inconnu"
            case OSError() if _is(cause, errno.ECONNREFUSED):
                return f"connexion refusée par « {host} »"
            case OSError() if _is(cause, errno.EHOSTUNREACH, errno.ENETUNREACH):
                return f"aucun chemin du réseau ne mène à « {host} »"
    if isinstance(error, httpx2.ConnectError):
        return f"la connexion à « {host} » ne s'établit pas"
    return "connexion perdue avant la fin de la réponse"


def _is(error: OSError, *numbers: int) -> bool:
    """True if the error has one of these numbers; after several attempts asyncio keeps them as text only."""
    return error.errno in numbers or any(f"[Errno {number}]" in str(error) for number in numbers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The server's answer. ``is_whole`` is False when it was longer than what is read of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True


class NoAnswer(Exception):
    """Nothing came back that can be read: the message says why, in French. The server may have done it all the same."""


@dataclass(frozen=True, kw_only=True)
class HttpPost:
    """Posts to one address. ``tls_context`` None trusts the system's authorities; ``setting``: see check_addresses.

    ``max_bytes`` of an answer are read; with 0 its status and headers alone.
    """

    url: str
    allowed: AllowedHosts
    setting: str
    timeout_seconds: int
    max_bytes: int = MAX_BYTES
    resolver: Resolver = resolve_host
    tls_context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def addresses(self) -> tuple[str, ...]:
        """Resolve the server's name and check every address. Raises AddressRefused, NoAnswer for an unknown name."""
        parts, host = urlsplit(self.url), self.host
        is_secure = parts.scheme == "https"
        try:
            addresses = self.resolver(host, parts.port or (443 if is_secure else 80))
        except (OSError, UnicodeError) as error:
            raise NoAnswer(describe_error(error, host, self.timeout_seconds)) from None
        return check_addresses(host, addresses, self.allowed, is_secure=is_secure, setting=self.setting)

    def send(self, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> list[Reply | NoAnswer]:
        """Send these bodies with their headers together; one answer, or its lack, each, in order.

        Raises AddressRefused, NoAnswer for all.
        """
        addresses = self.addresses()

        async def gather() -> list[Reply | NoAnswer]:
            return list(await asyncio.gather(*(self._post(*message, addresses) for message in messages)))

        return asyncio.run(gather())

    async def _post(self, body: bytes, headers: Mapping[str, str], addresses: Sequence[str]) -> Reply | NoAnswer:
        """Post at the first address that takes the connection; one that does not was sent nothing."""
        seconds, (*others, last) = self.timeout_seconds, addresses
        timeout = httpx2.Timeout(seconds, connect=seconds / len(addresses))
        options: dict[str, Any] = {"verify": self.tls_context, "trust_env": False, "follow_redirects": False}
        try:
            # Of the whole: a server that gives a byte now and then holds nobody.
            async with asyncio.timeout(seconds), httpx2.AsyncClient(**options, timeout=timeout) as client:
                for address in others:
                    with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                        return await self._sent(client, body, headers, address)
                return await self._sent(client, body, headers, last)
        except (TimeoutError, httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            return NoAnswer(describe_error(error, self.host, seconds))

    async def _sent(self, client: httpx2.AsyncClient, body: bytes, headers: Mapping[str, str], address: str) -> Reply:
        request = client.build_request(
            "POST", httpx2.URL(self.url).copy_with(host=address), content=body,
            headers={**headers, "Host": urlsplit(self.url).netloc}, extensions={"sni_hostname": self.host},
        )  # fmt: skip
        response = await client.send(request, stream=True)
        answer = Reply(status=response.status_code, headers=response.headers, body=b"", is_whole=False)
        try:
            if not self.max_bytes:
                return answer
            content = bytearray()
            async for some in response.aiter_raw():
                content += some
                if len(content) > self.max_bytes:
                    return answer
            return Reply(status=response.status_code, headers=response.headers, body=bytes(content))
        finally:
            await response.aclose()


def retry_after(reply: Reply, now: datetime) -> timedelta | None:
    """``Retry-After``, in seconds or as a date, within our bounds; None when it says nothing that can be read."""
    text = reply.headers.get("retry-after")
    if not text:
        return None
    try:
        if text.strip().isdecimal():
            seconds = float(text)
        else:
            instant = parsedate_to_datetime(text)
            seconds = ((instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(SOONEST, timedelta(seconds=min(seconds, LATEST.total_seconds()))) if math.isfinite(seconds) else LATEST
