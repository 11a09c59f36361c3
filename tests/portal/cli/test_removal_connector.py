"""``oda connector``, and the connector within ``oda tick``: a real server, a real installation (R84)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from portal.cli.main import oda
from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.clock import replace_system_clock
from tests.kit.databases import fresh_url
from tests.kit.installation import OPERATOR, READER
from tests.kit.oda_server import OdaServer, oda_server, says
from tests.kit.portal import STAFF, Portal, open_portal

pytestmark = pytest.mark.rule("R84")
Run = Callable[..., Result]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OdaServer]:
    """On the loopback, by its address; its authority is one of the system's."""
    with oda_server(tmp_path, host="127.0.0.1") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate.pem))
        yield server


@pytest.fixture
def portal(tmp_path: Path, server: OdaServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    settings = server.installed_in(tmp_path)
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url, settings=settings) as portal:
        replace_system_clock(monkeypatch, portal.clock)
        yield portal


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def invoke(*args: str, who: str = f"operator:{OPERATOR}") -> Result:
        return CliRunner().invoke(oda, ["--config", str(tmp_path / "config.yaml"), "--as", who, *args])

    return invoke


def revoked(portal: Portal, number: int = 1) -> str:
    reference = portal.issued(number)
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    return reference


def stages(run: Run) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads(run("connector", "calls", "--json").stdout)
    return calls


def test_check__says_each_step_and_asks_for_nothing(run: Run, portal: Portal, server: OdaServer) -> None:
    server.will(says(200, {"outcome": "pong"}))
    result = run("connector", "check")
    assert result.exit_code == 0, result.stderr
    assert "Nom          : mène à 127.0.0.1" in result.stdout
    assert "Appel signé  : accepté" in result.stdout
    assert [call.content for call in server.received] == [{"action": "ping"}]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"message": "signature fausse"}, ["signature fausse", "le secret connector-key est le même"]),
        (200, {"outcome": "removed"}, ["pong", "docs/connecteur.md"]),
        (302, {}, ["n'est pas suivie"]),
    ],
)
def test_check__says_what_is_wrong_and_what_to_do(
    run: Run, portal: Portal, server: OdaServer, status: int, body: dict[str, str], words: list[str]
) -> None:
    server.will(says(status, body))
    result = run("connector", "check")
    assert result.exit_code == 69
    for word in words:
        assert word in result.stderr


def test_check__a_server_that_is_not_there(run: Run, portal: Portal, server: OdaServer, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace(f":{server.port}/", ":9/"))
    result = run("connector", "check")
    assert result.exit_code == 69
    assert "connexion refusée par « 127.0.0.1 »" in result.stderr


def test_tick__asks_and_confirms(run: Run, portal: Portal, server: OdaServer) -> None:
    reference = revoked(portal)
    result = run("tick")
    assert "1 retrait confirmé par le serveur ODA." in result.stdout, result.stderr
    assert [call.content["reference"] for call in server.received] == [reference]
    assert stages(run)[0]["stage"] == "done"
    assert json.loads(run("tick", "--json").stdout)["calls"] == {"confirmed": 0, "waiting": 0, "refused": 0}
    text = run("request", "show", reference).stdout
    assert "connecteur du serveur ODA" in text


def test_tick__asks_nothing_when_a_machine_s_clock_is_off(
    run: Run, portal: Portal, server: OdaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from workflow.schedule.tick import Ticker, TickResult

    revoked(portal)
    monkeypatch.setattr(Ticker, "tick", lambda _self, *_: TickResult(clock_skew=timedelta(minutes=5)))
    run("tick")
    assert server.received == []


def test_again__after_a_refusal(run: Run, portal: Portal, server: OdaServer) -> None:
    reference = revoked(portal)
    server.will(says(422, {"message": "compte verrouillé"}))
    assert "1 retrait rendu aux opérateurs : voir « oda connector calls »." in run("tick").stdout
    listed = run("connector", "calls", "--stage", "refused").stdout
    assert "à reprendre par un opérateur" in listed
    assert "compte verrouillé" in listed
    result = run("connector", "again", reference.lower())
    assert (result.exit_code, result.stdout) == (0, "1 retrait sera redemandé au serveur ODA.\n")
    assert "1 retrait confirmé" in run("tick").stdout
    nothing = run("connector", "again", reference)
    assert nothing.exit_code == 1
    assert f"Rien à reprendre pour {reference}." in nothing.stderr
    assert run("connector", "again", "--all").stdout == "0 retrait sera redemandé au serveur ODA.\n"


def test_again__needs_to_be_told_what(run: Run, portal: Portal) -> None:
    assert run("connector", "again").exit_code == 2
    assert run("connector", "again", "--all", "ODA-2027-00001").exit_code == 2


@pytest.mark.rule("R2")
def test_roles__a_reader_looks_and_a_chef_does_not(run: Run, portal: Portal, server: OdaServer) -> None:
    reader, chef = f"reader:{READER}", "chef:0310001H"
    assert run("connector", "calls", who=reader).stdout == "Aucun appel.\n"
    for args in (("check",), ("again", "--all")):
        assert run("connector", *args, who=reader).exit_code == 1
    assert run("connector", "calls", who=chef).exit_code != 0
    assert server.received == []


def test_start__without_its_secret_is_refused_in_french(run: Run, portal: Portal, tmp_path: Path) -> None:
    secret = tmp_path / "secrets" / "connector-key"
    secret.write_text("trop court")
    for args in (("tick",), ("connector", "calls")):
        result = run(*args)
        assert result.exit_code == 78
        assert "connector-key est trop court" in result.stderr
        assert "trop court" not in result.stderr.replace("connector-key est trop court", "")
    secret.unlink()
    assert "le secret connector-key manque" in run("tick").stderr
    assert "Attention : le secret connector-key manque" in run("check-config").stderr


def test_check__without_a_server(run: Run, tmp_path: Path) -> None:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url):
        result = run("connector", "check")
        assert result.exit_code == 78
        assert "removals.connector.url" in result.stderr
        assert json.loads(run("tick", "--json").stdout)["calls"] is None


def test_config__a_private_address_is_refused_with_its_line(run: Run, portal: Portal, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("allow: [127.0.0.1]", "allow: []"))
    result = run("check-config")
    assert result.exit_code == 78
    assert "removals.connector.url" in result.stderr
    assert "127.0.0.1, qui n'est pas une adresse publique" in result.stderr
