"""What is personal is erased after its time, and nothing else changes (R110)."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from notifications.outbox.admin import MailErased, dead_mails, stuck_for
from notifications.outbox.store import MAILS
from notifications.ports import set_crash_hook
from notifications.vocabulary import Fault, Stage
from states import commands as c
from states.decision import Refused
from states.school_calendar import SchoolYear
from states.vocabulary import Change
from tests.acceptance.database_dump import rows
from tests.kit import factories as make
from tests.kit.portal import STAFF, Portal, open_portal
from tests.workflow.retention import scene
from workflow.auth.actors import remember_chef
from workflow.database.journal_tables import DAILY_FIGURE, EVENT, HANDOVER_DELAY
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.journal import chain
from workflow.requests.filters import search
from workflow.retention.erasure import ERASED_NAME, Counts
from workflow.schedule.digest import late_digest
from workflow.schedule.reminders import JobDay


@pytest.fixture
def portal(tmp_path: Path, database_url: str) -> Iterator[Portal]:
    settings = "drane:\n  declaration: sent_by_us\n"
    with open_portal(tmp_path, database_url, settings=settings) as opened:
        yield opened


@pytest.mark.rule("R110", "R64", "R99")
def test_thirteen_months_later__no_name_anywhere_and_nothing_else_has_changed(portal: Portal, tmp_path: Path) -> None:
    reference = scene.live(portal)
    scene.end(portal, reference)
    scene.send_mails(portal)
    assert set(scene.found_in_database(portal.app.database, tmp_path)) == set(scene.NAMES)
    chains = _chain(portal, reference)
    day = portal.app.policy.calendar.today(portal.clock.now())
    portal.clock.advance(days=2)
    portal.app.figures.catch_up()
    figures = _figures(portal, day)
    assert figures
    scene.months_pass(portal, 11)
    assert scene.found_in_database(portal.app.database, tmp_path)
    scene.months_pass(portal, 2)
    assert scene.found_in_database(portal.app.database, tmp_path) == []
    assert scene.flaws(portal) == []
    assert _chain(portal, reference) == chains
    assert _figures(portal, day) == figures
    portal.app.figures.rebuild()
    assert _figures(portal, day) == figures
    with portal.app.database.read() as connection:
        result = search(connection, portal.actor(STAFF), scene.NOM)
        row = connection.execute(select(REQUEST).where(REQUEST.c.reference == reference)).one()
    assert result.references == ()
    assert row.nom == ERASED_NAME
    assert row.erased_at is not None


@pytest.mark.rule("R110")
def test_chef__of_whom_nothing_else_is_left_is_forgotten(portal: Portal) -> None:
    scene.live(portal)
    with portal.app.database.write() as connection:
        remember_chef(connection, ["0310002J"], "Ottilie Wrzesniak", is_new=True)
        remember_chef(connection, ["0310001H"], scene.CHEF_NAME, is_new=True)
    assert portal.app.retention.erase_due(chain.schedule_actor(portal.app.database)).chefs == 1
    with portal.app.database.read() as connection:
        named = select(ESTABLISHMENT.c.uai).where(ESTABLISHMENT.c.chef_name != "")
        assert list(connection.execute(named).scalars()) == ["0310001H"]


def _chain(portal: Portal, reference: str) -> list[str]:
    with portal.app.database.read() as connection:
        return list(
            connection.execute(select(EVENT.c.hash).where(EVENT.c.stream == reference).order_by(EVENT.c.seq)).scalars()
        )


def _figures(portal: Portal, day: date) -> list[tuple[object, ...]]:
    """The figures of the days up to this one."""
    with portal.app.database.read() as connection:
        tables = (select(table).where(table.c.day <= day) for table in (DAILY_FIGURE, HANDOVER_DELAY))
        return sorted((tuple(row) for query in tables for row in connection.execute(query)), key=str)


@pytest.mark.rule("R110")
def test_preview__is_what_is_done_and_writes_nothing(portal: Portal) -> None:
    scene.end(portal, scene.live(portal))
    waiting = scene.live(portal)
    scene.end(portal, waiting, removed=False)
    scene.send_mails(portal)
    portal.clock.advance(days=341)
    portal.app.lists.erase_unneeded_rows(chain.schedule_actor(portal.app.database))
    portal.app.retention.erase_due(chain.schedule_actor(portal.app.database))
    day = portal.app.policy.calendar.today(portal.clock.now()) + timedelta(days=30)
    before = rows(portal.app.database)
    preview = portal.app.retention.preview(day)
    assert rows(portal.app.database) == before
    portal.clock.advance(days=30)
    schedule = chain.schedule_actor(portal.app.database)
    assert portal.app.retention.erase_due(schedule) == preview.counts
    assert (preview.counts.requests, preview.awaited) == (1, 1)
    assert portal.app.retention.erase_due(schedule) == Counts()


@pytest.mark.rule("R110", "R52")
def test_tick__erases_nothing_under_a_clock_that_is_not_believed(portal: Portal) -> None:
    scene.end(portal, scene.live(portal))
    portal.app.ticker.tick()
    portal.clock.advance(days=400)
    assert portal.app.ticker.tick().clock_fault is not None
    assert portal.app.retention.preview().counts.requests == 1


@pytest.mark.rule("R110", "R1")
def test_erased__nothing_more_is_done_of_it_and_a_removal_that_is_awaited_stays(portal: Portal) -> None:
    erased = scene.live(portal)
    scene.end(portal, erased)
    awaited = scene.live(portal)
    scene.end(portal, awaited, removed=False)
    portal.clock.advance(days=400)
    portal.app.retention.erase_due(chain.schedule_actor(portal.app.database))
    with portal.app.database.read() as connection:
        names = {row.reference: row.nom for row in connection.execute(select(REQUEST.c.reference, REQUEST.c.nom))}
    assert names == {erased: ERASED_NAME, awaited: scene.NOM}
    for change in ("nom = 'x'", "erased_at = NULL"):
        statement = f"UPDATE delegation_request SET {change} WHERE reference = '{erased}'"
        with pytest.raises(DBAPIError, match="R110"), portal.app.database.write() as connection:
            connection.exec_driver_sql(statement)
    commands = [
        c.ReopenRemoval(reference=erased, why="erreur"),
        c.ReportChange(
            reference=erased, change=Change.DEPARTURE, effective_on=date(2027, 11, 1), on_behalf=make.on_behalf()
        ),
        c.Renew(reference=erased, school_year=SchoolYear(2027), on_behalf=make.on_behalf()),
    ]
    for result in portal.app.engine.execute(commands, portal.actor(STAFF)):
        assert isinstance(result, Refused)
        assert [reason.code for reason in result.reasons] == ["request_erased"]


@pytest.mark.rule("R110")
@pytest.mark.parametrize(("point", "times"), [("retention.before_commit", 4), ("retention.after_commit", 2)])
def test_killed_anywhere__goes_on_where_it_was(portal: Portal, point: str, times: int) -> None:
    """A batch that is undone is begun again each time; one that is done is not: what is left of the day is two."""
    scene.end(portal, scene.live(portal))
    scene.send_mails(portal)
    portal.clock.advance(days=400)
    schedule, kills = chain.schedule_actor(portal.app.database), 0
    portal.app.lists.erase_unneeded_rows(schedule)  # a work of its own (R93)
    expected = portal.app.retention.preview().counts

    def kill(name: str) -> None:
        nonlocal kills
        if name == point:
            kills += 1
            raise KeyboardInterrupt

    for stopped in (True,) * 4 + (False,):
        set_crash_hook(kill if stopped else None)
        try:
            portal.app.retention.erase_due(schedule)
        except KeyboardInterrupt:
            continue
        finally:
            set_crash_hook(None)
    assert kills == times
    assert portal.app.retention.preview().counts.data == {}
    assert erased_counts(portal) == expected.data
    assert scene.flaws(portal) == []


@pytest.mark.rule("R110", "R82")
def test_two_machines_at_once__erase_and_tell_everything_once(portal: Portal) -> None:
    for _ in range(3):
        scene.end(portal, scene.live(portal))
    scene.send_mails(portal)
    portal.clock.advance(days=400)
    schedule = chain.schedule_actor(portal.app.database)
    portal.app.lists.erase_unneeded_rows(schedule)
    expected = portal.app.retention.preview().counts
    with ThreadPoolExecutor(2) as machines:
        done = [machines.submit(portal.app.retention.erase_due, schedule) for _ in range(2)]
        total = done[0].result() + done[1].result()
    assert total == expected
    assert erased_counts(portal) == expected.data
    assert portal.app.retention.preview().counts == Counts()
    assert scene.flaws(portal) == []


def erased_counts(portal: Portal) -> dict[str, int]:
    """What the journal says was erased, in all."""
    with portal.app.database.read() as connection:
        texts = connection.execute(select(EVENT.c.canonical).where(EVENT.c.kind == "personal_data_erased")).scalars()
        totals = Counter[str]()
        for text in texts:
            totals.update(json.loads(text)["data"])
    return dict(totals)


@pytest.mark.rule("R110", "R58")
def test_mail__erased_is_not_sent_again_and_asks_for_nothing(portal: Portal) -> None:
    scene.live(portal)
    scene.send_mails(portal)
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(stage=Stage.DEAD.value, fault=Fault.RECIPIENT_REFUSED.value))
    portal.clock.advance(days=100)
    portal.app.retention.erase_due(chain.schedule_actor(portal.app.database))
    with pytest.raises(MailErased, match="ne se renvoie plus"):
        portal.app.mail_journal.retry(1, portal.actor(STAFF))
    with portal.app.database.read() as connection:
        assert dead_mails(connection) == []
        assert stuck_for(connection, "0310001H", "autre@ac-toulouse.fr") == []


@pytest.mark.rule("R110", "R80")
def test_digest__tells_on_monday_how_many_stay_for_want_of_a_confirmed_removal(portal: Portal) -> None:
    scene.end(portal, scene.live(portal), removed=False)
    counts: list[int] = []
    for day in (date(2027, 9, 6), date(2027, 9, 20), date(2027, 9, 21)):
        at = portal.app.policy.calendar.midnight(day) + timedelta(hours=9)
        with portal.app.database.read() as connection:
            job_day = JobDay(now=at, policy=portal.app.policy)
            counts.append(late_digest(connection, portal.app.mailer, job_day).unerased)
    assert counts == [0, 1, 0], "not yet, on a Monday, not on a Tuesday"
