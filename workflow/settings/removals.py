"""The settings of the removals, and the addresses that the connector may call (R48, R80, R83, R84).

A name is resolved once; the address checked here is then the one connected to, so that a name cannot change in between.
"""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from notifications.settings import Section, refusal
from states.vocabulary import RemovalKind
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
    setting: str = "removals.connector.allow",
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


def _parts(url: str) -> SplitResult:
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


def _signed_url(text: str) -> str:
    parts = _parts(text)
    if parts.username is not None or parts.password is not None:
        raise refusal("un mot de passe n'a pas sa place dans l'adresse : l'appel est signé par le secret connector-key")
    return _url(text)


def _url(text: str) -> str:
    parts = _parts(text)
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


def require_callable(url: str, allowed: AllowedHosts, setting: str = "removals.connector.allow") -> None:
    """Check an address before any name is resolved: the rest is checked at each call. Raises pydantic's error."""
    parts = _parts(url)
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


Url = Annotated[str, AfterValidator(_url), Field(json_schema_extra={"pattern": "^https?://"})]

SignedUrl = Annotated[str, AfterValidator(_signed_url), Field(json_schema_extra={"pattern": "^https?://"})]

HostOrNetwork = Annotated[str, AfterValidator(_host_or_network)]


class ConnectorSettings(Section):
    """The calls to the ODA server; none is made while ``url`` is null."""

    allow: tuple[HostOrNetwork, ...] = Field(
        (), description="Serveurs privés que l'on peut appeler : noms, adresses ou réseaux, comme 10.1.2.0/24."
    )
    url: SignedUrl | None = Field(
        None,
        description="L'adresse, en https, à laquelle chaque retrait est demandé au serveur ODA ; null : aucun appel."
        " La clé qui signe est le secret connector-key.",
    )
    timeout_seconds: int = Field(20, ge=1, le=120, description="Durée la plus longue d'un appel, en secondes.")
    max_attempts: int = Field(8, ge=1, le=50, description="Essais avant de rendre un retrait aux opérateurs.")
    kinds: tuple[RemovalKind, ...] = Field(
        tuple(RemovalKind),
        min_length=1,
        description="Les retraits demandés : remove_rights (une clé existe), key_enabled (une clé a pu être activée).",
    )

    @field_validator("url")
    @classmethod
    def _may_be_called(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and "allow" in info.data:
            require_callable(url, AllowedHosts(info.data["allow"]))
        return url

    @property
    def allowed(self) -> AllowedHosts:
        """The private hosts that are listed."""
        return AllowedHosts(self.allow)


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")

_MEDIA = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*/[A-Za-z0-9][A-Za-z0-9.+-]*")


def _filename(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise refusal(
            f"« {text} » n'est pas un nom de fichier simple",
            "des lettres sans accent, des chiffres, des points, des tirets : retraits.csv",
        )
    return text


def _media_type(text: str) -> str:
    if not _MEDIA.fullmatch(text):
        raise refusal(f"« {text} » n'est pas un type de fichier", "text/csv, application/json ou application/xml")
    return text.lower()


Filename = Annotated[str, AfterValidator(_filename)]


class ExportSettings(Section):
    """The name and the form of the export of the removals to do (R83)."""

    filename: Filename = Field("retraits.csv", description="Nom du fichier que l'on télécharge (R83).")
    media_type: Annotated[str, AfterValidator(_media_type)] = Field(
        "text/csv", description="Type du fichier, dit au navigateur (R83)."
    )
    encoding: Literal["utf-8-sig", "utf-8", "windows-1252"] = Field(
        "utf-8-sig",
        description="Codage du fichier : utf-8-sig commence par la marque que les tableurs attendent ; en windows-1252,"
        " un caractère qui n'y est pas devient le plus proche (ł devient l), à défaut « ? », et c'est dit (R83).",
    )
    line_ends: Literal["crlf", "lf"] = Field(
        "crlf", description="Fins de ligne du fichier : celles de Windows (crlf) ou d'Unix (lf) (R83)."
    )


class RemovalsSettings(Section):
    """The follow-up of the removals of rights."""

    late_after_days: int = Field(
        15, ge=1, le=365, description="Jours après lesquels un retrait encore ouvert est dit en retard (R80)."
    )
    export: ExportSettings = Field(
        default_factory=ExportSettings, description="Le fichier des retraits à faire ; sa forme est un modèle (R83)."
    )
    connector: ConnectorSettings = Field(
        default_factory=ConnectorSettings, description="Le connecteur, qui demande les retraits au serveur ODA (R84)."
    )
