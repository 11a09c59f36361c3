"""A preview writes nothing, and says what the run then does (R53)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from notifications.messages.catalogue import CATALOGUE
from notifications.outbox.store import MAILS
from notifications.vocabulary import Draft, Kind
from states.rules.schedule import Hold
from states.vocabulary import Channel, RemovalKind
from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock
from tests.kit.databases import BACKENDS, fresh_url
from tests.kit.installation import OPERATOR
from tests.kit.year_end_scene import BARE, CLOSED, FULL, OVER, REFERENCES, RUNNING
from workflow.app import App
from workflow.database.tables import REMOVAL, REQUEST
from workflow.journal.chain import schedule_actor
from workflow.journal.verification import Verifier
from workflow.year_end import service
from workflow.year_end.preview import Anomaly, EstablishmentEnd, Preview, Summary, YearSummary, count_live

pytestmark = pytest.mark.rule("R53")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(year_end_scene.SPRING)


@pytest.fixture(scope="module", params=BACKENDS)
def autumn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The same, shared by the tests that only look."""
    folder, clock = tmp_path_factory.mktemp("preview"), FakeClock(year_end_scene.SPRING)
    with fresh_url(request.param, folder) as url:
        app = year_end_scene.open_app(folder, url, clock)
        year_end_scene.fill(app, clock)
        yield app
        app.close()


@pytest.fixture
def app(database_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[App]:
    """The small académie in autumn; the schedule has not run yet."""
    app = year_end_scene.open_app(tmp_path, database_url, clock)
    year_end_scene.fill(app, clock)
    yield app
    app.close()


def look(app: App, at: Any = OVER) -> tuple[list[EstablishmentEnd], Summary]:
    with app.database.read() as connection:
        preview = Preview(connection, app.year_ends, app.mailer, now=app.clock.now(), at=at)
        return list(preview.establishments()), preview.summary


def only(summary: Summary) -> YearSummary:
    [year] = summary.years
    return year


def dump(app: App) -> dict[str, list[Any]]:
    """Every row of every table."""
    with app.database.read() as connection:
        tables = SQLModel.metadata.sorted_tables
        return {t.name: sorted(map(repr, connection.execute(t.select()).all())) for t in tables}


def facts(draft: Draft) -> tuple[Any, ...]:
    context = CATALOGUE[draft.kind].encode(draft.context)
    return draft.kind.value, draft.audience.value, draft.recipient, draft.uai, context


def test_preview__writes_nothing(autumn: App) -> None:
    before = dump(autumn)
    look(autumn)
    assert dump(autumn) == before


def test_preview__tells_each_establishment_and_what_is_odd(autumn: App) -> None:
    previews, summary = look(autumn)
    assert [preview.establishment.uai for preview in previews] == [FULL, BARE, CLOSED]
    for preview in previews:
        assert tuple(e.request.reference for e in preview.requests) == REFERENCES[preview.establishment.uai]
    odd = {
        preview.establishment.uai: (preview.anomalies, *(e.anomalies for e in preview.requests)) for preview in previews
    }
    assert odd == {
        FULL: ((), (), ()),
        BARE: ((Anomaly.NO_MAILBOX,), (Anomaly.CODE_UNDELIVERABLE,)),
        CLOSED: ((Anomaly.CLOSED,), (Anomaly.OPEN_REPORT,)),
    }
    year = only(summary)
    assert (summary.requests, summary.establishments) == (4, 3)
    assert year.departements == {"031": 3, "032": 1}
    assert year.removals == {RemovalKind.REMOVE_RIGHTS: 3}
    assert year.mails == {Kind.YEAR_END: 2}
    assert [place.uai for place in year.without_mailbox] == [BARE]
    assert summary.earlier_removals == {year_end_scene.ENDED: 1}


@pytest.mark.rule("R50", "R54")
def test_preview__announces_what_the_run_then_stores(app: App, clock: FakeClock) -> None:
    year_end_scene.tick_monthly(app, clock)
    previews, summary = look(app)
    announced = [facts(preview.mail) for preview in previews]
    announced += [facts(year.report) for year in summary.years if year.report]
    with app.database.read() as connection:
        known = set(connection.execute(select(MAILS.c.id)).scalars())
    clock.set(OVER)
    assert app.ticker.tick().revoked == {RUNNING: summary.requests}
    columns = (MAILS.c.kind, MAILS.c.audience, MAILS.c.recipient, MAILS.c.uai, MAILS.c.context)
    with app.database.read() as connection:
        stored = connection.execute(select(*columns).where(MAILS.c.id.not_in(known)).order_by(MAILS.c.id)).all()
        live = select(REQUEST.c.reference).where(REQUEST.c.last_trigger == "expire").order_by(REQUEST.c.reference)
        revoked = connection.execute(live).scalars().all()
        opened = select(REMOVAL.c.reference, REMOVAL.c.kind).where(REMOVAL.c.opened_at == OVER)
        removals = {tuple(row) for row in connection.execute(opened)}
    assert [tuple(row) for row in stored] == announced
    assert revoked == [year_end_scene.request.reference for preview in previews for year_end_scene in preview.requests]
    with app.database.read() as connection:
        assert list(Verifier(connection, app.hasher).flaws()) == []
    assert removals == {(e.request.reference, e.removal.value) for o in previews for e in o.requests if e.removal}


def test_preview__is_the_same_in_small_batches(autumn: App, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = look(autumn)
    monkeypatch.setattr(service, "BATCH", 1)
    assert look(autumn) == whole


def test_preview__before_the_end_nothing(autumn: App) -> None:
    previews, summary = look(autumn, OVER - timedelta(seconds=1))
    assert (previews, summary.years, summary.requests) == ([], [], 0)


@pytest.mark.rule("R51", "R52")
def test_preview__a_schedule_that_never_ran_would_hold_unless_it_runs(autumn: App) -> None:
    foreseen = only(look(autumn)[1]).foreseen_hold
    assert foreseen is not None
    assert (foreseen.hold, foreseen.avoidable) == (Hold.UNFORESEEN, True)


@pytest.mark.rule("R51", "R52")
def test_preview__a_running_schedule_is_held_by_its_own_absence_only(app: App, clock: FakeClock) -> None:
    app.ticker.tick()
    foreseen = only(look(app)[1]).foreseen_hold
    assert foreseen is not None
    assert (foreseen.hold, foreseen.avoidable) == (Hold.ABSENCE, True)
    year_end_scene.tick_monthly(app, clock)
    assert only(look(app)[1]).foreseen_hold is None


@pytest.mark.rule("R52")
@pytest.mark.parametrize("ticked", [False, True])
def test_preview__tells_why_a_past_end_is_held(app: App, clock: FakeClock, ticked: bool) -> None:
    clock.set(OVER + timedelta(days=1))
    if ticked:
        app.ticker.tick()
    foreseen = only(look(app, clock.now())[1]).foreseen_hold
    assert foreseen is not None
    assert (foreseen.hold, foreseen.avoidable) == (Hold.UNFORESEEN, False)


@pytest.mark.rule("R22")
def test_preview__two_years_at_once_one_with_a_default_date(app: App, clock: FakeClock) -> None:
    clock.set(OVER - timedelta(days=30))
    year_end_scene.declare(app, FULL, "Suivante", RUNNING.next)
    _, summary = look(app, app.policy.calendar.end_of(RUNNING.next).ends_at)
    assert [(year.end.school_year, year.end.is_default) for year in summary.years] == [
        (RUNNING, False), (RUNNING.next, True),
    ]  # fmt: skip
    assert (summary.requests, summary.establishments) == (5, 4)


@pytest.mark.rule("R52")
def test_count_live__before_and_after_a_confirmed_end(app: App, clock: FakeClock) -> None:
    clock.set(OVER)
    app.ticker.tick()
    with app.database.read() as connection:
        assert count_live(connection, RUNNING) == (4, 3)
    end = app.year_ends.confirm(RUNNING, app.people.operator(OPERATOR, Channel.CLI))
    assert app.year_ends.run(end, schedule_actor(app.database)) == 4
    with app.database.read() as connection:
        assert count_live(connection, RUNNING) == (0, 0)
