"""``oda backup``: whole or not there, verified, private, and without what opens the codes (R116)."""

import errno
import gzip
import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from notifications.ports import set_crash_hook
from tests.kit.forked_process import exit_code_of
from tests.kit.killed_process import kill_at
from tests.kit.system import System
from tests.workflow.backup.scene import CODE, NOW, backed_up, lively
from workflow.backup.archive import read_verified, whole_backups
from workflow.backup.rows import BackupRefused
from workflow.database.schedule_tables import last_backup_at

pytestmark = pytest.mark.rule("R116")


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = lively(database_url)
    yield system
    system.close()


def every_byte(folder: Path) -> bytes:
    """All that a backup holds, names included, what is compressed read."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"".join(
        str(path).encode() + (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        for path in paths
    )


def test_make_backup__is_verified_private_and_recorded(system: System, tmp_path: Path) -> None:
    done = backed_up(system, tmp_path / "b")
    assert done.folder.name == "oda-2027-03-02T09-00-00Z"
    manifest = read_verified(done.folder)
    assert manifest == done.manifest
    assert manifest.is_whole
    assert manifest.chains == 3
    modes = {stat.S_IMODE(path.stat().st_mode) for path in done.folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (done.folder.parent, done.folder)} == {0o700}
    with system.database.read() as connection:
        assert last_backup_at(connection) == NOW


@pytest.mark.rule("R60")
def test_make_backup__has_no_code_in_clear(system: System, tmp_path: Path) -> None:
    assert CODE.encode() not in every_byte(backed_up(system, tmp_path / "b").folder)


def test_make_backup__goes_on_while_others_write(system: System, tmp_path: Path) -> None:
    with system.database.write() as connection:
        connection.execute(text("UPDATE establishment SET nom = 'Autre'"))
        set_crash_hook(lambda point: connection.rollback() if point == "backup.before_rename" else None)
        try:
            done = backed_up(system, tmp_path / "b")
        finally:
            set_crash_hook(None)
    assert done.manifest.is_whole
    assert b"Autre" not in every_byte(done.folder)


@pytest.mark.parametrize("point", ["backup.database_written", "backup.before_rename"])
def test_make_backup__killed_leaves_nothing_that_looks_whole(system: System, tmp_path: Path, point: str) -> None:
    place = tmp_path / "b"
    assert exit_code_of(killed_backup, system.url, str(place), point) == -signal.SIGKILL
    assert whole_backups(place) == []
    assert backed_up(system, place).manifest.is_whole
    assert [each.name for each in place.iterdir()] == ["oda-2027-03-02T09-00-00Z"]


def killed_backup(url: str, place: str, point: str) -> None:
    system = System.reopened(url, NOW)
    kill_at(point, 1)
    backed_up(system, Path(place))


def test_make_backup__a_full_disk_leaves_nothing(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        backed_up(system, tmp_path / "b")
    assert list((tmp_path / "b").iterdir()) == []


def test_make_backup__keeps_the_last_ones(system: System, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "à moi").mkdir()
    removed: list[str] = []
    for _ in range(3):
        removed += backed_up(system, tmp_path / "b", keep=2).removed
        system.clock.advance(days=1)
    assert removed == ["oda-2027-03-02T09-00-00Z"]
    assert sorted(each.name for each in (tmp_path / "b").iterdir()) == [
        "oda-2027-03-03T09-00-00Z", "oda-2027-03-04T09-00-00Z", "à moi",
    ]  # fmt: skip


def test_make_backup__of_a_journal_that_does_not_hold_replaces_none(system: System, tmp_path: Path) -> None:
    backed_up(system, tmp_path / "b")
    system.clock.advance(days=1)
    with system.database.write() as connection:
        connection.execute(text("UPDATE installation SET chain_length = chain_length + 1"))
    done = backed_up(system, tmp_path / "b", keep=1)
    assert (done.manifest.is_whole, done.removed, done.is_recorded) == (False, (), False)
    assert len(whole_backups(tmp_path / "b")) == 2


def test_read_verified__a_changed_byte_is_seen(system: System, tmp_path: Path) -> None:
    folder = backed_up(system, tmp_path / "b").folder
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"events": 0}))
    with pytest.raises(BackupRefused) as refused:
        read_verified(folder)
    assert refused.value.code == "damaged"
