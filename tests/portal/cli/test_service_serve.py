"""``oda serve``: the portal, the schedule and the mails in one process, and what its log never says."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert

from notifications.ports import SystemClock
from portal.cli.main import oda
from portal.cli.service import warnings
from tests.kit.forked_process import forked, writing_to
from tests.kit.installation import make_installation
from tests.kit.killed_process import run_oda
from tests.kit.ports import free_port
from workflow.database.connection import Database
from workflow.database.schedule_tables import NODE
from workflow.settings.infrastructure import PortalSettings
from workflow.settings.services import is_this_machine

SECRET = "kX3vQ9wErT5yUiOpAsDfGhJkLzXcVbNm0123456789a"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'oda.sqlite'}"


@pytest.fixture
def config(tmp_path: Path, url: str) -> Path:
    return make_installation(tmp_path, url)


@contextmanager
def serving(config: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The service in a process of its own, once it answers; its address."""
    port = free_port()
    command = [sys.executable, "-c", "from portal.cli.main import main; main()", "--config", str(config),
               "serve", "--port", str(port)]  # fmt: skip
    environ = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            assert process.stderr is not None
            yield process, address
        finally:
            process.kill()


def answer(address: str, tries: int = 1) -> tuple[int, str]:
    """What a GET answers; asked again while nobody listens yet."""
    for _ in range(tries - 1):
        try:
            return answer(address)
        except urllib.error.URLError:
            time.sleep(0.1)
    try:
        with urllib.request.urlopen(address, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ticked(url: str) -> bool:
    database = Database(url)
    with database.read() as connection:
        node = connection.execute(NODE.select()).first()
    database.dispose()
    return node is not None


def stopped(process: "subprocess.Popen[str]") -> str:
    """Its log, once it has ended well."""
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    log = process.stderr.read()
    assert process.wait(20) == 0, log
    return log


@pytest.mark.rule("R60")
def test_serve__answers_ticks_and_stops_when_told_without_logging_an_address(config: Path, url: str) -> None:
    with serving(config) as (process, address):
        status, health = answer(f"{address}/sante", tries=200)
        assert (status, health.splitlines()[1]) == (200, "base : joignable")
        answer(f"{address}/connexion/lien/{SECRET}?suite={SECRET}")
        assert answer(f"{address}/{SECRET}")[0] == 404
        log = stopped(process)
    assert ticked(url)
    lines = log.splitlines()
    assert lines[-1].endswith("arrêté proprement")
    assert f"portail sur {address}" in lines[0]
    assert "échéancier toutes les 60 s" in log
    assert SECRET not in log
    assert "@" not in log


def test_serve__alone_leaves_the_schedule_to_another_process(config: Path, url: str) -> None:
    port, log = free_port(), config.parent / "serve.log"
    process = forked(writing_to, log, run_oda, ["--config", str(config), "serve", "--port", str(port), "--no-worker"])
    try:
        assert answer(f"http://127.0.0.1:{port}/sante", tries=200)[0] == 200
        assert answer(f"http://127.0.0.1:{port}/")[0] == 200
        process.terminate()
        process.join(20)
        assert process.exitcode == 0, log.read_text()
    finally:
        process.kill()
        process.join()
    assert not ticked(url)
    assert "le portail seul" in log.read_text()
    assert log.read_text().splitlines()[-1].endswith("arrêté proprement")


def serve(config: Path, *args: str) -> Result:
    return CliRunner().invoke(oda, ["--config", str(config), "serve", *args])


def test_serve__refuses_a_port_that_is_taken(config: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = serve(config, "--port", str(port))
    assert done.exit_code == 69
    assert f"Le port {port} est déjà pris" in done.stderr
    assert "Que faire : changer les réglages portal.host et portal.port" in done.stderr


@pytest.mark.parametrize("host", ["203.0.113.7", "n'importe quoi"])
def test_serve__refuses_an_address_that_is_not_this_machine_s(config: Path, host: str) -> None:
    done = serve(config, "--host", host, "--port", str(free_port()))
    assert done.exit_code == 69
    assert f"« {host} »" in done.stderr


@pytest.mark.parametrize("args", [(), ("--no-worker",)])
def test_serve__refuses_a_file_that_another_machine_uses(config: Path, url: str, args: tuple[str, ...]) -> None:
    database = Database(url)
    with database.write() as connection:
        connection.execute(insert(NODE), [{"host": "ailleurs", "seen_at": SystemClock().now()}])
    database.dispose()
    done = serve(config, "--port", str(free_port()), *args)
    assert done.exit_code == 69
    assert "Une autre machine" in done.stderr


@pytest.mark.parametrize(
    ("address", "host", "count"),
    [
        ("https://oda.ac-toulouse.fr", "0.0.0.0", 0),
        ("http://localhost:8000", "127.0.0.1", 0),
        ("http://localhost:8000", "::1", 0),
        ("http://oda.ac-toulouse.fr", "0.0.0.0", 1),
        ("http://oda.ac-toulouse.fr", "oda.ac-toulouse.fr", 1),
    ],
)
def test_warnings__of_secrets_in_clear_on_the_network(address: str, host: str, count: int) -> None:
    assert len(list(warnings(PortalSettings(address=address), host))) == count


def test_loopback__is_this_machine_alone() -> None:
    assert [is_this_machine(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "oda")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
