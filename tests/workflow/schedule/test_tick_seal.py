"""The schedule seals each day once, sends the seal where the settings say, and tells of a key that is away (R109)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from notifications.outbox.store import MAILS
from tests.kit.clock import FakeClock
from tests.kit.databases import BACKENDS, fresh_url
from tests.kit.installation import make_installation
from tests.kit.portal import PARIS
from workflow.app import App, bootstrap
from workflow.database.journal_tables import JOURNAL_SEAL
from workflow.journal.seals import read_sent
from workflow.settings.loader import load_settings

pytestmark = pytest.mark.rule("R109")

MONDAY = datetime(2026, 9, 14, 0, 5, tzinfo=PARIS)


@pytest.fixture(params=BACKENDS)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    clock = FakeClock(MONDAY)
    with fresh_url(request.param, tmp_path) as url:
        config = make_installation(tmp_path, url, clock)
        settings = "seal: {mail: rssi@ac-toulouse.fr, folder: sceaux}\n"
        config.write_text(config.read_text("utf-8") + settings, "utf-8")
        (tmp_path / "sceaux").mkdir()
        app = bootstrap(load_settings(config), {}, clock=clock)
        yield app
        app.close()


def clock_of(app: App) -> FakeClock:
    assert isinstance(app.clock, FakeClock)
    return app.clock


def tick(app: App) -> tuple[str, ...]:
    return app.ticker.tick().troubles


def seals(app: App) -> int:
    with app.database.read() as connection:
        return connection.execute(select(func.count()).select_from(JOURNAL_SEAL)).scalar_one()


def mails(app: App, kind: str) -> list[str]:
    with app.database.read() as connection:
        return list(connection.execute(select(MAILS.c.context).where(MAILS.c.kind == kind)).scalars())


def test_day__sealed_at_its_first_tick_and_sent_both_ways(app: App) -> None:
    for _ in range(3):
        assert tick(app) == ()
        clock_of(app).advance(minutes=1)
    assert seals(app) == 1
    [mail], [file] = mails(app, "journal_seal"), list((app.settings.folder / "sceaux").iterdir())
    (sent,) = read_sent(file)
    assert all(line in mail for line in sent.signed.text.splitlines())
    for day in (2, 3):
        clock_of(app).advance(days=1)
        assert tick(app) == ()
        assert seals(app) == day


def test_clock_not_believed__nothing_is_sealed(app: App) -> None:
    tick(app)
    clock_of(app).advance(days=60)
    assert app.ticker.tick().clock_fault is not None
    assert seals(app) == 1


def test_key_away__told_each_time_and_by_the_digest_but_nothing_else_stops(app: App) -> None:
    key = app.settings.secrets_directory / "seal-signing-key"
    away = key.rename(key.with_name("away"))
    [trouble] = tick(app)
    assert trouble == (
        "Le journal n'est pas scellé : le secret seal-signing-key manque ; en faire un par"
        " « oda secrets new-signing-key »."
    )
    clock_of(app).set(MONDAY + timedelta(hours=10))
    result = app.ticker.tick()
    assert (result.failures, result.troubles) == ([], (trouble,))
    assert any("seal-signing-key" in digest for digest in mails(app, "late_digest"))
    away.rename(key)
    assert tick(app) == ()
    assert seals(app) == 1


def test_folder_away__told_and_written_later(app: App) -> None:
    folder = app.settings.folder / "sceaux"
    folder.rmdir()
    [trouble] = tick(app)
    assert trouble == "Le travail « l'écriture des sceaux dans seal.folder » a échoué (FileNotFoundError)."
    assert seals(app) == 1
    folder.mkdir()
    assert tick(app) == ()
    assert len(list(folder.iterdir())) == 1
