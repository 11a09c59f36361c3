"""One signed call: to an address that was judged, by a name whose certificate is checked, within one delay (R84)."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from pydantic import SecretStr

from workflow.connector import signing
from workflow.connector.addresses import Resolver, judged, resolved
from workflow.connector.troubles import told
from workflow.settings.connector import ConnectorSettings

MAX_BYTES: Final = 65536
"""Of an answer; more is not read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What the server answered. ``is_whole``: it held in 64 KB."""

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
    resolver: Resolver = resolved
    tls_context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def addresses(self) -> tuple[str, ...]:
        """Where the server is, every address judged. Raises AddressRefused, NoAnswer for an unknown name."""
        parts, host = self._parts, self._host
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = self.resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise NoAnswer(told(error, host, self.settings.timeout_seconds)) from None
        return judged(host, found, self.settings.allowed, is_secure=parts.scheme == "https")

    def ask(self, calls: Sequence[Call], at: datetime) -> list[Reply | NoAnswer]:
        """Send these together; one answer, or its lack, each, in order. Raises AddressRefused, NoAnswer for all."""
        addresses = self.addresses()
        return asyncio.run(self._together(calls, addresses, at))

    async def _together(self, calls: Sequence[Call], addresses: Sequence[str], at: datetime) -> list[Reply | NoAnswer]:
        return list(await asyncio.gather(*(self._one(call, addresses, at) for call in calls)))

    async def _one(self, call: Call, addresses: Sequence[str], at: datetime) -> Reply | NoAnswer:
        seconds = self.settings.timeout_seconds
        try:
            async with asyncio.timeout(seconds):  # of the whole: a server that gives a byte now and then holds nobody
                return await self._post(call, addresses, at)
        except (TimeoutError, httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            return NoAnswer(told(error, self._host, seconds))

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
        request = client.build_request(
            "POST", httpx2.URL(self.settings.url or "").copy_with(host=address), content=call.body,
            headers=signing.headers(self.secret, at, call.body, call.key) | {"Host": self._parts.netloc},
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
