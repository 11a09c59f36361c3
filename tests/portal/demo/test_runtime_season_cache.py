"""The season kept between two demonstrations: the same instant, the same data, and never one of another software."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portal.demo import runtime
from portal.demo.mail_server import ReceivedMail
from portal.demo.runtime import RunningDemo, SeasonCache, SeasonState, cache_folder
from workflow.journal.verification import Verifier

pytestmark = pytest.mark.xdist_group("demo")  # one worker plays the season, once

ADDRESS = "http://127.0.0.1:8000"
STATE = SeasonState(
    now=datetime(2026, 9, 28, 7, 30, tzinfo=UTC),
    examples={"déclarée": "0319101X"},
    received=(ReceivedMail("oda@ac-toulouse.fr", ("ce.0319101x@ac-toulouse.fr",), b"Subject: \xe9\r\n\r\nx"),),
)


@pytest.fixture
def season(tmp_path: Path) -> tuple[Path, Path]:
    """A database and its secrets, to be kept."""
    import sqlite3

    database = tmp_path / "joué.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    connection.close()
    (tmp_path / "joués").mkdir(mode=0o700)
    (tmp_path / "joués" / "journal-key").write_text("clé")
    return database, tmp_path / "joués"


def restored(cache: SeasonCache, folder: Path) -> SeasonState | None:
    folder.mkdir(exist_ok=True)
    return cache.restore(folder / "oda.sqlite", folder / "secrets")


def test_demo__restored_resumes_at_the_instant_of_the_season(demo: RunningDemo, own: RunningDemo) -> None:
    """``own`` was restored from what ``demo`` played: nothing of its clock is this machine's."""
    app = own.view.app
    assert (own.clock.now() - datetime(2026, 9, 28, 7, 30, tzinfo=UTC)).total_seconds() < 600
    assert own.view.arrived == len(own.view.mailbox.letters()) > 400
    assert own.view.examples == demo.view.examples
    with app.database.read() as connection:
        assert list(Verifier(connection, app.hasher).flaws()) == []


def test_cache__gives_back_what_it_was_given_in_private(tmp_path: Path, season: tuple[Path, Path]) -> None:
    cache = SeasonCache(tmp_path / "cache", ADDRESS)
    assert restored(cache, tmp_path / "avant") is None
    assert list((tmp_path / "avant").iterdir()) == []
    cache.store(*season, STATE)
    assert restored(cache, tmp_path / "après") == replace(STATE, received=list(STATE.received))
    assert (tmp_path / "après" / "secrets" / "journal-key").read_text() == "clé"
    assert [path.stat().st_mode & 0o077 for path in (tmp_path / "cache", tmp_path / "après" / "oda.sqlite")] == [0, 0]


def test_cache__another_address_or_another_software_is_played_again(
    tmp_path: Path, season: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    SeasonCache(tmp_path / "cache", ADDRESS).store(*season, STATE)
    assert restored(SeasonCache(tmp_path / "cache", "http://127.0.0.1:8001"), tmp_path / "a") is None
    monkeypatch.setattr(runtime, "_source_digest", lambda: "autre")
    changed = SeasonCache(tmp_path / "cache", ADDRESS)
    assert restored(changed, tmp_path / "b") is None
    changed.store(*season, STATE)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["season-autre-8000"]


def test_cache__a_damaged_season_is_played_again(tmp_path: Path, season: tuple[Path, Path]) -> None:
    cache = SeasonCache(tmp_path / "cache", ADDRESS)
    cache.store(*season, STATE)
    (entry,) = (tmp_path / "cache").iterdir()
    (entry / "oda.sqlite").unlink()
    assert restored(cache, tmp_path / "a") is None
    assert list((tmp_path / "a").iterdir()) == []
    cache.store(*season, STATE)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [entry.name]
    assert restored(cache, tmp_path / "b") is not None
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("")
    cache.store(*season, STATE)
    assert restored(cache, tmp_path / "c") is None


def test_cache__is_in_the_checkout() -> None:
    assert cache_folder() == Path(__file__).parents[3] / ".tools" / "demo"
