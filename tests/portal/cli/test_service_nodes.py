"""``oda nodes``, ``oda clock``, and what ``oda tick`` says on a machine whose clock is off (R52, R82)."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert

from notifications.ports import SystemClock
from portal.cli.main import oda
from tests.kit.databases import fresh_url
from tests.kit.installation import OPERATOR, make_installation
from workflow.database.connection import Database
from workflow.database.schedule_tables import NODE

OFF = timedelta(minutes=5)


def run(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(oda, ["--config", str(folder / "config.yaml"), *args])


def write_nodes(url: str) -> None:
    """One machine that acts, one that abstains, one that is stopped, one that is watched by nobody."""
    now = SystemClock().now()
    rows = [
        {"host": "oda-1", "seen_at": now, "heard_at": now, "skew_seconds": -0.2, "refused_at": None},
        {"host": "oda-2", "seen_at": now - OFF, "heard_at": now, "skew_seconds": 720.0, "refused_at": now - OFF},
        {"host": "oda-3", "seen_at": now - timedelta(days=2), "heard_at": now - timedelta(days=2),
         "skew_seconds": -3.0, "refused_at": None},
        {"host": "oda-4", "seen_at": now, "heard_at": None, "skew_seconds": 0.0, "refused_at": None},
    ]  # fmt: skip
    database = Database(url)
    with database.write() as connection:
        connection.execute(insert(NODE), rows)
    database.dispose()


@pytest.mark.rule("R82")
def test_nodes__who_is_there_and_whose_clock_is_off(database_url: str, tmp_path: Path) -> None:
    make_installation(tmp_path, database_url)
    write_nodes(database_url)
    result = run(tmp_path, "nodes")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "à l'heure" in lines["oda-1"]
    assert "en service" in lines["oda-1"]
    assert "avance de 12 minutes" in lines["oda-2"]
    assert "s'abstient : horloge à corriger" in lines["oda-2"]
    assert "retarde de 3 secondes" in lines["oda-3"]
    assert "sans nouvelle" in lines["oda-3"]
    assert "la sienne juge" in lines["oda-4"]
    assert "Remettre à l'heure" in result.stderr


@pytest.mark.rule("R82")
def test_nodes__as_json(database_url: str, tmp_path: Path) -> None:
    make_installation(tmp_path, database_url)
    write_nodes(database_url)
    first, second, *_ = json.loads(run(tmp_path, "nodes", "--json").stdout)
    assert set(first) == {"machine", "seen_at", "skew_seconds", "gap", "state", "refused_at"}
    assert (first["machine"], first["skew_seconds"], first["state"], first["refused_at"]) == (
        "oda-1", -0.2, "working", None,
    )  # fmt: skip
    assert (second["machine"], second["skew_seconds"], second["state"]) == ("oda-2", 720.0, "refused")


def test_nodes__none_has_ticked_yet(tmp_path: Path) -> None:
    make_installation(tmp_path, f"sqlite:///{tmp_path / 'oda.sqlite'}")
    assert run(tmp_path, "nodes").stdout == "Aucune machine n'a encore tenu l'échéancier.\n"


@pytest.mark.rule("R82")
def test_tick__a_machine_whose_clock_is_off_does_nothing_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = SystemClock.now
    with fresh_url("postgresql", tmp_path) as url:
        make_installation(tmp_path, url)
        monkeypatch.setattr(SystemClock, "now", lambda self: own(self) + OFF)
        done = run(tmp_path, "tick")
        assert (done.exit_code, done.stdout) == (0, "")
        assert "L'horloge de cette machine avance de" in done.stderr
        assert "Que faire : remettre à l'heure" in done.stderr
        report = json.loads(run(tmp_path, "tick", "--json").stdout)
        assert report["refused_skew_seconds"] == pytest.approx(300, abs=20)
        (node,) = json.loads(run(tmp_path, "nodes", "--json").stdout)
        assert node["state"] == "refused"
        monkeypatch.setattr(SystemClock, "now", own)
        assert "cette machine" not in run(tmp_path, "tick").stderr
        (node,) = json.loads(run(tmp_path, "nodes", "--json").stdout)
        assert (node["state"], node["refused_at"]) == ("working", None)


@pytest.mark.rule("R82")
def test_commands__on_postgresql_are_dated_by_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour ahead, this machine still writes at the database's time."""
    own = SystemClock.now
    with fresh_url("postgresql", tmp_path) as url:
        make_installation(tmp_path, url)
        true = own(SystemClock())
        monkeypatch.setattr(SystemClock, "now", lambda self: own(self) + timedelta(hours=1))
        run(tmp_path, "tick")
        database = Database(url)
        with database.read() as connection:
            heard_at = connection.execute(NODE.select()).one().heard_at
        database.dispose()
    assert abs(heard_at - true) < timedelta(minutes=5)


@pytest.mark.rule("R52")
def test_clock__one_that_is_absurd_changes_nothing_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = SystemClock.now
    with fresh_url("sqlite", tmp_path) as url:
        make_installation(tmp_path, url)
        assert run(tmp_path, "tick").exit_code == 0
        monkeypatch.setattr(SystemClock, "now", lambda _: datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
        result = run(tmp_path, "tick")
        assert (result.exit_code, result.stdout) == (0, "")
        assert "L'horloge n'est pas crue : l'horloge indique une date d'avant le logiciel" in result.stderr
        refused = run(tmp_path, "--as", f"operator:{OPERATOR}", "clock", "confirm")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "1er janvier 1970" in refused.stderr
        monkeypatch.setattr(SystemClock, "now", true)
        well = run(tmp_path, "tick")
        assert "horloge" not in well.stderr
        assert json.loads(run(tmp_path, "tick", "--json").stdout)["clock_fault"] is None
        monkeypatch.setattr(SystemClock, "now", lambda self: true(self) + timedelta(days=60))
        assert json.loads(run(tmp_path, "tick", "--json").stdout)["clock_fault"] == "absence"
        confirmed = run(tmp_path, "--as", f"operator:{OPERATOR}", "clock", "confirm")
        assert (confirmed.exit_code, confirmed.stdout[:22]) == (0, "La date est confirmée ")
        assert json.loads(run(tmp_path, "tick", "--json").stdout)["clock_fault"] is None
        assert run(tmp_path, "--as", f"operator:{OPERATOR}", "clock", "confirm").stdout.startswith("Rien n'attendait")
