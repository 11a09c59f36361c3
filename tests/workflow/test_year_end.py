"""The automatic revocation: never missed, never twice, held by the brake where it must be (R50 to R52, R54)."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from states.rules.schedule import Hold
from states.school_calendar import EndRule, SchoolCalendar, SchoolYear
from tests.kit.world import PARIS, World

SEPTEMBER = datetime(2026, 9, 10, 8, tzinfo=UTC)
YEAR = SchoolYear(2026)
END = SchoolCalendar(timezone=PARIS).end_of(YEAR).ends_at


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url, SEPTEMBER)
    yield world
    world.close()


def live_until(world: World, instant: datetime) -> None:
    """Tick as a living service does, here every 20 days, up to ``instant``."""
    world.tick()
    while instant - world.clock.now() > timedelta(days=20):
        world.clock.advance(days=20)
        world.tick()
    world.clock.set(instant)


@pytest.mark.rule("R50")
@pytest.mark.parametrize("down", [timedelta(seconds=3), timedelta(hours=3), timedelta(weeks=3)])
def test_year_end__down_across_the_date(world: World, down: timedelta) -> None:
    reference = world.issued()
    live_until(world, END - down / 2)
    world.tick()
    assert world.state(reference) == "code_issued"
    world.restart()
    world.clock.set(END + down / 2)
    assert world.tick().revoked == {YEAR: 1}
    assert world.state(reference) == "revoked"
    assert world.tick().revoked == {}
    world.restart()
    assert world.tick().revoked == {}
    assert world.requests()[reference].version == 8
    assert set(world.removals()) == {reference}


@pytest.mark.rule("R54")
def test_year_end__one_mail_an_establishment_and_one_to_operators(world: World) -> None:
    for number in range(3):
        world.issued(number)
    world.issued(9, uai="0310002J", chef="chef BC")
    live_until(world, END)
    world.tick()
    world.tick()
    assert sorted(mail.uai for mail in world.mails("year_end")) == ["0310001H", "0310002J"]
    first = next(mail for mail in world.mails("year_end") if mail.uai == "0310001H")
    assert all(f"Nom{number}" in first.context for number in range(3))
    assert len(world.mails("year_end_report")) == 1
    assert world.mails("removal_task") == []


@pytest.mark.rule("R52")
def test_year_end__clock_four_years_ahead_revokes_nothing_and_alerts(world: World) -> None:
    reference = world.issued()
    world.tick()
    world.clock.advance(days=4 * 365)
    held = world.tick()
    assert held.revoked == {}
    assert [hold for _, hold in held.held] == [Hold.ABSENCE]
    assert world.state(reference) == "code_issued"
    assert len(world.mails("brake_alert")) == 1
    world.tick()
    assert len(world.mails("brake_alert")) == 1
    world.clock.set(SEPTEMBER + timedelta(days=1))
    live_until(world, END)
    assert world.tick().revoked == {YEAR: 1}, "the clock came back: the true end is foreseen again"


@pytest.mark.rule("R52")
def test_year_end__moved_into_the_past_by_settings_revokes_nothing_and_alerts(world: World) -> None:
    reference = world.issued()
    live_until(world, datetime(2027, 7, 15, tzinfo=UTC))
    world.tick()
    earlier = SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 7, 10)})
    world.restart(earlier)
    held = world.tick()
    assert [hold for _, hold in held.held] == [Hold.MOVED]
    assert world.state(reference) == "code_issued"
    assert len(world.mails("brake_alert")) == 1
    assert world.tick().waiting
    assert world.confirm(2026)
    assert world.state(reference) == "revoked"
    assert not world.confirm(2026), "confirmed once"


@pytest.mark.rule("R51")
def test_year_end__recorded_less_than_a_day_before_is_held(world: World) -> None:
    reference = world.issued()
    live_until(world, datetime(2027, 7, 10, 12, tzinfo=UTC))
    world.restart(SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 7, 10)}))
    world.tick()
    world.clock.advance(hours=12)
    assert [hold for _, hold in world.tick().held] == [Hold.TOO_RECENT]
    assert world.state(reference) == "code_issued"


@pytest.mark.rule("R51", "R22")
def test_year_end__moved_with_notice_runs_by_itself(world: World) -> None:
    reference = world.issued()
    live_until(world, datetime(2027, 7, 1, tzinfo=UTC))
    world.restart(SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 7, 10)}))
    world.tick()
    world.clock.set(datetime(2027, 7, 10, 21, 59, tzinfo=UTC))
    assert world.tick().revoked == {}
    world.clock.set(datetime(2027, 7, 10, 22, 0, tzinfo=UTC))
    assert world.tick().revoked == {YEAR: 1}
    assert world.state(reference) == "revoked"


@pytest.mark.rule("R50")
def test_year_end__two_ticks_at_once_revoke_once(world: World) -> None:
    references = [world.issued(number) for number in range(12)]
    references += [world.issued(number, uai="0310002J", chef="chef BC") for number in range(20, 32)]
    live_until(world, END)
    others = [World.__new__(World) for _ in range(3)]
    for other in others:
        other.__dict__.update(world.__dict__)
        other._open()
    counts: list[int] = []
    together = threading.Barrier(len(others))

    def tick(one: World) -> None:
        together.wait()
        counts.append(sum(one.tick().revoked.values()))

    threads = [threading.Thread(target=tick, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.database.dispose()
    assert sum(counts) == len(references)
    assert {row.version for row in world.requests().values()} == {8}
    assert len(world.mails("year_end")) == 2
    assert len(world.mails("year_end_report")) == 1
    assert world.flaws() == []


@pytest.mark.rule("R22", "R23", "R50")
@pytest.mark.parametrize(
    ("calendar", "last_moment"),
    [
        (
            SchoolCalendar(timezone=PARIS, rule=EndRule.FIXED_DAY, fixed_day=(9, 30)),
            datetime(2027, 9, 30, 21, 59, 59, tzinfo=UTC),
        ),
        (
            SchoolCalendar(timezone=PARIS, rule=EndRule.SUMMER_START, summer_starts={YEAR: date(2027, 7, 3)}),
            datetime(2027, 7, 3, 21, 59, 59, tzinfo=UTC),
        ),
        (
            SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 6, 30)}),
            datetime(2027, 6, 30, 21, 59, 59, tzinfo=UTC),
        ),
        (
            SchoolCalendar(timezone=PARIS, rentrees={YEAR.next: date(2027, 9, 2)}),
            datetime(2027, 9, 1, 21, 59, 59, tzinfo=UTC),
        ),
        # the day of a change of hour: midnight is at 22:00 UTC before it, at 23:00 UTC after it
        (
            SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 10, 30)}),
            datetime(2027, 10, 30, 21, 59, 59, tzinfo=UTC),
        ),
        (
            SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 10, 31)}),
            datetime(2027, 10, 31, 22, 59, 59, tzinfo=UTC),
        ),
        (
            SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 3, 27)}),
            datetime(2027, 3, 27, 22, 59, 59, tzinfo=UTC),
        ),
        (
            SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 3, 28)}),
            datetime(2027, 3, 28, 21, 59, 59, tzinfo=UTC),
        ),
    ],
)
def test_year_end__to_the_second(database_url: str, calendar: SchoolCalendar, last_moment: datetime) -> None:
    world = World(database_url, SEPTEMBER, calendar)
    reference = world.issued()
    live_until(world, last_moment)
    assert world.tick().revoked == {}
    world.clock.advance(seconds=1)
    assert world.tick().revoked == {YEAR: 1}
    assert world.state(reference) == "revoked"
    world.close()


@pytest.mark.rule("R51")
def test_year_end__never_seen_before_is_held(world: World) -> None:
    """The worker was never started: nothing was foreseen."""
    reference = world.issued()
    world.clock.set(END + timedelta(days=1))
    assert [hold for _, hold in world.tick().held] == [Hold.UNFORESEEN]
    assert world.state(reference) == "code_issued"


@pytest.mark.rule("R15", "R50")
def test_year_end__without_mailbox_does_not_wait(world: World) -> None:
    reference = world.issued()
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE establishment SET mailbox = NULL WHERE uai = '0310001H'")
    live_until(world, END)
    assert world.tick().revoked == {YEAR: 1}
    assert world.state(reference) == "revoked"
    assert [(mail.stage, mail.recipient) for mail in world.mails("year_end")] == [("dead", "")]
    assert "0310001H" in world.mails("year_end_report")[0].context


@pytest.mark.rule("R50", "R51")
def test_year_end__first_ticks_at_once_foresee_once(world: World) -> None:
    """Nodes that start together on a new installation do not stumble over each other's rows."""
    others = [World.reopened(world.url, SEPTEMBER) for _ in range(4)]
    together = threading.Barrier(len(others))
    errors: list[BaseException] = []

    def tick(one: World) -> None:
        together.wait()
        try:
            one.tick()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=tick, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.close()
    assert errors == []
    with world.database.read() as connection:
        foreseen = connection.exec_driver_sql("SELECT count(*) FROM event WHERE kind = 'year_end_foreseen'").scalar()
    assert foreseen == 1
    assert world.flaws() == []
