"""``oda database move``: everything, and the same; or nothing (R116)."""

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, make_url

from tests.kit.databases import fresh_url
from tests.kit.forked_process import exit_code_of
from tests.kit.killed_process import kill_at
from tests.kit.system import KEY, System
from tests.workflow.backup.scene import NOW, lively
from tests.workflow.backup.test_restore import nothing_there
from workflow.backup.restore import MoveResult, move_database
from workflow.backup.rows import BackupRefused
from workflow.database.connection import Database
from workflow.database.schedule_tables import NODE

pytestmark = pytest.mark.rule("R116")


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with fresh_url("sqlite", tmp_path) as url:
        system = lively(url)
        yield system
        system.close()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    with nothing_there("postgresql", tmp_path) as url:
        yield url


def moved(source: str, target: str) -> MoveResult:
    database = Database(source)
    try:
        return move_database(database, make_url(target), KEY, NOW)
    finally:
        database.dispose()


def test_move__all_is_there_and_the_file_is_untouched(system: System, target: str) -> None:
    before = system.dump()
    system.close()
    file = Path(system.url.removeprefix("sqlite:///"))
    content = file.read_bytes()
    done = moved(system.url, target)
    assert file.read_bytes() == content
    assert (done.chains, done.rows) == (3, sum(map(len, before.values())))
    copy = System.reopened(target, NOW)
    try:
        assert copy.flaws() == []
        assert {name: len(rows) for name, rows in copy.dump().items()} == {n: len(rows) for n, rows in before.items()}
        assert copy.requests() == System.reopened(system.url, NOW).requests()
        copy.issued(3)
        assert copy.flaws() == []
    finally:
        copy.close()


def test_move__killed_leaves_nothing_there_and_the_file_whole(system: System, target: str) -> None:
    assert exit_code_of(killed_move, system.url, target) == -signal.SIGKILL
    assert system.flaws() == []
    assert moved(system.url, target).chains == 3


def killed_move(source: str, target: str) -> None:
    kill_at("move.before_commit", 1)
    moved(source, target)


def test_move__into_a_base_in_use_from_a_service_at_work_or_backwards_is_refused(
    system: System, target: str, tmp_path: Path
) -> None:
    moved(system.url, target)
    codes = []
    for source, to in ((system.url, target), (target, system.url)):
        with pytest.raises(BackupRefused) as refused:
            moved(source, to)
        codes.append(refused.value.code)
    with system.database.write() as connection:
        connection.execute(insert(NODE).values(host="h", seen_at=NOW - timedelta(minutes=1)))
    with nothing_there("postgresql", tmp_path) as other, pytest.raises(BackupRefused) as refused:
        moved(system.url, other)
    assert [*codes, refused.value.code] == ["not_empty", "direction", "at_work"]
