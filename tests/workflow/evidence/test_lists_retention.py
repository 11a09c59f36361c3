"""The rows of the lists that no request needs are erased after some months (R93)."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from states.school_calendar import months_before
from states.vocabulary import State
from tests.kit import factories as make
from tests.kit.clock import FakeClock
from tests.kit.databases import fresh_url
from tests.kit.portal import STAFF, open_portal
from tests.workflow.evidence.shelf import TITLES, Shelf, line, lines, read
from tests.workflow.requests.office import Office
from workflow.database.connection import Database
from workflow.database.file_tables import ListKind
from workflow.database.schedule_tables import OCCURRENCE
from workflow.evidence.lists import Lists


def erase(lists: Lists, days: int) -> int:
    later = replace(lists, clock=FakeClock(lists.clock.now() + timedelta(days=days)))
    return later.erase_unneeded_rows(make.schedule())


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 11, 30), 3, date(2026, 8, 30)), (date(2027, 5, 31), 3, date(2027, 2, 28)),
        (date(2027, 1, 1), 12, date(2026, 1, 1)),
    ],
)  # fmt: skip
def test_months__are_those_of_the_calendar(day: date, months: int, expected: date) -> None:
    assert months_before(day, months) == expected


@pytest.mark.rule("R93", "R64")
def test_rows__without_a_request_are_erased_after_three_months_once_a_day(shelf: Shelf) -> None:
    shelf.bring(*lines(4))
    assert erase(shelf.lists, 80) == 0
    assert erase(shelf.lists, 100) == 4
    assert shelf.entries() == []
    assert [event["kind"] for event in shelf.events()] == ["list_imported", "list_rows_erased"]
    before = shelf.everything()
    assert erase(shelf.lists, 100) == 0
    assert shelf.everything() == before


@pytest.mark.rule("R93")
def test_rows__gone_from_the_list_do_not_pile_up_and_those_in_force_stay(shelf: Shelf) -> None:
    shelf.bring(*lines(3))
    shelf.clock.advance(days=100)
    shelf.bring(*lines(2), line(5), day=make.TODAY + timedelta(days=99))
    assert erase(shelf.lists, 1) == 1
    assert shelf.names_in_force() == ["Dupontaa", "Dupontab", "Dupontaf"]
    assert [row["nom"] for row in shelf.entries()] == shelf.names_in_force()


@pytest.mark.rule("R93")
@pytest.mark.parametrize(
    ("state", "names"),
    [(State.DECLARED, ["Autre", make.NOM]), (State.CODE_ISSUED, [make.NOM]), (State.REVOKED, [])],
)
def test_rows__that_a_live_request_may_need_are_kept(database: Database, state: State, names: list[str]) -> None:
    office = Office(database)
    office.request(state)
    hasher, zone = office.engine.hasher, office.policy.calendar.timezone
    rows = [f"{make.UAI};{make.NOM};{make.PRENOM};autre@free.fr;", f"{make.UAI};Autre;Zoé;z@ac-toulouse.fr;"]
    text = "\n".join([TITLES, *rows, ""])
    lists = Lists(database, hasher, office.clock, zone)
    lists.import_read(read(text), make.TODAY, office.operator)
    erase(lists, 100)
    assert sorted(entry.nom for entry in lists.search(ListKind.LISTING, "", limit=9)) == sorted(names)


@pytest.mark.rule("R93", "R52")
@pytest.mark.parametrize(("steps", "count"), [((35, 35, 35), 0), ((105,), 1)], ids=["alive", "absent too long"])
def test_tick__erases_them_under_the_same_brake_as_the_rest(tmp_path: Path, steps: tuple[int, ...], count: int) -> None:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        app = portal.app
        text = f"{TITLES}\n0310001H;Petit;Zoé;z@ac-toulouse.fr;\n"
        app.lists.import_read(read(text), app.lists.today, portal.actor(STAFF))
        app.ticker.tick()
        for days in steps:
            portal.clock.advance(days=days)
            app.ticker.tick()
        assert len(app.lists.search(ListKind.LISTING, "", limit=9)) == count


@pytest.mark.rule("R93")
def test_rows__erased_by_two_machines_at_the_same_instant_make_no_error(shelf: Shelf) -> None:
    """The day's mark that another machine is writing is not seen yet: one waits for it, and leaves it."""
    day = (shelf.clock.now() + timedelta(days=100)).astimezone(shelf.lists.zone).date()
    mark = {"key": f"list_rows:{day.isoformat()}", "at": shelf.clock.now(), "requests": 0}
    with ThreadPoolExecutor(1) as other_machine:
        with shelf.database.write() as connection:
            connection.execute(insert(OCCURRENCE), [mark])
            erased = other_machine.submit(erase, shelf.lists, 100)
            time.sleep(0.3)
        assert erased.result() == 0
