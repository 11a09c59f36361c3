"""The automatic revocation: never missed, never twice, held by the brake where it must be (R50 to R52, R54)."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from states.rules.schedule import Hold
from states.school_calendar import EndRule, SchoolCalendar, SchoolYear
from tests.kit.system import PARIS, System, nom_of
from workflow.database.tables import REQUEST
from workflow.engine.engine import VERSION
from workflow.retention.erasure import erase_requests

SEPTEMBER = datetime(2026, 9, 10, 8, tzinfo=UTC)
YEAR = SchoolYear(2026)
END = SchoolCalendar(timezone=PARIS).end_of(YEAR).ends_at
SELDOM = timedelta(days=44)


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def live_until(system: System, instant: datetime) -> None:
    """Tick as a living service does, here so seldom that no gap is yet an absence (R52), up to ``instant``."""
    system.tick()
    while instant - system.clock.now() > SELDOM:
        system.clock.advance(days=SELDOM.days)
        system.tick()
    system.clock.set(instant)


@pytest.mark.rule("R50")
@pytest.mark.parametrize("down", [timedelta(seconds=3), timedelta(hours=3), timedelta(weeks=3)])
def test_year_end__down_across_the_date(system: System, down: timedelta) -> None:
    reference = system.issued()
    live_until(system, END - down / 2)
    system.tick()
    assert system.state(reference) == "code_issued"
    system.restart()
    system.clock.set(END + down / 2)
    assert system.tick().revoked == {YEAR: 1}
    assert system.state(reference) == "revoked"
    assert system.tick().revoked == {}
    system.restart()
    assert system.tick().revoked == {}
    assert system.requests()[reference].version == 8
    assert set(system.removals()) == {reference}


@pytest.mark.rule("R54")
def test_year_end__one_mail_an_establishment_and_one_to_operators(system: System) -> None:
    for number in range(3):
        system.issued(number)
    system.issued(9, uai="0310002J", chef="chef BC")
    live_until(system, END)
    system.tick()
    system.tick()
    assert sorted(mail.uai for mail in system.mails("year_end")) == ["0310001H", "0310002J"]
    first = next(mail for mail in system.mails("year_end") if mail.uai == "0310001H")
    assert all(nom_of(number) in first.context for number in range(3))
    assert len(system.mails("year_end_report")) == 1
    assert system.mails("removal_task") == []


@pytest.mark.rule("R52")
def test_year_end__clock_four_years_ahead_revokes_nothing_and_alerts(system: System) -> None:
    reference = system.issued()
    system.tick()
    system.clock.advance(days=4 * 365)
    result = system.tick()
    assert result.revoked == {}
    assert [hold for _, hold in result.new_holds] == [Hold.ABSENCE]
    assert system.state(reference) == "code_issued"
    assert len(system.mails("brake_alert")) == 1
    system.tick()
    assert len(system.mails("brake_alert")) == 1
    system.clock.set(SEPTEMBER + timedelta(days=1))
    live_until(system, END)
    assert system.tick().revoked == {YEAR: 1}, "the clock came back: the true end is foreseen again"


@pytest.mark.rule("R52")
def test_year_end__moved_into_the_past_by_settings_revokes_nothing_and_alerts(system: System) -> None:
    reference = system.issued()
    live_until(system, datetime(2027, 7, 15, tzinfo=UTC))
    system.tick()
    earlier = SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 7, 10)})
    system.restart(earlier)
    result = system.tick()
    assert [hold for _, hold in result.new_holds] == [Hold.MOVED]
    assert system.state(reference) == "code_issued"
    assert len(system.mails("brake_alert")) == 1
    assert system.tick().waiting
    assert system.confirm(2026)
    assert system.state(reference) == "revoked"
    assert not system.confirm(2026), "confirmed once"


@pytest.mark.rule("R51")
def test_year_end__recorded_less_than_a_day_before_is_held(system: System) -> None:
    reference = system.issued()
    live_until(system, datetime(2027, 7, 10, 12, tzinfo=UTC))
    system.restart(SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 7, 10)}))
    system.tick()
    system.clock.advance(hours=12)
    assert [hold for _, hold in system.tick().new_holds] == [Hold.TOO_RECENT]
    assert system.state(reference) == "code_issued"


@pytest.mark.rule("R51", "R22")
def test_year_end__moved_with_notice_runs_by_itself(system: System) -> None:
    reference = system.issued()
    live_until(system, datetime(2027, 7, 1, tzinfo=UTC))
    system.restart(SchoolCalendar(timezone=PARIS, given_ends={YEAR: date(2027, 7, 10)}))
    system.tick()
    system.clock.set(datetime(2027, 7, 10, 21, 59, tzinfo=UTC))
    assert system.tick().revoked == {}
    system.clock.set(datetime(2027, 7, 10, 22, 0, tzinfo=UTC))
    assert system.tick().revoked == {YEAR: 1}
    assert system.state(reference) == "revoked"


@pytest.mark.rule("R50")
def test_year_end__two_ticks_at_once_revoke_once(system: System) -> None:
    references = [system.issued(number) for number in range(12)]
    references += [system.issued(number, uai="0310002J", chef="chef BC") for number in range(20, 32)]
    live_until(system, END)
    others = [System.__new__(System) for _ in range(3)]
    for other in others:
        other.__dict__.update(system.__dict__)
        other._open()
    counts: list[int] = []
    together = threading.Barrier(len(others))

    def tick(node: System) -> None:
        together.wait()
        counts.append(sum(node.tick().revoked.values()))

    threads = [threading.Thread(target=tick, args=(node,)) for node in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.database.dispose()
    assert sum(counts) == len(references)
    assert {row.version for row in system.requests().values()} == {8}
    assert len(system.mails("year_end")) == 2
    assert len(system.mails("year_end_report")) == 1
    assert system.flaws() == []


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
    system = System(database_url, SEPTEMBER, calendar)
    reference = system.issued()
    live_until(system, last_moment)
    assert system.tick().revoked == {}
    system.clock.advance(seconds=1)
    assert system.tick().revoked == {YEAR: 1}
    assert system.state(reference) == "revoked"
    system.close()


@pytest.mark.rule("R51")
def test_year_end__never_seen_before_is_held(system: System) -> None:
    """The worker was never started: nothing was foreseen."""
    reference = system.issued()
    system.clock.set(END + timedelta(days=1))
    assert [hold for _, hold in system.tick().new_holds] == [Hold.UNFORESEEN]
    assert system.state(reference) == "code_issued"


@pytest.mark.rule("R15", "R50")
def test_year_end__without_mailbox_does_not_wait(system: System) -> None:
    reference = system.issued()
    with system.database.write() as connection:
        connection.exec_driver_sql("UPDATE establishment SET mailbox = NULL WHERE uai = '0310001H'")
    live_until(system, END)
    assert system.tick().revoked == {YEAR: 1}
    assert system.state(reference) == "revoked"
    assert [(mail.stage, mail.recipient) for mail in system.mails("year_end")] == [("dead", "")]
    assert "0310001H" in system.mails("year_end_report")[0].context


@pytest.mark.rule("R50", "R51")
def test_year_end__first_ticks_at_once_foresee_once(system: System) -> None:
    """Nodes that start together on a new installation do not stumble over each other's rows."""
    others = [System.reopened(system.url, SEPTEMBER) for _ in range(4)]
    together = threading.Barrier(len(others))
    errors: list[BaseException] = []

    def tick(node: System) -> None:
        together.wait()
        try:
            node.tick()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=tick, args=(node,)) for node in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.close()
    assert errors == []
    with system.database.read() as connection:
        foreseen = connection.exec_driver_sql("SELECT count(*) FROM event WHERE kind = 'year_end_foreseen'").scalar()
    assert foreseen == 1
    assert system.flaws() == []


@pytest.mark.rule("R117")
def test_year_end__each_request_says_which_version_wrote_it(system: System) -> None:
    """A step, the sweep and an erasure are said alike; what an earlier version wrote stays its own until then."""
    references = [system.issued(number) for number in range(2)]
    assert set(written_by(system, references)) == {VERSION}
    with system.database.write() as connection:
        connection.execute(update(REQUEST).values(written_by="0.1.0"))
    live_until(system, END)
    assert set(written_by(system, references)) == {"0.1.0"}
    system.tick()
    assert set(written_by(system, references)) == {VERSION}
    with system.database.write() as connection:
        connection.execute(update(REQUEST).values(written_by="0.1.0"))
        erase_requests(connection, REQUEST.c.reference == references[0], system.clock.now())
    assert written_by(system, references) == [VERSION, "0.1.0"]


def written_by(system: System, references: list[str]) -> list[str]:
    with system.database.read() as connection:
        query = select(REQUEST.c.written_by).where(REQUEST.c.reference.in_(references)).order_by(REQUEST.c.reference)
        return list(connection.execute(query).scalars())
