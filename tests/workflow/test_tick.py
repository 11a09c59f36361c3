"""What a tick does besides the ends of years: reports that fall due, codes kept too long, old action keys."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import select

from states import commands as c
from states.vocabulary import Change, RevokeReason, Settlement
from tests.kit.world import World
from tests.workflow.test_year_end import SEPTEMBER
from workflow.database.tables import NODE


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url, SEPTEMBER)
    yield world
    world.close()


def report(world: World, reference: str, day: date) -> None:
    world.accept(c.ReportChange(reference=reference, change=Change.DEPARTURE, effective_on=day), "chef A")


@pytest.mark.rule("R32")
def test_tick__tells_a_report_on_its_day_once(world: World) -> None:
    reference = world.issued()
    report(world, reference, date(2026, 9, 20))
    assert len(world.mails("change_to_handle")) == 1
    world.clock.advance(days=9)
    assert world.tick().due == 0, "the day before"
    world.clock.advance(days=1)
    assert world.tick().due == 1
    world.restart()
    assert world.tick().due == 0
    (mail,) = world.mails("change_due")
    assert mail.reference == reference
    assert mail.audience == "operators"


@pytest.mark.rule("R32")
def test_tick__says_nothing_more_of_what_was_due_at_once(world: World) -> None:
    reference = world.issued()
    report(world, reference, date(2026, 9, 10))
    assert world.tick().due == 0
    assert world.mails("change_due") == []


@pytest.mark.rule("R32", "R46")
def test_tick__says_nothing_of_a_settled_report_nor_of_a_revoked_request(world: World) -> None:
    settled, revoked = world.issued(1), world.issued(2)
    for reference in (settled, revoked):
        report(world, reference, date(2026, 9, 20))
    settle = c.SettleChange(reference=settled, settlement=Settlement.NO_EFFECT, why="le départ est annulé")
    world.accept(settle, "opérateur")
    world.accept(c.Revoke(reference=revoked, reason=RevokeReason.DEPARTURE), "opérateur")
    world.clock.advance(days=10)
    assert world.tick().due == 0
    assert world.mails("change_due") == []


@pytest.mark.rule("R61", "R62")
def test_tick__erases_a_code_kept_too_long_and_cancels_its_mail(world: World) -> None:
    reference = world.issued()
    world.clock.advance(days=30)
    assert world.tick().erased == 0, "30 days are allowed"
    assert world.sealed() == {reference}
    world.clock.advance(seconds=1)
    assert world.tick().erased == 1
    assert world.sealed() == set()
    assert [mail.stage for mail in world.mails("code_issued")] == ["cancelled"]


@pytest.mark.rule("R10")
def test_tick__forgets_action_keys_after_seven_days(world: World) -> None:
    command = c.Declare(uai="0310001H", nom="Durand", prenom="Anne", mail="anne@ac-toulouse.fr")
    world.engine.execute([command], world.actors["chef A"], key="k")

    def kept() -> int:
        with world.database.read() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM idempotency_key").scalar_one())

    world.clock.advance(days=7, seconds=-1)
    world.tick()
    assert kept() == 1
    world.clock.advance(seconds=1)
    world.tick()
    assert kept() == 0


@pytest.mark.rule("R52")
def test_tick__leaves_one_trace_of_life_a_machine(world: World) -> None:
    for _ in range(3):
        world.clock.advance(minutes=1)
        world.tick()
    with world.database.read() as connection:
        (row,) = connection.execute(select(NODE)).all()
    assert row.seen_at == world.clock.now()
