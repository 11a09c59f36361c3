"""The database's clock: measured now and then, carried on by a counter in between (R82)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from notifications.ports import SystemClock
from tests.kit.clock import FakeClock
from tests.kit.databases import fresh_database
from workflow.database.clock import Ask, ClockSample, DatabaseClock, boot_identity, clock_for, now_in
from workflow.database.connection import _POOL
from workflow.database.faults import DatabaseUnreachable

NOON = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)


class Bench:
    """A counter, a machine's clock and a database's, all moved by hand; how often the database was asked."""

    def __init__(self, *, trips: list[float] | None = None) -> None:
        self.count, self.own, self.database = 1000.0, FakeClock(NOON), FakeClock(NOON)
        self.trips = trips or []
        self.asked, self.is_away = 0, False
        self.clock = DatabaseClock(self.own, self.asking, count=lambda: self.count)

    @contextmanager
    def asking(self) -> Iterator[Ask]:
        if self.is_away:
            raise DatabaseUnreachable
        yield self.ask

    def ask(self) -> datetime:
        """The answer is made at the middle of the trip."""
        self.asked += 1
        trip = self.trips.pop(0) if self.trips else 0.0
        self.passes(trip / 2)
        answer = self.database.now()
        self.passes(trip / 2)
        return answer

    def passes(self, seconds: float) -> None:
        self.count += seconds
        self.own.advance(seconds=seconds)
        self.database.advance(seconds=seconds)


@pytest.mark.rule("R82")
def test_now__is_the_database_s_whatever_the_machine_s_says() -> None:
    bench = Bench()
    bench.own.advance(hours=-5)
    assert bench.clock.now() == NOON
    bench.passes(20)
    assert bench.clock.now() == NOON + timedelta(seconds=20)


@pytest.mark.rule("R82")
def test_now__asks_every_thirty_seconds_and_not_before() -> None:
    bench = Bench()
    for _ in range(29):
        bench.clock.now()
        bench.passes(1)
    assert bench.asked == 1
    bench.database.advance(milliseconds=500)  # the two drift apart
    bench.passes(1)
    assert bench.clock.now() == bench.database.now()
    assert bench.asked == 2


@pytest.mark.rule("R82")
def test_now__a_leap_of_the_machine_s_clock_moves_nothing() -> None:
    bench = Bench()
    bench.clock.now()
    bench.passes(5)
    bench.own.advance(days=40)
    assert bench.clock.now() == bench.database.now()


@pytest.mark.rule("R82")
def test_now__a_machine_that_slept_asks_at_once() -> None:
    bench = Bench()
    bench.clock.now()
    bench.passes(5)
    for clock in (bench.own, bench.database):
        clock.advance(hours=8)  # and the counter stood still
    assert bench.clock.now() == bench.database.now()
    questions = bench.asked
    bench.clock.now()
    assert bench.asked == questions, "once is enough"


@pytest.mark.rule("R82")
def test_now__goes_on_while_the_database_is_away() -> None:
    bench = Bench()
    bench.clock.now()
    bench.is_away = True
    bench.passes(300)
    assert bench.clock.now() == bench.database.now()
    with pytest.raises(DatabaseUnreachable):
        bench.clock.refresh()


def test_now__a_database_that_never_answered_is_an_error() -> None:
    bench = Bench()
    bench.is_away = True
    with pytest.raises(DatabaseUnreachable):
        bench.clock.now()


def test_refresh__takes_the_answer_for_the_middle_of_the_trip() -> None:
    bench = Bench(trips=[0.8])
    sample = bench.clock.refresh()
    assert (sample.database, sample.skew) == (bench.database.now(), timedelta(0))
    assert sample.doubt == timedelta(seconds=0.4)


def test_refresh__keeps_the_quickest_of_a_few_slow_questions() -> None:
    bench = Bench(trips=[9.0, 2.0, 5.0, 0.0])
    sample = bench.clock.refresh()
    assert bench.asked == 3
    assert sample.round_trip == timedelta(seconds=2)
    bench.passes(1)
    assert bench.clock.now() == bench.database.now()


def test_now__who_waits_for_nobody_takes_the_last_measure() -> None:
    """While one thread asks a slow database, the others go on by the counter."""
    bench = Bench()
    bench.clock.now()
    bench.passes(60)
    inside: list[datetime] = []

    class Slow(DatabaseClock):
        def _measure(self) -> ClockSample:
            if not inside:
                inside.append(self.now())
            return super()._measure()

    clock = Slow(bench.own, bench.asking, count=lambda: bench.count)
    clock.refresh_by(bench.ask)
    bench.passes(60)
    assert clock.now() == bench.database.now()
    assert inside == [bench.database.now()]


@pytest.mark.rule("R82")
def test_clock_for__postgresql_answers_its_own_time(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as database, database.read() as connection:
        clock = clock_for(database, connection, SystemClock())
        assert isinstance(clock, DatabaseClock)
        before, answer, after = now_in(connection), clock.now(), now_in(connection)
        margin = timedelta(seconds=1)
        assert before - margin <= answer <= after + margin
        assert abs(clock.refresh().skew) < timedelta(seconds=5)


def test_clock_for__a_question_needs_no_connection_of_the_pool(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as database:
        most = _POOL["pool_size"] + _POOL["max_overflow"]
        open_ones: list[AbstractContextManager[object]] = [database.write() for _ in range(most)]
        for transaction in open_ones:
            transaction.__enter__()
        try:
            with database.aside() as connection:
                assert now_in(connection)
        finally:
            for transaction in open_ones:
                transaction.__exit__(None, None, None)


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_clock_for__a_clock_that_is_given_stays(backend: str, tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    with fresh_database(backend, tmp_path) as database, database.read() as connection:
        assert clock_for(database, connection, clock) is clock


def test_clock_for__sqlite_has_one_machine_whose_clock_judges(tmp_path: Path) -> None:
    own = SystemClock()
    with fresh_database("sqlite", tmp_path) as database, database.read() as connection:
        assert clock_for(database, connection, own) is own


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_clock_for__a_test_plays_the_database_s(backend: str, tmp_path: Path) -> None:
    own, judge = FakeClock(NOON), FakeClock(NOON + timedelta(minutes=3))
    with fresh_database(backend, tmp_path) as database, database.read() as connection:
        clock = clock_for(database, connection, own, judge.now)
    judge.advance(days=1)
    assert clock.now() == judge.now()
    assert isinstance(clock, DatabaseClock)
    assert clock.refresh().skew == timedelta(days=-1, minutes=-3)


@pytest.mark.rule("R52")
def test_boot_identity__is_that_of_the_system_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "boot_id"
    assert boot_identity(place) is None
    place.write_text("3f1c\n")
    monkeypatch.setattr("time.CLOCK_BOOTTIME", 7, raising=False)
    assert boot_identity(place) == "3f1c"
    monkeypatch.delattr("time.CLOCK_BOOTTIME")
    assert boot_identity(place) is None, "a counter that stops while the machine sleeps explains no absence"
