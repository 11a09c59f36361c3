"""Where the data are: an SQLite file beside the settings, or a PostgreSQL server."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from notifications.settings import Section, refusal

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
    problem = _sqlite_problem(url) if parts.scheme == "sqlite" else _postgresql_problem(url)
    if problem:
        raise refusal(problem, ALLOWED_URLS)
    return url


def _sqlite_problem(url: str) -> str | None:
    name = url.removeprefix("sqlite:///")
    if name == url or not name:
        return "une adresse SQLite commence par trois barres obliques, suivies d'un nom de fichier"
    if ":memory:" in name or "?" in name or name.endswith("/"):
        return "SQLite est admis avec un fichier ordinaire, sans option"
    return None


def _postgresql_problem(url: str) -> str | None:
    parts = urlsplit(url)
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
