"""The settings of the database (an SQLite file or a PostgreSQL server) and of the portal."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
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
