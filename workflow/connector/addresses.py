"""Which addresses may be called: public ones, and those that the settings list (R84).

A name is resolved once; what is judged here is what is then connected to, so that a name cannot change in between.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a name, as texts. Raises OSError for an unknown one."""

_GLOBAL_V6: Final = IPv6Network("2000::/3")
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""IPv4 through a translator (NAT64): the last 32 bits are the address that is reached."""


class AddressRefused(Exception):
    """The server must not be called there; the message says why and what to do, in French."""


def resolved(host: str, port: int) -> list[str]:
    """What this machine's resolver says of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def reached(text: str) -> Address:
    """Where a packet to this address ends: behind an IPv6 form of an IPv4 address, the latter."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _TRANSLATED:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet reaches it; Python alone would let several odd ranges pass."""
    usual = isinstance(address, IPv4Address) or address in _GLOBAL_V6
    return usual and address.is_global and not address.is_multicast


def is_never_a_server(address: Address) -> bool:
    """What no name may stand for, listed or not: the machine's own link, where clouds keep secrets; groups; nothing."""
    return (
        address.is_link_local or address.is_multicast or address.is_unspecified
        or (address.is_reserved and not address.is_loopback)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Allowed:
    """The private hosts that the settings list: names, addresses, networks."""

    entries: tuple[str, ...] = ()

    def admits(self, host: str, address: Address) -> bool:
        """Whether this address was listed: by itself, by its network, or by the name that gave it."""
        if any(address.version == one.version and address in one for one in map(network, self.entries) if one):
            return True
        return host.lower() in {entry.lower() for entry in self.entries} and not is_never_a_server(address)


def network(entry: str) -> IPv4Network | IPv6Network | None:
    """An entry as a network; None for a name."""
    try:
        return ip_network(entry)
    except ValueError:
        return None


def judged(host: str, texts: Sequence[str], allowed: Allowed, *, is_secure: bool) -> tuple[str, ...]:
    """The addresses as they may be connected to. Raises AddressRefused unless every one may."""
    if not texts:
        raise AddressRefused(f"le nom « {host} » ne mène à aucune adresse")
    for text in texts:
        address = reached(text)
        if is_public(address) and not is_secure:
            raise AddressRefused(f"« {host} » mène à {address}, une adresse publique : l'appeler par https://")
        if not is_public(address) and not allowed.admits(host, address):
            raise AddressRefused(
                f"« {host} » mène à {address}, qui n'est pas une adresse publique : si c'est bien le serveur ODA,"
                " l'ajouter à removals.connector.allow"
            )
    return tuple(texts)
