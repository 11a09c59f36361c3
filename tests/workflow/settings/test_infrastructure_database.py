"""The database's address."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from tests.workflow.settings.files import LINES, loaded, only_problem
from workflow.settings.infrastructure import connection_url


def url_with(folder: Path, url: str) -> str:
    return loaded(folder, f"database: {{url: '{url}'}}\n").database_url


def test_sqlite__relative_to_the_file_or_absolute(tmp_path: Path) -> None:
    assert make_url(url_with(tmp_path, "sqlite:///donnees/oda.sqlite")).database == f"{tmp_path}/donnees/oda.sqlite"
    assert make_url(url_with(tmp_path, "sqlite:////var/lib/oda.sqlite")).database == "/var/lib/oda.sqlite"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql__by_psycopg(tmp_path: Path, scheme: str) -> None:
    url = make_url(url_with(tmp_path, f"{scheme}://oda@bdd.fr:5433/oda?sslmode=require"))
    assert (url.drivername, url.username, url.host, url.port) == ("postgresql+psycopg", "oda", "bdd.fr", 5433)
    assert (url.database, url.query["sslmode"]) == ("oda", "require")


def test_postgresql__by_a_socket(tmp_path: Path) -> None:
    url = make_url(url_with(tmp_path, "postgresql:///oda?host=/run/postgresql"))
    assert (url.host, url.database, url.query["host"]) == (None, "oda", "/run/postgresql")


def test_password__joins_at_the_last_moment(tmp_path: Path) -> None:
    secret = SecretStr("hunter2/@")
    url = connection_url(url_with(tmp_path, "postgresql://oda@bdd.fr/oda"), secret)
    assert make_url(url.render_as_string(hide_password=False)).password == "hunter2/@"
    assert "hunter2" not in f"{url} {url!r}"
    assert connection_url(url_with(tmp_path, "postgresql://oda@bdd.fr/oda"), None).password is None
    assert connection_url(url_with(tmp_path, "sqlite:///oda.sqlite"), secret).password is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://oda:hunter2@bdd.fr/oda",
        "postgresql://oda:hunter2/@bdd.fr/oda",
        "postgresql://oda:hunter2#x@bdd.fr/oda",
        "postgresql://oda:hunter2[@bdd.fr/oda",
        "postgresql://oda@bdd.fr/oda?password=hunter2",
        "mysql://oda:hunter2@bdd.fr/oda",
    ],
)
def test_password__refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    problem = only_problem(tmp_path, f"database:\n  url: '{url}'\n")
    assert (problem.line, problem.key) == (LINES + 2, "database.url")
    assert "secrets/database-password" in problem.message or "illisible" in problem.message
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://oda.sqlite", "trois barres obliques"),
        ("sqlite:///", "trois barres obliques"),
        ("sqlite:///:memory:", "un fichier ordinaire"),
        ("sqlite:///a?mode=ro", "un fichier ordinaire"),
        ("sqlite:///a/", "un fichier ordinaire"),
        ("mysql://oda@bdd.fr/oda", "n'est pas admis"),
        ("oda.sqlite", "n'est pas admis"),
        ("postgresql://oda@bdd.fr", "le nom de la base"),
        ("postgresql://oda@bdd.fr:port/oda", "le port"),
        ("postgresql://[oda/x", "illisible"),
    ],
)
def test_address__refused(tmp_path: Path, url: str, message: str) -> None:
    problem = only_problem(tmp_path, f"database:\n  url: '{url}'\n")
    assert message in problem.message
    assert problem.allowed == "sqlite:///oda.sqlite ou postgresql://compte@serveur/base"
