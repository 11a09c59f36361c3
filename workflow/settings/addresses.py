"""The addresses of other services that the settings may name, and what is checked before each call (R84, R115, R118).

A name is resolved once; the address checked here is then the one connected to, so that a name cannot change in between.
"""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field

from notifications.settings import refusal
from workflow.settings.infrastructure import has_hidden, is_this_machine

Address = IPv4Address | IPv6Address

Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a name, as texts. Raises OSError for an unknown one."""

_GLOBAL_V6: Final = IPv6Network("2000::/3")

_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""IPv4 through a translator (NAT64): the last 32 bits are the address that is reached."""


class AddressRefused(Exception):
    """The server must not be called there; the message says why and what to do, in French."""


def resolve_host(host: str, port: int) -> list[str]:
    """Resolve a name on this machine. Raises OSError for an unknown one."""
    results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(socket_address[0]) for *_, socket_address in results))


def destination(text: str) -> Address:
    """The address where a packet ends: behind an IPv6 form of an IPv4 address, the latter."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _TRANSLATED:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def is_public(address: Address) -> bool:
    """True if anybody on the Internet reaches it; Python alone would let several odd ranges pass."""
    usual = isinstance(address, IPv4Address) or address in _GLOBAL_V6
    return usual and address.is_global and not address.is_multicast


def is_never_a_server(address: Address) -> bool:
    """True if no name may stand for it, listed or not: the machine's own link, where clouds keep secrets; groups."""
    return (
        address.is_link_local or address.is_multicast or address.is_unspecified
        or (address.is_reserved and not address.is_loopback)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The private hosts that the settings list: names, addresses, networks."""

    entries: tuple[str, ...] = ()

    def admits(self, host: str, address: Address) -> bool:
        """True if this address is listed: by itself, by its network, or by the name that gave it."""
        if any(
            address.version == listed.version and address in listed for listed in map(network, self.entries) if listed
        ):
            return True
        return host.lower() in {entry.lower() for entry in self.entries} and not is_never_a_server(address)


def network(entry: str) -> IPv4Network | IPv6Network | None:
    """An entry as a network; None for a name."""
    try:
        return ip_network(entry)
    except ValueError:
        return None


def check_addresses(
    host: str, texts: Sequence[str], allowed: AllowedHosts, *, is_secure: bool,
    setting: str,
) -> tuple[str, ...]:  # fmt: skip
    """Return the addresses. Raises AddressRefused unless every one may be called: public, or listed (R84).

    ``setting`` is where the private hosts are listed.

    Without encryption this machine alone is called: whoever stands between could answer in the server's name.
    """
    if not texts:
        raise AddressRefused(f"le nom « {host} » ne mène à aucune adresse")
    for text in texts:
        address = destination(text)
        if not is_secure and not address.is_loopback:
            raise AddressRefused(
                f"« {host} » mène à {address}, une autre machine : l'appeler par https://, sans quoi n'importe qui"
                " sur le réseau répondrait à sa place"
            )
        if not is_public(address) and not allowed.admits(host, address):
            raise AddressRefused(
                f"« {host} » mène à {address}, qui n'est pas une adresse publique : si c'est bien ce serveur,"
                f" l'ajouter à {setting}"
            )
    return tuple(texts)


URL_EXAMPLE = "par exemple https://oda.ac-toulouse.fr/retraits"

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*")

_NUMBERED = re.compile(r"(.*\.)?(0[xX][0-9A-Fa-f]*|[0-9]+)")
"""A host that a system reads as an address though it is not written as one: 127.1, 0x7f000001."""


def url_parts(url: str) -> SplitResult:
    """Split an address. Raises pydantic's error unless it is one."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises when it is no port
    except ValueError:
        raise refusal("ce n'est pas une adresse", URL_EXAMPLE) from None
    return parts


def _is_address(host: str) -> bool:
    try:
        ip_network(host)
    except ValueError:
        return False
    return True


def checked_url(text: str) -> str:
    """Return the address of a service. Raises pydantic's error for anything else, and for one with a password."""
    parts = url_parts(text)
    host = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        raise refusal("un mot de passe n'a pas sa place dans l'adresse")
    is_plain = text.isascii() and not has_hidden(text)
    if parts.scheme not in ("https", "http") or not host or parts.fragment or not is_plain:
        raise refusal("ce n'est pas l'adresse d'un service", URL_EXAMPLE)
    if not _is_address(host) and (not _HOST_NAME.fullmatch(host) or _NUMBERED.fullmatch(host)):
        raise refusal(f"« {host} » n'est pas un nom de serveur", URL_EXAMPLE)
    return text


def _host_or_network(text: str) -> str:
    try:
        return str(ip_network(text) if "/" in text else ip_network(text).network_address)
    except ValueError:
        if _HOST_NAME.fullmatch(text) and not _NUMBERED.fullmatch(text):
            return text.lower()
    raise refusal(f"« {text} » n'est ni un nom, ni une adresse, ni un réseau", "oda.interne, 10.1.2.3 ou 10.1.2.0/24")


def require_callable(url: str, allowed: AllowedHosts, setting: str) -> None:
    """Check an address before any name is resolved: the rest is checked at each call. Raises pydantic's error."""
    parts = url_parts(url)
    host, is_secure = parts.hostname or "", parts.scheme == "https"
    if not is_secure and not is_this_machine(host):
        raise refusal(
            "sans chiffrement (http), seul un service de cette machine peut être appelé : donner une adresse en"
            " https, au besoin celle d'un serveur HTTPS placé devant celui que l'on appelle",
            URL_EXAMPLE,
        )
    if _is_address(host):
        try:
            check_addresses(host, [host], allowed, is_secure=is_secure, setting=setting)
        except AddressRefused as refused:
            raise refusal(str(refused)) from None


Url = Annotated[str, AfterValidator(checked_url), Field(json_schema_extra={"pattern": "^https?://"})]

HostOrNetwork = Annotated[str, AfterValidator(_host_or_network)]
