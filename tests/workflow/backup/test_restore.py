"""``oda restore``: only into an empty place, from either database, and nothing leaves before its release (R116)."""

import asyncio
import gzip
import hashlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import make_url, select, text, update
from sqlalchemy.exc import IntegrityError

from notifications.delivery.dispatcher import Dispatcher
from notifications.outbox.store import MAILS
from notifications.vocabulary import Stage
from states.vocabulary import Role
from tests.kit.clock import FakeClock
from tests.kit.databases import BACKENDS, _admin, _numbers, postgresql_url
from tests.kit.forked_process import exit_code_of
from tests.kit.killed_process import kill_at
from tests.kit.system import KEY, System
from tests.workflow.backup.scene import NOW, backed_up, lively
from workflow.backup.archive import make_backup
from workflow.backup.restore import RestoreResult, release_restoration, restore_backup
from workflow.backup.rows import BackupRefused, chain_ends
from workflow.database import schema
from workflow.database.access_tables import LINKS, SESSIONS
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT
from workflow.database.schedule_tables import is_held
from workflow.database.tables import COUNTER
from workflow.journal import chain
from workflow.journal.chain import JournalHasher, OtherInstallation

pytestmark = pytest.mark.rule("R116")


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = lively(database_url)
    yield system
    system.close()


@contextmanager
def nothing_there(backend: str, folder: Path) -> Iterator[str]:
    """The address of a place where there is no table yet."""
    if backend == "sqlite":
        yield f"sqlite:///{folder / 'restored.sqlite'}"
        return
    name = f"oda_empty_{next(_numbers)}"
    _admin(f"CREATE DATABASE {name}")
    yield postgresql_url(name)
    _admin(f"DROP DATABASE {name} WITH (FORCE)")


def restored(folder: Path, url: str, hasher: JournalHasher = KEY) -> RestoreResult:
    return restore_backup(folder, make_url(url), hasher, NOW, lambda _database: None)


@pytest.mark.parametrize("backend", BACKENDS)
def test_restore__all_is_there_again_on_either_database(system: System, tmp_path: Path, backend: str) -> None:
    folder = backed_up(system, tmp_path / "b").folder
    with nothing_there(backend, tmp_path) as url:
        assert restored(folder, url).flaws == ()
        copy = System.reopened(url, NOW)
        try:
            assert copy.flaws() == []
            assert copy.requests() == system.requests()
            assert copy.sealed() == system.sealed()
            copy.issued(3)  # the numbers given and the sequences go on
            with pytest.raises(IntegrityError), copy.database.write() as connection:  # and the guards
                connection.execute(text("UPDATE event SET hash = 'x'"))
            assert copy.flaws() == []
        finally:
            copy.close()


def test_restore__gives_no_reference_that_may_have_been_given_since_the_backup(system: System, tmp_path: Path) -> None:
    folder = backed_up(system, tmp_path / "b").folder
    lost = {system.issued(number) for number in (31, 32, 33)}
    with nothing_there("sqlite", tmp_path) as url:
        restored(folder, url)
        copy = System.reopened(url, NOW)
        try:
            references = {copy.issued(number) for number in (41, 42, 43)}
            assert references.isdisjoint(lost)
            assert copy.flaws() == []
            with copy.database.write() as connection:  # a number beyond those left out is still missed
                connection.execute(update(COUNTER).values(last=COUNTER.c.last + 1))
            [*flaws] = copy.flaws()
            assert flaws
            assert all("numérotée et n'existe plus" in flaw for flaw in flaws)
        finally:
            copy.close()


def test_restore__nothing_leaves_nor_is_done_before_its_release(system: System, tmp_path: Path) -> None:
    folder = backed_up(system, tmp_path / "b").folder
    with nothing_there("sqlite", tmp_path) as url:
        restored(folder, url)
        copy = System.reopened(url, NOW)
        operator = replace(copy.actors["opérateur"], role=Role.OPERATOR)
        sender = Dispatcher(copy.database, copy.mailer, copy.mailer.settings, copy.clock, is_held=is_held)
        assert asyncio.run(sender.run_once()) == 0
        assert copy.tick().is_held
        with copy.database.read() as connection:
            waiting = connection.execute(select(MAILS.c.id).where(MAILS.c.stage == Stage.PENDING)).scalars().all()
            assert connection.execute(select(EVENT.c.kind).order_by(EVENT.c.seq.desc())).scalars().first()
        assert waiting
        with pytest.raises(BackupRefused):
            release_restoration(copy.database, KEY, operator, NOW, [10**6])
        assert release_restoration(copy.database, KEY, operator, NOW, waiting[:1]).mails == 1
        assert not copy.tick().is_held
        assert copy.flaws() == []
        with pytest.raises(BackupRefused) as again:
            release_restoration(copy.database, KEY, operator, NOW, [])
        assert again.value.code == "not_held"
        copy.close()


def test_restore__what_opened_a_door_then_opens_none(system: System, tmp_path: Path) -> None:
    link = {"digest": "d", "role": "chef", "subject": "0310001H", "sent_to": "x", "created_at": NOW}
    with system.database.write() as connection:
        connection.execute(LINKS.insert(), [link | {"expires_at": NOW.replace(hour=12), "joins": "", "back": "",
                           "browser": "", "code_digest": "", "network": "", "browser_name": "",
                           "is_proof": False}])  # fmt: skip
        connection.execute(SESSIONS.insert(), [{
            "digest": "s", "role": "chef", "subject": "0310001H", "name": "", "created_at": NOW, "seen_at": NOW,
            "expires_at": NOW.replace(hour=20), "method": "mail_link", "provider": "", "proved_at": NOW, "browser": "",
            "awaits_factor": False,
        }])  # fmt: skip
    folder = backed_up(system, tmp_path / "b").folder
    with nothing_there("sqlite", tmp_path) as url:
        restored(folder, url)
        copy = System.reopened(url, NOW)
        with copy.database.read() as connection:
            assert connection.execute(select(LINKS.c.expires_at)).scalars().all() == [NOW]
            assert connection.execute(select(SESSIONS.c.ended_at)).scalars().all() == [NOW]
        copy.close()


def test_restore__only_into_an_empty_place(system: System, tmp_path: Path) -> None:
    folder = backed_up(system, tmp_path / "b").folder
    with system.database.read() as connection:
        before = chain_ends(connection)
    with pytest.raises(BackupRefused) as refused:
        restored(folder, system.url)
    assert refused.value.code == "not_empty"
    with system.database.read() as connection:
        assert chain_ends(connection) == before
        assert not is_held(connection)


def test_restore__with_another_key_or_a_damaged_backup_is_refused(system: System, tmp_path: Path) -> None:
    folder = backed_up(system, tmp_path / "b").folder
    url = f"sqlite:///{tmp_path / 'restored.sqlite'}"
    with pytest.raises(OtherInstallation):
        restored(folder, url, JournalHasher(b"another key" * 4))
    if system.database.is_postgresql:
        rows = folder / "tables" / "event.jsonl.gz"
        lines = gzip.decompress(rows.read_bytes()).splitlines(keepends=True)
        rows.write_bytes(gzip.compress(b"".join(lines[:-1])))
        changed = "tables/event.jsonl.gz"
    else:
        changed = "oda.sqlite"
        content = bytearray((folder / changed).read_bytes())
        content[-1] ^= 1
        (folder / changed).write_bytes(content)
    with pytest.raises(BackupRefused) as refused:
        restored(folder, url)
    assert refused.value.code == "damaged"
    if system.database.is_postgresql:  # with its sum made right, the journal's ends still tell
        sums = (folder / "SHA256SUMS").read_text().splitlines()
        sums = [f"{hashlib.sha256(rows.read_bytes()).hexdigest()}  {changed}" if changed in s else s for s in sums]
        (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
        with pytest.raises(BackupRefused) as refused:
            restored(folder, url)
        assert refused.value.code == "damaged"
    assert [path.name for path in tmp_path.glob("*restored*")] == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_restore__killed_leaves_the_place_empty(system: System, tmp_path: Path, backend: str) -> None:
    folder = backed_up(system, tmp_path / "b").folder
    with nothing_there(backend, tmp_path) as url:
        for point in ("restore.before_commit", *(("restore.before_rename",) if backend == "sqlite" else ())):
            assert exit_code_of(killed_restore, str(folder), url, point) == -signal.SIGKILL
            assert not (tmp_path / "restored.sqlite").exists()
        assert restored(folder, url).flaws == ()


def killed_restore(folder: str, url: str, point: str) -> None:
    kill_at(point, 1)
    restored(Path(folder), url)


def test_restore__a_flaw_that_the_backup_holds_is_told(system: System, tmp_path: Path) -> None:
    with system.database.write() as connection:
        connection.execute(text("UPDATE installation SET chain_length = chain_length + 1"))
    folder = backed_up(system, tmp_path / "b").folder
    with nothing_there("sqlite", tmp_path) as url:
        assert restored(folder, url).flaws


@pytest.mark.parametrize("source", BACKENDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_restore__an_older_version_is_brought_up_to_date(tmp_path: Path, source: str, backend: str) -> None:
    (tmp_path / "old").mkdir()
    with nothing_there(source, tmp_path / "old") as old, nothing_there(backend, tmp_path) as url:
        database = Database(old)
        with database.write() as connection:
            command.upgrade(schema.alembic_config(connection), "0038")
            chain.found_installation(connection, KEY, NOW)
        folder = make_backup(database, FakeClock(NOW), tmp_path / "b", []).folder
        with database.read() as connection:
            assert schema.version(connection) == "0038"
        database.dispose()
        assert restored(folder, url).manifest.version == "0038"
        new = Database(url)
        with new.read() as connection:
            assert schema.version(connection) == schema.newest()
            assert is_held(connection)
        new.dispose()
