"""``oda tick`` and ``oda worker``: the schedule by hand, and as a service that stops when it is told."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, update

from notifications.outbox.store import MAILS
from notifications.ports import SystemClock
from portal.cli.main import oda
from portal.cli.service import FrenchFormatter
from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock
from tests.kit.installation import make_installation
from tests.kit.year_end_scene import OVER
from workflow.database.clock import boot_identity
from workflow.database.connection import Database
from workflow.database.schedule_tables import NODE

Run = Callable[..., Result]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock(year_end_scene.SPRING)
    monkeypatch.setattr(SystemClock, "now", lambda _self: clock.now())
    return clock


@pytest.fixture
def tick(tmp_path: Path, clock: FakeClock) -> Run:
    def invoke(*args: str) -> Result:
        return CliRunner().invoke(oda, ["--config", str(tmp_path / "config.yaml"), "tick", *args])

    return invoke


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'oda.sqlite'}"


def test_tick__nothing_to_do(tick: Run, url: str, tmp_path: Path, clock: FakeClock) -> None:
    make_installation(tmp_path, url, clock)
    done = tick()
    assert (done.exit_code, done.stdout, done.stderr) == (0, "Rien à faire.\n", "")


@pytest.mark.rule("R52")
@pytest.mark.skipif(boot_identity() is None, reason="this system does not name its boots")
def test_tick__a_jump_between_two_processes_is_seen(tick: Run, url: str, tmp_path: Path, clock: FakeClock) -> None:
    make_installation(tmp_path, url, clock)
    tick()
    clock.advance(days=21)
    assert json.loads(tick("--json").stdout)["clock_fault"] == "ahead"
    clock.advance(days=-21)
    assert json.loads(tick("--json").stdout)["clock_fault"] is None


@pytest.mark.rule("R119")
def test_tick__says_that_a_machine_that_has_started_waits(
    tick: Run, url: str, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_installation(tmp_path, url, clock)
    count = [100.0]
    monkeypatch.setattr("workflow.app.count_seconds", lambda: count[0])
    monkeypatch.setattr("workflow.app.boot_identity", lambda: "before")
    clock.advance(minutes=1)  # the installation's birth is no tick
    assert tick().stderr == ""
    monkeypatch.setattr("workflow.app.boot_identity", lambda: "after")
    clock.advance(days=2)
    message = tick().stderr
    assert "la machine vient de démarrer, et peut encore être remise à l'heure" in message
    assert "rien, tout reprend de soi-même dans 30 minutes" in message
    clock.advance(minutes=30)
    count[0] += 30 * 60
    assert tick().stderr == ""


@pytest.mark.rule("R58")
def test_tick__says_that_mails_are_put_off(tick: Run, tmp_path: Path, clock: FakeClock) -> None:
    app = year_end_scene.filled_folder(tmp_path, clock)
    later = {"stage": "retry", "fault": "deferred", "next_attempt_at": clock.now() + timedelta(hours=1)}
    with app.database.write() as connection:
        number = connection.execute(update(MAILS).values(later)).rowcount
    app.close()
    assert f"{number} courriels attendent un nouvel essai.\n" in tick().stdout


@pytest.mark.rule("R50", "R61")
def test_tick__says_what_it_did_and_that_mails_wait(
    tick: Run, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = year_end_scene.filled_folder(tmp_path, clock)
    year_end_scene.tick_monthly(app, clock)
    app.close()
    clock.set(OVER)
    monkeypatch.setattr("aiosmtplib.SMTP.connect", _no_relay)
    monkeypatch.setattr("workflow.app.boot_identity", lambda: None)  # as those ticks: the months are no start
    done = tick()
    assert done.exit_code == 0
    assert "Fin de l'année 2026-2027 : 4 demandes révoquées." in done.stdout
    assert "Le relais de messagerie n'a pas pris les courriels" in done.stderr
    assert "puis lancer « oda mail check »." in done.stderr
    assert json.loads(tick("--json").stdout)["revoked"] == {}


def test_tick__tells_the_relay_s_trouble_once(
    tick: Run, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    year_end_scene.filled_folder(tmp_path, clock).close()
    monkeypatch.setattr("aiosmtplib.SMTP.connect", _no_relay)
    for listener in (logging.root, logging.getLogger("oda"), logging.getLogger("notifications")):
        monkeypatch.setattr(listener, "handlers", [])  # as under cron: Python's last resort then writes by itself
    done = tick()
    assert done.exit_code == 0
    assert done.stderr.splitlines()[0].startswith("Le relais de messagerie n'a pas pris les courriels")


def test_tick__incident_is_logged(tick: Run, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    year_end_scene.filled_folder(tmp_path, clock).close()
    for listener in (logging.root, logging.getLogger("oda"), logging.getLogger("notifications")):
        monkeypatch.setattr(listener, "handlers", [])
    monkeypatch.setattr("workflow.schedule.tick.Ticker.tick", _broken)
    done = tick()
    assert done.exit_code == 70
    assert done.stderr.startswith("incident ")
    assert "RuntimeError" in done.stderr


def _broken(*_: object) -> None:
    raise RuntimeError


async def _no_relay(*_: object, **__: object) -> None:
    raise ConnectionRefusedError


@pytest.mark.rule("R52")
def test_tick__tells_each_time_that_an_end_is_held(tick: Run, tmp_path: Path, clock: FakeClock) -> None:
    app = year_end_scene.filled_folder(tmp_path, clock)
    app.close()
    clock.set(OVER)
    for _ in range(2):
        done = tick()
        assert done.exit_code == 0
        assert "La fin de l'année 2026-2027 (31 août 2027) est retenue" in done.stderr
        assert "oda year-end confirm 2026-2027" in done.stderr
    ends = json.loads(tick("--json").stdout)["held"]
    assert [(end["school_year"], end["why"]) for end in ends] == [("2026-2027", "unforeseen")]


def test_tick__refuses_a_file_that_another_machine_uses(tick: Run, url: str, tmp_path: Path, clock: FakeClock) -> None:
    make_installation(tmp_path, url, clock)
    database = Database(url)
    with database.write() as connection:
        connection.execute(insert(NODE), [{"host": "ailleurs", "seen_at": clock.now()}])
    database.dispose()
    done = tick()
    assert done.exit_code == 69
    assert "Une autre machine" in done.stderr


def test_worker__says_where_it_works_and_stops_when_told(url: str, tmp_path: Path) -> None:
    config = make_installation(tmp_path, url)
    command = [sys.executable, "-c", "from portal.cli.main import main; main()", "--config", str(config), "worker"]
    environ = os.environ | {"TZ": "UTC", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ, cwd=Path.cwd()) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert f"base {url} ; échéancier toutes les 60 s ; fin de " in first
        _wait_for_a_tick(url)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert process.returncode == 0, rest
    assert rest.splitlines()[-1].endswith("arrêté proprement")
    assert "@" not in first + rest


def _wait_for_a_tick(url: str) -> None:
    """The first tick comes once the signals are listened to."""
    import time

    database = Database(url)
    for _ in range(200):
        with database.read() as connection:
            if connection.execute(NODE.select()).first():
                break
        time.sleep(0.05)
    database.dispose()


@pytest.mark.parametrize(
    ("message", "arguments", "text"),
    [
        ("mails wait: %s", ("OSError",), "attention : les courriels attendent : OSError"),
        (
            'Execution of job "%s" skipped: maximum number of running instances reached (%d)',
            ("Worker.tick", 1),
            "attention : un travail de l'échéancier dure plus d'une minute : le passage suivant attend qu'il finisse",
        ),
        ("tout va bien", (), "attention : tout va bien"),
        ("100 %", (), "attention : 100 %"),
        ("deux\nlignes\x1b[31m", (), "attention : deux lignes\N{REPLACEMENT CHARACTER}[31m"),
    ],
)
def test_logs__are_plain_french_lines(message: str, arguments: tuple[str, ...], text: str) -> None:
    record = logging.LogRecord("oda", logging.WARNING, "here", 1, message, arguments, None)
    assert FrenchFormatter().format(record).split(" ", 2)[2] == text


def test_logs__never_show_what_an_exception_says() -> None:
    try:
        raise ValueError("prenom.nom@ac-toulouse.fr")
    except ValueError:
        record = logging.LogRecord("oda", logging.ERROR, "here", 1, "échec", (), sys.exc_info())
    assert FrenchFormatter().format(record).endswith("erreur : échec (ValueError)")


@pytest.mark.skipif(sys.platform != "linux", reason="the pools are those of glibc")
def test_memory__threads_share_few_pools() -> None:
    """Each pool keeps what its largest work took: a reader who prints one paper again and again would fill them all."""
    script = """
import ctypes, sys, tempfile, threading
from portal.cli.service import limit_memory_pools
limit_memory_pools()
libc, together = ctypes.CDLL(None), threading.Barrier(12)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
def work():
    together.wait()
    libc.malloc(ctypes.c_size_t(50_000))
    together.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().count(b"<heap nr="))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 2
