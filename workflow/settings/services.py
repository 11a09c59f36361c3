"""The settings of the other services that the software calls, and the addresses at which it may (R84, R115, R118).

The connector asks the ODA server for each removal (R48, R80, R83), the webhooks tell other systems of the requests'
events. A name is resolved once, and the address that was checked is the one connected to: a name cannot change in
between.
"""

import hashlib
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from notifications.settings import Section, matching, refusal
from states.vocabulary import RemovalKind, Trigger
from workflow.settings.secrets import OF_WEBHOOK

ALLOW_CONNECTOR: Final = "removals.connector.allow"

ALLOW_WEBHOOKS: Final = "webhooks.allow"

URL_EXAMPLE = "par exemple https://oda.ac-toulouse.fr/retraits"

_ENDPOINT_NAME: Final = "[a-z][a-z0-9-]{0,29}"

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*")

_NUMBERED = re.compile(r"(.*\.)?(0[xX][0-9A-Fa-f]*|[0-9]+)")
"""A host that a system reads as an address though it is not written as one: 127.1, 0x7f000001."""

_GLOBAL_V6: Final = IPv6Network("2000::/3")

_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""IPv4 through a translator (NAT64): the last 32 bits are the address that is reached."""

Address = IPv4Address | IPv6Address

Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a name, as texts. Raises OSError for an unknown one."""


class AddressRefused(Exception):
    """The server must not be called there; the message says why and what to do, in French."""


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


def is_this_machine(host: str) -> bool:
    """Return True when only this machine reaches this host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.localdomain")


def has_hidden(text: str) -> bool:
    """Return True for an address with a space or a control: ``urlsplit`` drops a tab, and joins what it parted."""
    return any(character.isspace() or not character.isprintable() for character in text)


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


def _signed_url(text: str) -> str:
    parts = url_parts(text)
    if parts.username is not None or parts.password is not None:
        raise refusal("un mot de passe n'a pas sa place dans l'adresse : l'appel est signé par le secret connector-key")
    return checked_url(text)


def usual_network(text: str) -> str:
    """Write an address, or a network, in the usual way. Raises ValueError for anything else."""
    return str(ip_network(text) if "/" in text else ip_network(text).network_address)


def _host_or_network(text: str) -> str:
    try:
        return usual_network(text)
    except ValueError:
        if _HOST_NAME.fullmatch(text) and not _NUMBERED.fullmatch(text):
            return text.lower()
    raise refusal(f"« {text} » n'est ni un nom, ni une adresse, ni un réseau", "oda.interne, 10.1.2.3 ou 10.1.2.0/24")


Url = Annotated[str, AfterValidator(checked_url), Field(json_schema_extra={"pattern": "^https?://"})]

SignedUrl = Annotated[str, AfterValidator(_signed_url), Field(json_schema_extra={"pattern": "^https?://"})]

HostOrNetwork = Annotated[str, AfterValidator(_host_or_network)]

EndpointName = Annotated[
    str,
    matching(_ENDPOINT_NAME, "« {text} » ne peut pas être le nom d'un webhook", "des minuscules et tirets : tickets"),
    Field(json_schema_extra={"pattern": f"^{_ENDPOINT_NAME}$"}),
]

Filename = Annotated[
    str,
    matching(
        r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}",
        "« {text} » n'est pas un nom de fichier simple",
        "des lettres sans accent, des chiffres, des points, des tirets : retraits.csv",
    ),
]

MediaType = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9.+-]*/[A-Za-z0-9][A-Za-z0-9.+-]*",
        "« {text} » n'est pas un type de fichier",
        "text/csv, application/json ou application/xml",
    ),
    AfterValidator(str.lower),
]


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
            require_callable(url, AllowedHosts(info.data["allow"]), ALLOW_CONNECTOR)
        return url

    @property
    def allowed(self) -> AllowedHosts:
        """The private hosts that are listed."""
        return AllowedHosts(self.allow)


class ExportSettings(Section):
    """The name and the form of the export of the removals to do (R83)."""

    filename: Filename = Field("retraits.csv", description="Nom du fichier que l'on télécharge (R83).")
    media_type: MediaType = Field("text/csv", description="Type du fichier, dit au navigateur (R83).")
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


class WebhookEndpoint(Section):
    """Another system that is told; its secret is ``webhook-NAME``."""

    name: EndpointName = Field(
        description="Son nom court, dans les listes et le nom de son secret (webhook-NOM) : tickets."
    )
    url: Url = Field(description="L'adresse, en https, qui reçoit chaque message.")
    events: tuple[Trigger, ...] = Field(
        (),
        description="Les événements dont il est prévenu, par leur code (declare, issue_code, revoke…) ; aucun : tous.",
    )
    include_people: bool = Field(
        False, description="true : le nom, le prénom et l'adresse du RUPN sont dans le message ; jamais rien d'autre."
    )
    timeout_seconds: int = Field(15, ge=1, le=60, description="Durée la plus longue d'un envoi, en secondes.")

    @property
    def secret_name(self) -> str:
        """The name of its secret."""
        return f"{OF_WEBHOOK}{self.name}"

    @property
    def digest(self) -> str:
        """The same as long as these settings are: an endpoint that is gone stays so until they change."""
        said = "\n".join((self.url, *sorted(self.events), str(self.include_people)))
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    def wants(self, trigger: Trigger) -> bool:
        """Return True if it is told of this event."""
        return not self.events or trigger in self.events


class WebhooksSettings(Section):
    """The systems that are told; nobody while ``endpoints`` is empty."""

    allow: tuple[HostOrNetwork, ...] = Field(
        (), description="Serveurs privés que l'on peut prévenir : noms, adresses ou réseaux, comme 10.1.2.0/24."
    )
    endpoints: tuple[WebhookEndpoint, ...] = Field(
        (), max_length=10, description="Les autres logiciels prévenus des événements des demandes (R118)."
    )
    keep_days: int = Field(
        90,
        ge=1,
        le=400,
        description="Jours pendant lesquels un message reçu ou abandonné reste dans la liste, puis est oublié.",
    )

    @field_validator("endpoints")
    @classmethod
    def _may_be_called(
        cls, endpoints: tuple[WebhookEndpoint, ...], info: ValidationInfo
    ) -> tuple[WebhookEndpoint, ...]:
        names = [endpoint.name for endpoint in endpoints]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise refusal(f"deux webhooks s'appellent « {twice} »", "un autre nom, qui a son propre secret")
        if "allow" in info.data:
            for endpoint in endpoints:
                require_callable(endpoint.url, AllowedHosts(info.data["allow"]), ALLOW_WEBHOOKS)
        return endpoints

    @property
    def allowed(self) -> AllowedHosts:
        """The private hosts that are listed."""
        return AllowedHosts(self.allow)

    def endpoint(self, name: str) -> WebhookEndpoint | None:
        """Return the endpoint of this name."""
        return next((endpoint for endpoint in self.endpoints if endpoint.name == name), None)
