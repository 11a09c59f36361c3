"""The settings of the installation: its database (an SQLite file or a PostgreSQL server), its portal, and who watches.

The latter are supervision (R115), the security journal and contact (R108, RFC 9116), the journal's seal (R109).
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from notifications.settings import MailAddress, OneLine, Section, refusal
from states.validation import mail_problem
from workflow.settings.services import AllowedHosts, HostOrNetwork, Url, has_hidden, require_callable, usual_network

if TYPE_CHECKING:
    from sqlalchemy import URL

ALLOWED_URLS = "sqlite:///oda.sqlite ou postgresql://compte@serveur/base"

ALLOW_SUPERVISOR: Final = "monitoring.allow"

DAYS_AHEAD: Final = 360
"""Days until the file expires: less than a year, as its RFC asks; it is made anew at each reading."""

LogForm = Literal["text", "json"]

SecurityLog = Literal["none", "stderr", "syslog"]


class DatabaseSettings(Section):
    """The database's address, without a password."""

    url: str = Field(
        "sqlite:///oda.sqlite",
        description="sqlite:///fichier (relatif au dossier de ce fichier) ou postgresql://compte@serveur/base ;"
        " le mot de passe est le secret database-password.",
    )

    @field_validator("url")
    @classmethod
    def _is_a_database(cls, url: str) -> str:
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
        problem = None
        if parts.scheme == "sqlite":
            name = url.removeprefix("sqlite:///")
            if name == url or not name:
                problem = "une adresse SQLite commence par trois barres obliques, suivies d'un nom de fichier"
            elif ":memory:" in name or "?" in name or name.endswith("/"):
                problem = "SQLite est admis avec un fichier ordinaire, sans option"
        elif parts.scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
            problem = "ce moteur de base de données n'est pas admis"
        else:
            try:
                _ = parts.port
            except ValueError:
                problem = "le port du serveur PostgreSQL n'est pas un nombre"
            else:
                problem = None if parts.path.strip("/") else "le nom de la base PostgreSQL manque"
        if problem:
            raise refusal(problem, ALLOWED_URLS)
        return url

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


def _proxy(text: str) -> str:
    try:
        return usual_network(text)
    except ValueError:
        raise refusal(f"« {text} » n'est pas une adresse IP", "par exemple 127.0.0.1, ou 10.1.2.0/24") from None


ProxyAddress = Annotated[str, AfterValidator(_proxy)]


class AccessibilitySettings(Section):
    """The accessibility audit, said honestly: none was made until these settings say so."""

    status: Literal["non", "partiellement", "totalement"] = Field(
        "non", description="Conformité au RGAA : non, partiellement ou totalement conforme."
    )
    declared_on: OneLine | None = Field(
        None, description="Quand la déclaration a été établie, ainsi : le 1er octobre 2026."
    )
    audited_on: OneLine | None = Field(None, description="Quand et par qui l'audit a été fait ; null sans audit.")
    percentage: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None, description="Part des critères respectés, en %, d'après cet audit ; null sans audit."
    )


class PortalSettings(Section):
    """The pages of the chef and of the rectorat."""

    address: str = Field(
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
    publication_director: OneLine | None = Field(
        None, description="Qui dirige la publication, par son nom et sa fonction (mentions légales)."
    )
    hosting: OneLine | None = Field(None, description="Qui l'héberge, avec son adresse (mentions légales).")
    data_protection: OneLine | None = Field(None, description="Comment écrire au délégué à la protection des données.")
    satisfaction: str = Field("", description="L'adresse du bouton « Je donne mon avis » ; vide : pas de bouton.")
    accessibility: AccessibilitySettings = Field(
        default_factory=AccessibilitySettings, description="La déclaration d'accessibilité."
    )

    @field_validator("address")
    @classmethod
    def _is_a_site(cls, text: str) -> str:
        parts = urlsplit(text)
        is_bare = not (parts.query or parts.fragment or parts.path.strip("/"))
        if has_hidden(text) or parts.scheme not in ("http", "https") or not parts.hostname or not is_bare:
            raise refusal(f"« {text} » n'est pas l'adresse d'un site", "par exemple https://oda.ac-toulouse.fr")
        return text.rstrip("/")

    @field_validator("satisfaction")
    @classmethod
    def _is_a_link(cls, text: str) -> str:
        parts = urlsplit(text)
        is_link = parts.scheme in ("http", "https", "mailto") and bool(parts.netloc or parts.path)
        if text and (has_hidden(text) or not is_link):
            raise refusal(f"« {text} » n'est pas un lien", "une adresse qui commence par https://")
        return text


class MonitoringSettings(Section):
    """The ways in which others learn that the service is well, beside the probes."""

    allow: tuple[HostOrNetwork, ...] = Field(
        (),
        description="Serveurs privés que ping_url peut désigner : noms, adresses ou réseaux, comme 10.1.2.0/24 (R115).",
    )
    ping_url: Url | None = Field(
        None,
        description="L'adresse, en https, que chaque passage réussi de l'échéancier appelle : une supervision qui ne"
        " l'entend plus alerte (R115). null : aucun appel.",
    )
    backup_hours: int | None = Field(
        48, ge=1, le=8784,
        description="Heures après lesquelles /sante dit que la dernière sauvegarde faite par « oda backup » est trop"
        " ancienne ; null : jamais (R115).",
    )  # fmt: skip
    certificate_days: int | None = Field(
        10, ge=1, le=366,
        description="Jours avant lesquels /sante dit que le certificat du relais va expirer ; null : seulement quand il"
        " n'est plus admis (R115).",
    )  # fmt: skip

    metrics: bool = Field(
        False, description="true : les chiffres de la machine à l'adresse /metrics, pour Prometheus (R115)."
    )
    metrics_from: tuple[ProxyAddress, ...] = Field(
        ("127.0.0.1", "::1"), min_length=1,
        description="Les adresses ou les réseaux d'où /metrics se lit ; ailleurs, l'adresse n'existe pas (R115).",
    )  # fmt: skip

    log_format: LogForm = Field(
        "text",
        description="Le journal du service, sur sa sortie d'erreur : text, une phrase par ligne, ou json, un objet par"
        " ligne, avec les mêmes phrases (R115).",
    )

    @field_validator("ping_url")
    @classmethod
    def _may_be_called(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and "allow" in info.data:
            require_callable(url, AllowedHosts(info.data["allow"]), ALLOW_SUPERVISOR)
        return url

    @property
    def allowed(self) -> AllowedHosts:
        """The private hosts that are listed."""
        return AllowedHosts(self.allow)


def _page(text: str) -> str:
    parts = urlsplit(text)
    if has_hidden(text) or parts.scheme != "https" or not parts.hostname:
        raise refusal(f"« {text} » n'est pas une adresse en https", "par exemple https://www.ac-toulouse.fr/securite")
    return text


class SecurityContactSettings(Section):
    """The content of ``/.well-known/security.txt``, for who has found a flaw; without a contact, no file."""

    contact: str | None = Field(
        None,
        description="À qui signaler une faille : une adresse électronique ou une page en https. null : pas de fichier"
        " /.well-known/security.txt.",
    )
    policy: Annotated[str, AfterValidator(_page)] | None = Field(
        None, description="La page en https qui dit ce que l'on fait d'un signalement ; null : aucune."
    )

    @field_validator("contact")
    @classmethod
    def _is_an_address(cls, text: str | None) -> str | None:
        if text is None or "@" not in text or "/" in text:
            return text and _page(text)
        if problem := mail_problem(text):
            raise refusal(f"« {text} » {problem}", "par exemple ssi@ac-toulouse.fr, ou une adresse en https://")
        return text


class SealSettings(Section):
    """The places to which the seal of each day is sent, out of reach of whoever could rewrite the database."""

    mail: MailAddress | None = Field(
        None, description="Adresse qui reçoit chaque jour le sceau du journal, hors du service (R109), ou null."
    )
    folder: Annotated[Path, Field(json_schema_extra={"format": "path"})] | None = Field(
        None,
        description="Dossier où s'écrit chaque jour le fichier du sceau, de préférence sur une autre machine ; relatif"
        " au dossier de ce fichier ; il doit exister (R109). null : aucun.",
    )
