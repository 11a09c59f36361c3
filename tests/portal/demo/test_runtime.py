"""The demonstration opens where it can, says where, and leaves nothing unless asked."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from portal.cli.main import oda
from portal.demo import runtime as opening
from portal.demo.runtime import FolderRefused
from portal.demo.scenario import Season
from portal.server import Server, listen
from tests.kit.ports import free_port


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A demonstration without its story, which ends at once; the folder of what is temporary."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(Season, "play", lambda _: None)
    monkeypatch.setattr(Server, "work", lambda _: None)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setattr(opening, "cache_folder", lambda: tmp_path / "cache")
    return place


def played(keep: Path | None = None, port: int | None = None) -> tuple[list[str], list[str]]:
    """What the terminal was told, and what the browser was shown."""
    messages: list[str] = []
    addresses: list[str] = []
    opening.run_demo(keep, port, messages.append, addresses.append)
    return messages, addresses


def test_run__says_where_shows_it_and_leaves_nothing(quick: Path) -> None:
    port = free_port()
    messages, addresses = played(port=port)
    assert addresses == [f"http://127.0.0.1:{port}/demonstration"]
    assert messages[1] == f"La démonstration est ouverte : {addresses[0]}"
    assert messages[-1] == "La démonstration est finie : il n'en reste rien."
    assert list(quick.iterdir()) == []


def test_run__keeps_what_it_is_asked_to(quick: Path, tmp_path: Path) -> None:
    messages, _ = played(keep=tmp_path / "garde", port=free_port())
    assert {"config.yaml", "oda.sqlite", "secrets"} <= {path.name for path in (tmp_path / "garde").iterdir()}
    assert messages[-1] == f"L'installation est gardée dans {tmp_path / 'garde'}."
    assert not any("il n'en restera rien" in line for line in messages)
    assert (tmp_path / "garde" / "oda.sqlite").stat().st_mode & 0o077 == 0


def test_run__touches_no_folder_that_is_in_use(quick: Path, tmp_path: Path) -> None:
    (tmp_path / "garde").mkdir()
    (tmp_path / "garde" / "note").touch()
    with pytest.raises(FolderRefused, match="n'est pas vide"):
        played(keep=tmp_path / "garde", port=free_port())
    assert [path.name for path in (tmp_path / "garde").iterdir()] == ["note"]


def test_demo__says_what_to_do_when_the_folder_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "note").touch()
    done = CliRunner().invoke(oda, ["demo", "--check", "--keep", str(tmp_path)])
    assert (done.exit_code, "donner à --keep un dossier neuf" in done.stderr) == (1, True)


def test_run__takes_another_port_when_the_usual_one_is_taken(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as listening:
        monkeypatch.setattr(opening, "PORT", listening.getsockname()[1])
        _, (address,) = played()
    assert f":{opening.PORT}/" not in address


def test_demo__refuses_the_port_that_was_asked_for(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = CliRunner().invoke(oda, ["demo", "--no-browser", "--port", str(port), "--keep", str(tmp_path / "garde")])
    assert done.exit_code == 69
    assert f"Le port {port} est déjà pris" in done.stderr
    assert not (tmp_path / "garde").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo__interrupted_while_it_is_made_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", "from portal.cli.main import main; main()", "demo", "--no-browser",
               "--port", str(free_port())]  # fmt: skip
    environ = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Préparation de la démonstration")
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert list(tmp_path.iterdir()) == []
