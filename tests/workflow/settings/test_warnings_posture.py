"""The posture that ``oda check-config`` judges: one line of the table, one test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.workflow.settings.files import loaded
from workflow.settings.loader import load_settings
from workflow.settings.model import Settings
from workflow.settings.warnings import Point, check_posture

PORTAL = {
    "address": "https://oda.ac-toulouse.fr", "publisher": "Académie", "hosting": "DSI, 1 rue, 05",
    "data_protection": "dpd@a.fr", "publication_director": "Le recteur",
    "accessibility": "{declared_on: le 1er octobre 2026}",
}  # fmt: skip


def posture(
    folder: Path, *, portal: dict[str, str] | None = None, extra: str = "", replace: tuple[str, str] = ("", ""),
    environment: dict[str, str] | None = None, seal: str = "seal: {mail: rssi@ac-toulouse.fr}\n",
) -> list[str]:  # fmt: skip
    lines = "".join(f"  {name}: {value}\n" for name, value in (PORTAL | (portal or {})).items() if value)
    folder.chmod(0o700)
    for name in ("secrets", "modeles"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    contact = "" if "security_contact" in extra else "security_contact: {contact: ssi@ac-toulouse.fr}\n"
    settings = loaded(folder, f"portal:\n{lines}{contact}{extra}{seal}", replace=replace)
    (folder / "config.yaml").chmod(0o600)
    return check_posture(settings, environment or {})


def test_posture__of_a_careful_installation_is_silent(tmp_path: Path) -> None:
    assert posture(tmp_path) == []


ELSEWHERE = ("host: localhost", "host: smtp.ac-toulouse.fr\n    security: none")
TWO = ("    - op@ac-toulouse.fr", "    - op@ac-toulouse.fr\n    - op2@ac-toulouse.fr")
POSTGRESQL = "database: {url: 'postgresql://oda@db.ac-toulouse.fr/oda'}\n"

PROVIDER = """\
sign_in:
  providers:
    - {name: proconnect, label: ProConnect, issuer: "https://fournisseur.test", client_id: oda}
"""


CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("portal.address", "en clair", {"portal": {"address": "http://oda.ac-toulouse.fr"}}),
    ("portal.address", "nulle part ailleurs", {"portal": {"address": "http://localhost:8000"}}),
    ("portal.host", "en clair", {"portal": {"host": "0.0.0.0"}}),
    ("portal.proxies", "0.0.0.0/0", {"portal": {"proxies": "['0.0.0.0/0']"}}),
    ("portal.proxies", "::/0", {"portal": {"proxies": "['::1', '::/0']"}}),
    ("portal.link_minutes", "1\u202f440 minutes", {"portal": {"link_minutes": "1440"}}),
    ("portal.session_hours", "72 heures", {"portal": {"session_hours": "72"}}),
    ("mail.relay.security", "none vers smtp.ac-toulouse.fr", {"replace": ELSEWHERE}),
    ("database.url", "sslmode=prefer", {"extra": POSTGRESQL}),
    ("database.url", "sslmode=require", {"extra": POSTGRESQL, "environment": {"PGSSLMODE": "require"}}),
    ("database.url", "sslmode=disable", {"extra": POSTGRESQL.replace("/oda'", "/oda?sslmode=disable'")}),
    ("four_eyes", "mettre true", {"extra": "four_eyes: false\n", "replace": TWO}),
    ("seal", "aucun sceau du journal", {"seal": ""}),
    ("sign_in.providers", "qu'un mot de passe", {"extra": PROVIDER}),
    ("mentions légales", "portal.hosting", {"portal": {"hosting": ""}}),
    ("mentions légales", "portal.publication_director", {"portal": {"publication_director": ""}}),
    ("mentions légales", "portal.accessibility.declared_on", {"portal": {"accessibility": ""}}),
    ("mentions légales", "portal.publisher", {"portal": {"publisher": ""}}),
    ("mentions légales", "portal.data_protection", {"portal": {"data_protection": ""}}),
    ("security_contact.contact", "security.txt", {"extra": "security_contact: {contact: null}\n"}),
]


@pytest.mark.rule("R101", "R106")
@pytest.mark.parametrize(
    "extra",
    [
        PROVIDER.replace("oda}", "oda, acr: {operator: [eidas2]}}"),
        PROVIDER.replace("sign_in:\n", "sign_in:\n  second_factor: required\n"),
    ],
)
def test_posture__a_provider_that_proves_enough_or_a_second_factor_is_silent(tmp_path: Path, extra: str) -> None:
    assert posture(tmp_path, extra=extra) == []


@pytest.mark.parametrize(("point", "words", "change"), CASES)
def test_posture__says_each_point(tmp_path: Path, point: str, words: str, change: dict[str, Any]) -> None:
    (line,) = posture(tmp_path, **change)
    assert line.startswith(f"{point} : ")
    assert words in line


def _open(name: str, mode: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).chmod(mode)


def _readable_database(folder: Path) -> None:
    folder.chmod(0o755)
    (folder / "oda.sqlite").chmod(0o644)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_open("config.yaml", 0o646), ["config.yaml se laisse changer par tous, et avec lui les réglages"]),
        (_open("oda.sqlite", 0o602), ["oda.sqlite se laisse changer par tous, et avec lui la base"]),
        (_open("modeles", 0o707), ["modeles se laisse changer par tous, et avec lui les modèles"]),
        (_open("secrets", 0o702), ["secrets se laisse changer par tous, et avec lui les secrets"]),
        (_open(".", 0o773), ["se laisse changer par tous, et avec lui les réglages"]),
        (_open(".", 0o1777), []),
        (_readable_database, ["oda.sqlite se laisse lire par tous : la base"]),
    ],
    ids=["settings", "base", "templates", "secrets", "folder", "sticky", "readable base"],
)
def test_posture__says_who_reads_and_changes_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], words: list[str]
) -> None:
    (tmp_path / "oda.sqlite").touch(0o600)
    templates = "templates: {directory: modeles}\n"
    assert posture(tmp_path, extra=templates) == []
    folders_above = dict.fromkeys(tmp_path.parents, 0o40755)
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path: _Mode(folders_above[path]) if path in folders_above else real(path))
    change(tmp_path)
    lines = check_posture(loaded_again(tmp_path), {})
    assert len(lines) == len(words)
    for line, wanted in zip(lines, words, strict=True):
        assert wanted in line


class _Mode:
    """A folder above, whose rights are those of an ordinary machine: pytest's own are closed to all."""

    def __init__(self, mode: int) -> None:
        self.st_mode = mode


def loaded_again(folder: Path) -> Settings:
    return load_settings(folder / "config.yaml")


@pytest.mark.parametrize(
    ("change", "environment"),
    [
        (POSTGRESQL.replace("/oda'", "/oda?sslmode=verify-full'"), {}),
        (POSTGRESQL, {"PGSSLMODE": "verify-ca"}),
        (POSTGRESQL.replace("db.ac-toulouse.fr", "localhost"), {}),
        (POSTGRESQL.replace("db.ac-toulouse.fr", ""), {}),
        (POSTGRESQL.replace("/oda'", "/oda?host=/run/postgresql'").replace("db.ac-toulouse.fr", ""), {}),
    ],
)
def test_database__verified_or_on_this_machine_is_fine(
    tmp_path: Path, change: str, environment: dict[str, str]
) -> None:
    assert posture(tmp_path, extra=change, environment=environment) == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "'::1'"])
def test_relay_in_clear__fine_on_this_machine(tmp_path: Path, host: str) -> None:
    assert posture(tmp_path, replace=("host: localhost", f"host: {host}\n    security: none")) == []


def test_relay_in_clear__tells_of_its_password(tmp_path: Path) -> None:
    (line,) = posture(tmp_path, replace=(ELSEWHERE[0], f"{ELSEWHERE[1]}\n    username: oda"))
    assert "mot de passe du relais compris" in line


def test_posture__every_point_has_its_test() -> None:
    assert {point for point, _, _ in CASES} | {"droits des fichiers"} == set(get_args(Point))
