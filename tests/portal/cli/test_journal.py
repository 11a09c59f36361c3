"""``oda journal verify``: each flaw by name, and the blind spots always (R65)."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from portal.cli.main import oda
from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock
from workflow.database.connection import Database
from workflow.journal.verification import BLIND_SPOTS

pytestmark = pytest.mark.rule("R63", "R65")


def verify(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(oda, ["--config", str(folder / "config.yaml"), "journal", "verify", *args])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    year_end_scene.filled_folder(tmp_path, FakeClock(year_end_scene.AUTUMN)).close()
    return tmp_path


def tamper(folder: Path, *statements: str) -> None:
    database = Database(f"sqlite:///{folder / 'oda.sqlite'}")
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))
    database.dispose()


def test_verify__sound(folder: Path) -> None:
    done = verify(folder)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("36 événements en 6 chaînes : tout tient.\n")
    for blind in BLIND_SPOTS:
        assert blind in done.stdout


def test_verify__names_each_flaw(folder: Path) -> None:
    tamper(
        folder, "DROP TRIGGER guard_event_update", "DROP TRIGGER guard_event_delete",
        "UPDATE event SET actor = (SELECT min(number) FROM actor WHERE number <> event.actor)"
        " WHERE stream = 'ODA-2027-00002' AND seq = 3",
        "DELETE FROM event WHERE stream = 'ODA-2027-00003' AND seq = 2",
    )  # fmt: skip
    done = verify(folder)
    assert done.exit_code == 1
    assert "3 défauts" in done.stderr
    assert "  — ODA-2027-00002, événement 3 : modifié : sa colonne « actor »" in done.stdout
    assert "  — ODA-2027-00003, événement 2 : retiré\n" in done.stdout
    assert "  — ODA-2027-00003, événement 2 : la note « why » n'a plus d'événement\n" in done.stdout
    for blind in BLIND_SPOTS:
        assert blind in done.stdout
    found = json.loads(verify(folder, "--json").stdout)
    assert [(flaw["stream"], flaw["seq"]) for flaw in found["flaws"]] == [
        ("ODA-2027-00002", 3), ("ODA-2027-00003", 2), ("ODA-2027-00003", 2),
    ]  # fmt: skip
    assert found["blind_spots"] == list(BLIND_SPOTS)


def test_verify__json_of_a_sound_one(folder: Path) -> None:
    done = verify(folder, "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["events"], found["chains"], found["flaws"]) == (0, 36, 6, [])
