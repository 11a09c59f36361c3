"""The settings of the database (an SQLite file or a PostgreSQL server) and of the portal."""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from notifications.settings import OneLine, Section, refusal

if TYPE_CHECKING:
    from sqlalchemy import URL


_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")


ALLOWED_URLS = "sqlite:///oda.sqlite ou postgresql://compte@serveur/base"


def _check_url(url: str) -> str:
    # No message quotes the address: what is malformed may hold a password.
    try:
        parts = urlsplit(url)
        has_password = bool(parts.password) or "password" in parse_qs(parts.query)
    except ValueError:
        raise refusal("cette adresse de base de données est illisible", ALLOWED_URLS) from None
    if has_password or re.match(r"[^:]+://[^@]*:[^@]*@", url):
        raise refusal(
            "le mot de passe n'a pas sa place dans l'adresse : le mettre dans le secret database-password"
            " (fichier secrets/database-password en chmod 600, ou variable ODA_DATABASE_PASSWORD)"
        )
    if problem := _url_problem(url, parts):
        raise refusal(problem, ALLOWED_URLS)
    return url


def _url_problem(url: str, parts: SplitResult) -> str | None:
    if parts.scheme == "sqlite":
        name = url.removeprefix("sqlite:///")
        if name == url or not name:
            return "une adresse SQLite commence par trois barres obliques, suivies d'un nom de fichier"
        if ":memory:" in name or "?" in name or name.endswith("/"):
            return "SQLite est admis avec un fichier ordinaire, sans option"
        return None
    if parts.scheme not in _POSTGRESQL:
        return "ce moteur de base de données n'est pas admis"
    try:
        _ = parts.port
    except ValueError:
        return "le port du serveur PostgreSQL n'est pas un nombre"
    return None if parts.path.strip("/") else "le nom de la base PostgreSQL manque"


class DatabaseSettings(Section):
    """The database's address, without a password."""

    url: Annotated[str, AfterValidator(_check_url)] = Field(
        "sqlite:///oda.sqlite",
        description="sqlite:///fichier (relatif au dossier de ce fichier) ou postgresql://compte@serveur/base ;"
        " le mot de passe est le secret database-password.",
    )

    def sqlite_file(self, folder: Path) -> Path | None:
        """The absolute path of the SQLite file, relative ones being taken from ``folder``; None on PostgreSQL."""
        if not self.url.startswith("sqlite:///"):
            return None
        return (folder / self.url.removeprefix("sqlite:///")).absolute()

    def resolved(self, folder: Path) -> str:
        """The address as SQLAlchemy takes it: an absolute file, or the driver psycopg. It holds no password."""
        if file := self.sqlite_file(folder):
            return f"sqlite:///{file}"
        return f"postgresql+psycopg:{self.url.partition(':')[2]}"


def connection_url(url: str, password: SecretStr | None) -> "URL":
    """The address with its password (the secret ``database-password``), masked by SQLAlchemy when printed."""
    from sqlalchemy import make_url

    parsed = make_url(url)
    if password is None or parsed.drivername == "sqlite":
        return parsed
    return parsed.set(password=password.get_secret_value())


def is_this_machine(host: str) -> bool:
    """Return True when only this machine reaches this host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.localdomain")


def has_hidden(text: str) -> bool:
    """Return True for an address with a space or a control: ``urlsplit`` drops a tab, and joins what it parted."""
    return any(character.isspace() or not character.isprintable() for character in text)


def _address(text: str) -> str:
    parts = urlsplit(text)
    if (
        has_hidden(text)
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.path.strip("/")
    ):
        raise refusal(f"« {text} » n'est pas l'adresse d'un site", "par exemple https://oda.ac-toulouse.fr")
    return text.rstrip("/")


def _link(text: str) -> str:
    parts = urlsplit(text)
    if text and (
        has_hidden(text) or parts.scheme not in ("http", "https", "mailto") or not (parts.netloc or parts.path)
    ):
        raise refusal(f"« {text} » n'est pas un lien", "une adresse qui commence par https://")
    return text


def _proxy(text: str) -> str:
    try:
        return str(ip_network(text) if "/" in text else ip_network(text).network_address)
    except ValueError:
        raise refusal(f"« {text} » n'est pas une adresse IP", "par exemple 127.0.0.1, ou 10.1.2.0/24") from None


ProxyAddress = Annotated[str, AfterValidator(_proxy)]


SiteAddress = Annotated[str, AfterValidator(_address)]


Link = Annotated[str, AfterValidator(_link)]


class AccessibilitySettings(Section):
    """The accessibility audit, said honestly: none was made until these settings say so."""

    status: Literal["non", "partiellement", "totalement"] = Field(
        "non", description="Conformité au RGAA : non, partiellement ou totalement conforme."
    )
    audited_on: OneLine | None = Field(None, description="Quand et par qui l'audit a été fait ; null sans audit.")
    percentage: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None, description="Part des critères respectés, en %, d'après cet audit ; null sans audit."
    )


class PortalSettings(Section):
    """The pages of the chef and of the rectorat."""

    address: SiteAddress = Field(
        "http://localhost:8000", description="L'adresse à laquelle on l'atteint ; les liens des courriels la portent."
    )
    host: OneLine = Field("127.0.0.1", description="L'adresse IP sur laquelle « oda serve » écoute.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="Le port sur lequel il écoute.")
    proxies: tuple[ProxyAddress, ...] = Field(
        ("127.0.0.1", "::1"),
        description="Les adresses des serveurs mandataires que l'on croit quand ils disent qui appelle.",
    )
    link_minutes: Annotated[int, Field(ge=5, le=1440)] = Field(
        15, description="Durée de validité d'un lien de connexion et de ses six chiffres, en minutes."
    )
    session_hours: Annotated[int, Field(ge=1, le=72)] = Field(
        10, description="Durée d'une connexion, en heures, au plus."
    )
    session_idle_minutes: Annotated[int, Field(ge=5, le=1440)] = Field(
        120, description="Une connexion inutilisée finit après ce nombre de minutes."
    )
    publisher: OneLine | None = Field(
        None, description="Qui publie le portail (mentions légales) ; null : l'académie, par son nom."
    )
    hosting: OneLine | None = Field(None, description="Qui l'héberge, avec son adresse (mentions légales).")
    data_protection: OneLine | None = Field(None, description="Comment écrire au délégué à la protection des données.")
    satisfaction: Link = Field("", description="L'adresse du bouton « Je donne mon avis » ; vide : pas de bouton.")
    accessibility: AccessibilitySettings = Field(
        default_factory=AccessibilitySettings, description="La déclaration d'accessibilité."
    )


# The addresses of other services that the settings may name, and what is checked before each call (R84, R115, R118).
#
# A name is resolved once; the address checked here is then the one connected to, so that a name cannot change in
# between.


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
