"""The call that each good tick makes: a supervisor that hears it no more rings (R115).

It delays no tick and fails none; what keeps it from arriving is told once, and once more when it arrives again.
"""

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from workflow.http_post import describe_error
from workflow.settings.addresses import AddressRefused, Resolver, check_addresses, resolve_host
from workflow.settings.monitoring import ALLOW, MonitoringSettings

CALL_S: Final = 5
"""Seconds of a whole call, once its name is resolved."""

_log: Final = logging.getLogger("oda")


class _Unwelcome(Exception):
    """The supervisor answered something else than that it has heard."""


@dataclass(kw_only=True)
class SupervisorCall:
    """Calls ``monitoring.ping_url``; does nothing without one. ``transport`` is a test's."""

    settings: MonitoringSettings
    resolver: Resolver = resolve_host
    transport: httpx2.AsyncBaseTransport | None = None
    _failing: bool = field(default=False, init=False)
    _turn: Lock = field(default_factory=Lock, init=False)
    _tls: list[ssl.SSLContext] = field(default_factory=list, init=False)

    def begin(self) -> Thread | None:
        """Call in a thread that ends with the process; None while another call lasts."""
        if self._turn.locked():
            return None
        thread = Thread(target=self._call_and_tell, name="oda-supervisor", daemon=True)
        thread.start()
        return thread

    def call(self) -> str:
        """Call now; return why it was not heard, in French, without the address, which may hold a key; else nothing."""
        url = self.settings.ping_url
        if url is None:
            return ""
        host = urlsplit(url).hostname or ""
        try:
            asyncio.run(self._call(url, host))
        except (AddressRefused, _Unwelcome) as refused:
            return str(refused)
        except (TimeoutError, httpx2.HTTPError, httpx2.StreamError, OSError, UnicodeError) as error:
            return describe_error(error, host, CALL_S)
        except Exception as error:  # its class alone: a text may hold the address
            return type(error).__name__
        return ""

    def _call_and_tell(self) -> None:
        with self._turn:
            why = self.call()
            if why and not self._failing:
                _log.warning("supervisor not called: %s", why)
            elif not why and self._failing:
                _log.info("supervisor called again")
            self._failing = bool(why)

    async def _call(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        texts = self.resolver(host, parts.port or (443 if is_secure else 80))
        address = check_addresses(host, texts, self.settings.allowed, is_secure=is_secure, setting=ALLOW)[0]
        options: dict[str, Any] = {"transport": self.transport} if self.transport else {"verify": self._context()}
        async with (
            asyncio.timeout(CALL_S),
            httpx2.AsyncClient(**options, trust_env=False, follow_redirects=False, timeout=CALL_S) as client,
            client.stream(
                "GET", httpx2.URL(url).copy_with(host=address),
                headers={"Host": parts.netloc, "User-Agent": "oda"}, extensions={"sni_hostname": host},
            ) as response,
        ):  # fmt: skip
            if not response.is_success:
                raise _Unwelcome(f"« {host} » a répondu {response.status_code}")

    def _context(self) -> ssl.SSLContext:
        """The authorities of the system, read once."""
        if not self._tls:
            self._tls.append(ssl.create_default_context())
        return self._tls[0]
