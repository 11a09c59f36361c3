"""One signed call: to an address that was judged, by a name whose certificate is checked, within one delay (R84)."""

import asyncio
import errno
import hashlib
import hmac
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from pydantic import SecretStr

from states import french
from workflow.settings.removals import ConnectorSettings, Resolver, check_addresses, resolve_host
from workflow.settings.secrets import CONNECTOR_KEY, SecretRefused, Secrets

SHORTEST: Final = 32
"""Characters of the secret."""


def secret_of(secrets: Secrets) -> SecretStr:
    """The connector's secret. Raises SecretMissing, SecretRefused when it is too short to prove anything."""
    secret = secrets.read(CONNECTOR_KEY)
    if len(secret.get_secret_value()) < SHORTEST:
        raise SecretRefused(
            f"le secret {CONNECTOR_KEY} est trop court : au moins {SHORTEST} caractères, tirés au hasard"
            " (openssl rand -hex 32), les mêmes sur le serveur ODA"
        )
    return secret


def headers(secret: SecretStr, at: datetime, url: str, body: bytes, key: str) -> dict[str, str]:
    """Headers of a call: the signature covers the instant (Unix seconds), so that no old call is replayed."""
    timestamp = str(int(at.timestamp()))
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Accept": "application/json",
        "User-Agent": "oda-connector",
        "Idempotency-Key": key,
        "X-ODA-Timestamp": timestamp,
        "X-ODA-Signature": f"v1={signature(secret, timestamp, url, key, body)}",
    }


def signature(secret: SecretStr, timestamp: str, url: str, key: str, body: bytes) -> str:
    """HMAC-SHA256 in hexadecimal, by the first version of what is signed: five lines, then the body.

    The key is in it, so that a call is not repeated under another one; method and address, so that it is not sent
    elsewhere.
    """
    signed = "\n".join(("v1", timestamp, "POST", url, key, "")).encode() + body
    return hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()


_CERTIFICATE: Final = {
    9: "il n'est pas encore valable", 10: "il a expiré", 18: "il n'est signé que par lui-même",
    62: "il est au nom d'un autre serveur", 64: "il est pour une autre adresse",
}  # fmt: skip
"""Reasons for refusing a certificate, by OpenSSL's number (X509_V_ERR)."""


def describe_error(error: BaseException, host: str, seconds: int) -> str:
    """Describe in French why a call to ``host`` failed; ``seconds`` is the timeout."""
    if isinstance(error, TimeoutError | httpx2.TimeoutException):  # what its cancelling broke is no cause
        return f"pas de réponse en {french.plural(seconds, 'seconde')}"
    for cause in _causes(error):
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


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it comes from, the deepest first: the libraries wrap what the system said."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return reversed(chain)


def _is(error: OSError, *numbers: int) -> bool:
    """True if the error has one of these numbers; after several attempts asyncio keeps them as text only."""
    return error.errno in numbers or any(f"[Errno {number}]" in str(error) for number in numbers)


MAX_BYTES: Final = 65536
"""Of an answer; more is not read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The server's answer. ``is_whole`` is False when it was longer than 64 KB."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True


class NoAnswer(Exception):
    """Nothing came back that can be read: the message says why, in French. The server may have done it all the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A body to send, under a key that makes its repetition harmless."""

    body: bytes
    key: str


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Calls the server of the settings. ``tls_context`` None trusts the system's authorities."""

    settings: ConnectorSettings
    secret: SecretStr
    resolver: Resolver = resolve_host
    tls_context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def addresses(self) -> tuple[str, ...]:
        """Resolve the server's name and check every address. Raises AddressRefused, NoAnswer for an unknown name."""
        parts, host = self._parts, self._host
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            addresses = self.resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise NoAnswer(describe_error(error, host, self.settings.timeout_seconds)) from None
        return check_addresses(host, addresses, self.settings.allowed, is_secure=parts.scheme == "https")

    def ask(self, calls: Sequence[Call], at: datetime) -> list[Reply | NoAnswer]:
        """Send these together; one answer, or its lack, each, in order. Raises AddressRefused, NoAnswer for all."""
        addresses = self.addresses()

        async def gather() -> list[Reply | NoAnswer]:
            return list(await asyncio.gather(*(self._one(call, addresses, at) for call in calls)))

        return asyncio.run(gather())

    async def _one(self, call: Call, addresses: Sequence[str], at: datetime) -> Reply | NoAnswer:
        seconds = self.settings.timeout_seconds
        try:
            async with asyncio.timeout(seconds):  # of the whole: a server that gives a byte now and then holds nobody
                return await self._post(call, addresses, at)
        except (TimeoutError, httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            return NoAnswer(describe_error(error, self._host, seconds))

    async def _post(self, call: Call, addresses: Sequence[str], at: datetime) -> Reply:
        """At the first address that takes the connection; one that does not was sent nothing."""
        connecting = self.settings.timeout_seconds / len(addresses)
        timeout = httpx2.Timeout(self.settings.timeout_seconds, connect=connecting)
        options: dict[str, Any] = {"verify": self.tls_context, "trust_env": False, "follow_redirects": False}
        async with httpx2.AsyncClient(**options, timeout=timeout) as client:
            *others, last = addresses
            for address in others:
                try:
                    return await self._sent(client, call, address, at)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    continue
            return await self._sent(client, call, last, at)

    async def _sent(self, client: httpx2.AsyncClient, call: Call, address: str, at: datetime) -> Reply:
        url = self.settings.url or ""
        request = client.build_request(
            "POST", httpx2.URL(url).copy_with(host=address), content=call.body,
            headers=headers(self.secret, at, url, call.body, call.key) | {"Host": self._parts.netloc},
            extensions={"sni_hostname": self._host},
        )  # fmt: skip
        response = await client.send(request, stream=True)
        try:
            body = bytearray()
            async for some in response.aiter_raw():
                body += some
                if len(body) > MAX_BYTES:
                    return Reply(status=response.status_code, headers=response.headers, body=b"", is_whole=False)
            return Reply(status=response.status_code, headers=response.headers, body=bytes(body))
        finally:
            await response.aclose()

    @property
    def _parts(self) -> Any:
        return urlsplit(self.settings.url or "")

    @property
    def _host(self) -> str:
        return self._parts.hostname or ""
