"""The figures that the database counts are those that a walk finds, and a page is a part of the walk (R53)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from states import commands as c
from states.school_calendar import SchoolYear
from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock
from tests.kit.databases import BACKENDS, fresh_url
from tests.kit.year_end_scene import BARE, CLOSED, FULL, OVER, REFERENCES, RUNNING
from workflow.app import App
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.settings.sections import spellings
from workflow.year_end.preview import Preview, PreviewCursor, PreviewPage

pytestmark = pytest.mark.rule("R53")
JUNE = OVER - timedelta(days=80)


@pytest.fixture(scope="module", params=BACKENDS)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The small académie in June: one of its requests is renewed, one waits with both its checks positive, and the
    year before has a request that nobody revoked."""
    folder, clock = tmp_path_factory.mktemp("figures"), FakeClock(year_end_scene.SPRING)
    with fresh_url(request.param, folder) as url:
        app = year_end_scene.open_app(folder, url, clock)
        year_end_scene.fill(app, clock)
        clock.set(year_end_scene.SPRING)
        year_end_scene.declare(app, FULL, "Tardive", year_end_scene.ENDED)
        clock.set(JUNE)
        year_end_scene.do(app, c.Renew(reference=REFERENCES[FULL][1]), FULL)
        with app.database.write() as connection:
            ready = update(REQUEST).where(REQUEST.c.reference == REFERENCES[FULL][0]).values(key_possible=True)
            connection.execute(ready)
            empty = {"uai": "0310009Z", "nom": "Collège vide", "departement": "031", "commune": "Auch"}
            connection.execute(insert(ESTABLISHMENT), [empty])
        yield app
        app.close()


def preview(app: App, connection: object) -> Preview:
    return Preview(connection, app.year_ends, app.mailer, now=app.clock.now(), at=OVER)  # type: ignore[arg-type]


def test_count__is_what_a_walk_finds(app: App) -> None:
    with app.database.read() as connection:
        walked, counted = preview(app, connection), preview(app, connection)
        assert list(walked.establishments())
        assert counted.count() == walked.summary
        assert [(year.requests, year.renewed) for year in counted.summary.years] == [(1, 0), (4, 1)]


@pytest.mark.rule("R33", "R81")
def test_walk__tells_which_are_renewed(app: App) -> None:
    with app.database.read() as connection:
        renewals = {e.request.reference: e.renewed for place in preview(app, connection).establishments()
                    for e in place.requests if place.school_year == RUNNING}  # fmt: skip
    assert renewals == {
        REFERENCES[FULL][0]: False, REFERENCES[FULL][1]: True, REFERENCES[BARE][0]: False, REFERENCES[CLOSED][0]: False,
    }  # fmt: skip


def pages(app: App, limit: int, departement: str = "", *, anomalies_only: bool = False) -> list[PreviewPage]:
    all_pages: list[PreviewPage] = []
    after: PreviewCursor | None = None
    while not all_pages or after:
        with app.database.read() as connection:
            page = preview(app, connection).page(
                after=after,
                departements=spellings(departement) if departement else [],
                anomalies_only=anomalies_only,
                limit=limit,
            )  # fmt: skip
        all_pages.append(page)
        after = page.after
    return all_pages


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_pages__one_after_the_other_are_the_walk(app: App, limit: int) -> None:
    with app.database.read() as connection:
        walked = list(preview(app, connection).establishments())
    all_pages = pages(app, limit)
    assert [line for page in all_pages for line in page.lines] == walked
    assert all(len(page.lines) <= limit for page in all_pages)
    assert len(all_pages) == -(-len(walked) // limit)


def test_pages__of_one_departement_and_of_what_is_odd(app: App) -> None:
    def uais(departement: str = "", *, anomalies_only: bool = False) -> list[str]:
        all_pages = pages(app, 10, departement, anomalies_only=anomalies_only)
        return [line.establishment.uai for page in all_pages for line in page.lines]

    assert uais("31") == [FULL, FULL, BARE]
    assert uais("32") == [CLOSED]
    assert uais(anomalies_only=True) == [BARE, CLOSED]
    assert uais("31", anomalies_only=True) == [BARE]
    assert uais("65") == []


def test_page__after_the_last_is_empty(app: App) -> None:
    with app.database.read() as connection:
        page = preview(app, connection).page(
            after=(RUNNING, "9999999Z"), departements=[], anomalies_only=False, limit=5
        )
    assert page == PreviewPage((), None)
    with app.database.read() as connection:
        later = preview(app, connection).page(
            after=(SchoolYear(2090), ""), departements=[], anomalies_only=False, limit=5
        )
    assert later.lines == ()
