"""``oda calendar``: what the software will do, to a person and to a program (R86)."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal.cli.main import oda
from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock, replace_system_clock
from tests.kit.installation import OPERATOR, READER
from tests.kit.year_end_scene import FULL
from workflow.app import App


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    clock = FakeClock(year_end_scene.AUTUMN)
    replace_system_clock(monkeypatch, clock)
    app = year_end_scene.filled_folder(tmp_path, clock)
    yield app
    app.close()


def run(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(oda, ["--config", str(folder / "config.yaml"), *args])


@pytest.mark.rule("R86")
def test_calendar__to_a_person_and_to_a_program(app: App, tmp_path: Path) -> None:
    result = run(tmp_path, "--as", f"operator:{OPERATOR}", "calendar")
    assert result.exit_code == 0, result.output
    (line,) = [text for text in result.stdout.splitlines() if "sont révoquées" in text]
    assert line.split()[0] == "31/08/2027"
    assert line.split()[-2:] == ["4", "3"]
    read = run(tmp_path, "--as", f"reader:{READER}", "calendar", "--json")
    entries = json.loads(read.stdout)
    (end,) = [entry for entry in entries if entry["deed"] == "year_end"]
    assert end == {
        "day": "2027-08-31", "until": None, "deed": "year_end", "requests": 4, "establishments": 3, "mail": None,
        "what": "à minuit, les demandes en cours de 2026-2027 sont révoquées", "school_year": "2026-2027",
    }  # fmt: skip
    today = app.policy.calendar.today(app.clock.now())
    assert all(date.fromisoformat(entry["day"]) >= today for entry in entries)
    assert {entry["mail"] for entry in entries if entry["deed"] == "reminders"} <= {
        "stalled_reminder",
        "handover_reminder",
    }


@pytest.mark.rule("R2", "R3")
def test_calendar__is_for_the_rectorat(app: App, tmp_path: Path) -> None:
    done = run(tmp_path, "--as", f"chef:{FULL}", "calendar")
    assert (done.exit_code, done.stdout) == (1, "")
