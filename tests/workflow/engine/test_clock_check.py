"""Clocks that jump: nothing that cannot be undone is done under them, and all that is due once they are right (R52)."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, true

from notifications.outbox import queue
from notifications.outbox.store import MAILS, PAUSE
from states import commands as c
from states.decision import Refused
from states.rules.schedule import ClockFault, Hold
from states.school_calendar import SchoolYear
from states.vocabulary import Change, RevokeReason
from tests.kit.system import KEY, System
from workflow.database.journal_tables import EVENT
from workflow.database.schedule_tables import CLOCK_HOLD, NODE, OCCURRENCE, RECORD
from workflow.engine.clock_check import ClockCheck, confirm_clock
from workflow.engine.engine import execute_sequence
from workflow.engine.idempotency import KEY as IDEMPOTENCY_KEYS
from workflow.schedule.tick import Ticker, TickResult

AUTUMN = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
YEAR = SchoolYear(2026)
END = datetime(2027, 8, 31, 22, 0, tzinfo=UTC)
FAR = datetime(2106, 3, 1, tzinfo=UTC)
ABSURD = (datetime(1970, 1, 1, 0, 5, tzinfo=UTC), datetime(2000, 6, 1, tzinfo=UTC), FAR)
DECLARE = c.Declare(uai="0310001H", nom="Durand", prenom="Anne", mail="anne@ac-toulouse.fr")


class Machine:
    """A process that ticks; its counter goes on with the true time, whatever its clock shows."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.true = system.clock.now()
        self.restart(boot="a")

    def restart(self, *, counts: bool = True, boot: str | None = None) -> None:
        """Begin a new process, which remembers nothing but what a process of the same boot has left."""
        count = (lambda: (self.true - AUTUMN).total_seconds()) if counts else None
        self.check = ClockCheck(KEY, count, boot)
        system = self.system
        self.ticker = Ticker(system.engine, system.ends, system.mailer, system.schedule, clock_check=self.check)

    def passes(self, **delta: float) -> None:
        self.true += timedelta(**delta)

    def tick(self, clock_time: datetime | None = None) -> TickResult:
        """Tick at the true time, or at the one that the clock shows."""
        self.system.clock.set(clock_time or self.true)
        return self.ticker.tick()

    def tick_once(self, clock_time: datetime | None = None, boot: str | None = "a") -> TickResult:
        """Tick as cron does: a new process, which ends after it."""
        self.restart(boot=boot)
        return self.tick(clock_time)

    def lives_until(self, end: datetime) -> None:
        """Tick every 20 days."""
        while self.true < end:
            self.tick()
            self.true = min(end, self.true + timedelta(days=20))


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, AUTUMN)
    yield system
    system.close()


@pytest.fixture
def machine(system: System) -> Machine:
    return Machine(system)


def rows(system: System, table: Any) -> list[Any]:
    with system.database.read() as connection:
        return list(connection.execute(select(table)).all())


def kinds(system: System) -> list[str]:
    """What the installation's journal tells of the clock."""
    with system.database.read() as connection:
        query = select(EVENT.c.kind).where(EVENT.c.kind.startswith("clock_")).order_by(EVENT.c.seq)
        return list(connection.execute(query).scalars())


def shown_at(true: datetime, draw: random.Random) -> datetime:
    """What a clock that is wrong shows."""
    return draw.choice((*ABSURD, true + timedelta(days=60), true - timedelta(hours=1)))


@pytest.mark.rule("R50", "R52", "R61")
@pytest.mark.parametrize("seed", range(4))
def test_day__of_a_clock_that_jumps_undoes_nothing_and_the_next_right_tick_does_it(machine: Machine, seed: int) -> None:
    """The twelve hours before a year's end: a code falls due half-way, the year's requests at the end."""
    system, draw = machine.system, random.Random(seed)
    ending = system.issued(1)
    machine.lives_until(END - timedelta(days=30, hours=6))
    system.clock.set(machine.true)
    old = system.issued(2)  # of the year to come, its code kept for 30 days
    machine.true = END - timedelta(hours=12)
    machine.tick()
    fresh = system.issued(3, uai="0310002J", chef="chef BC")
    while machine.true < END - timedelta(minutes=40):
        machine.passes(minutes=30)
        if draw.random() < 0.2:
            machine.restart(counts=draw.random() < 0.5)
        wrong = draw.random() < 0.5
        offset = shown_at(machine.true, draw) - machine.true
        for _ in range(draw.randrange(1, 4) if wrong else 0):
            assert machine.tick(machine.true + offset).revoked.get(YEAR, 0) == 0
            machine.passes(minutes=1)
        assert fresh in system.sealed()
        if not wrong:
            result = machine.tick()
            assert result.clock_fault in (None, ClockFault.BACK)
    machine.true = END
    assert sum(machine.tick().revoked.get(YEAR, 0) for _ in range(2)) == 1
    assert [system.state(name) for name in (ending, old, fresh)] == ["revoked", "code_issued", "code_issued"]
    assert system.sealed() == {fresh}, "the code kept too long is erased, and no other"
    assert [mail.stage for mail in system.mails("code_issued") if mail.reference == fresh] == ["pending"]
    assert len(system.mails("year_end_report")) == 1
    assert {row.school_year[:2] for row in rows(system, RECORD)} == {"20"}
    assert system.flaws() == []


@pytest.mark.rule("R52", "R10")
@pytest.mark.parametrize("days", [60, 365, 4 * 365])
def test_tick__a_clock_far_ahead_holds_all_and_its_alert_leaves_once_it_is_right(machine: Machine, days: int) -> None:
    system = machine.system
    reference = system.issued()
    system.engine.execute([DECLARE], system.actors["chef A"], key="k")
    machine.tick()
    for minutes in range(3):
        result = machine.tick(machine.true + timedelta(days=days, minutes=minutes))
        machine.passes(minutes=1)
        assert result.clock_fault is not None
        assert result.erased == 0
    assert system.sealed() == {reference}
    assert len(rows(system, IDEMPOTENCY_KEYS)) == 1
    assert machine.tick().clock_fault is None
    assert len(system.mails("clock_alert")) == 1
    with system.database.write() as connection:
        claims = queue.claim(connection, machine.true, timedelta(minutes=5), 100)
    assert {mail.kind for mail in system.mails("clock_alert") + system.mails("brake_alert")} <= {
        item.mail.kind.value for item in claims
    }
    assert kinds(system) == ["clock_held", "clock_released"]


@pytest.mark.rule("R52", "R61")
def test_tick__a_long_stop_ends_by_itself_after_a_day_or_when_a_person_confirms(machine: Machine) -> None:
    system = machine.system
    first = system.issued()
    machine.tick()
    machine.restart()
    machine.passes(days=60)
    assert machine.tick().clock_fault is ClockFault.ABSENCE
    machine.passes(hours=23)
    assert machine.tick().erased == 0
    assert system.sealed() == {first}
    machine.passes(hours=1)
    assert machine.tick().erased == 1
    second = system.issued(2)
    machine.passes(days=60)
    assert machine.tick().erased == 0
    with system.database.write() as connection:
        assert confirm_clock(connection, KEY, system.actors["opérateur"], None, machine.true) is True
        assert confirm_clock(connection, KEY, system.actors["opérateur"], None, machine.true) is False
        assert confirm_clock(connection, KEY, system.actors["opérateur"], None, ABSURD[0]) is None
    machine.passes(minutes=1)
    assert (machine.tick().erased, system.sealed()) == (1, set())
    assert system.requests()[second].state == "code_issued"


@pytest.mark.rule("R50", "R52")
def test_year_end__a_jump_that_the_counter_does_not_explain_holds_it_until_the_clock_is_right(machine: Machine) -> None:
    system = machine.system
    system.issued()
    machine.lives_until(END - timedelta(days=15))
    machine.tick()
    for _ in range(3):
        machine.passes(minutes=1)
        result = machine.tick(machine.true + timedelta(days=21))
        assert result.clock_fault is ClockFault.AHEAD
        assert YEAR not in result.revoked
    assert [row.held_why for row in rows(system, RECORD) if row.school_year == str(YEAR)] == [Hold.CLOCK.value]
    machine.passes(minutes=1)
    assert machine.tick().clock_fault is None
    machine.true = END
    assert machine.tick().revoked == {YEAR: 1}


@pytest.mark.rule("R52")
def test_year_end__a_jump_that_lasts_waits_for_a_person(machine: Machine) -> None:
    system = machine.system
    reference = system.issued()
    machine.lives_until(END - timedelta(days=15))
    machine.tick()
    for _ in range(3):
        machine.passes(hours=12)
        result = machine.tick(machine.true + timedelta(days=21))
    assert result.clock_fault is None, "a day has gone by"
    assert result.waiting
    assert system.state(reference) == "code_issued"
    assert system.confirm(YEAR.start)
    assert system.state(reference) == "revoked"


@pytest.mark.rule("R50", "R52", "R61")
def test_cron__three_weeks_ahead_hold_what_a_stop_of_three_weeks_does_not(machine: Machine) -> None:
    """Each tick is a process of its own, as ``oda tick`` by cron; the machine goes on without a new start."""
    system = machine.system
    ending = system.issued()
    machine.lives_until(datetime(2027, 8, 1, tzinfo=UTC))
    machine.tick_once()
    system.clock.set(machine.true)
    fresh = system.issued(2)
    machine.passes(days=14)
    assert machine.tick_once().clock_fault is None
    before = system.sealed()
    assert fresh in before
    ahead = timedelta(days=21)
    for jump in (ahead, 2 * ahead):  # the second is no steady going on
        machine.passes(minutes=1)
        result = machine.tick_once(machine.true + jump)
        assert (result.clock_fault, result.revoked, result.erased) == (ClockFault.AHEAD, {}, 0)
        machine.restart(boot="a")
        with system.database.read() as connection:  # as the dispatcher of another process asks
            assert not machine.check.is_believed(connection, machine.true + jump)
    machine.passes(minutes=1)
    result = machine.tick_once()
    assert (result.clock_fault, result.revoked) == (None, {})
    assert (system.state(ending), system.sealed()) == ("code_issued", before)
    machine.passes(days=21)
    result = machine.tick_once()
    assert (result.clock_fault, result.revoked) == (None, {YEAR: 1})
    assert system.state(ending) == "revoked"


@pytest.mark.rule("R52")
@pytest.mark.parametrize(
    ("boot", "back", "fault"),
    [("a", 0, ClockFault.AHEAD), ("b", 0, ClockFault.STARTED), (None, 0, None), ("a", 30, ClockFault.STARTED)],
    ids=["same-boot", "reboot", "no-boot", "other-counter"],
)
def test_cron__the_counter_of_another_boot_claims_nothing(
    machine: Machine, boot: str | None, back: int, fault: ClockFault | None
) -> None:
    """Thirty days ahead: a machine that started anew since may well have been off for so long, and is waited for."""
    machine.passes(days=40)
    machine.tick_once()
    clock_time = machine.true + timedelta(days=30)
    machine.passes(days=-back)
    assert machine.tick_once(clock_time, boot).clock_fault is fault


@pytest.mark.rule("R50", "R61", "R119")
@pytest.mark.parametrize("stop", [timedelta(minutes=10), timedelta(days=3)], ids=["short", "long"])
def test_start__three_weeks_ahead_undo_nothing_before_the_clock_is_put_right(machine: Machine, stop: timedelta) -> None:
    system = machine.system
    ending = system.issued()
    machine.lives_until(datetime(2027, 8, 15, tzinfo=UTC))
    system.clock.set(machine.true)
    fresh = system.issued(2)
    machine.tick_once()
    before, mails = system.sealed(), len(system.mails("clock_alert"))
    machine.passes(seconds=stop.total_seconds())
    for minutes in range(0, 25, 5):
        result = machine.tick_once(machine.true + timedelta(days=21), "b")
        assert (result.clock_fault, result.revoked, result.erased) == (ClockFault.STARTED, {}, 0), minutes
        with system.database.read() as connection:  # as the dispatcher of another process asks
            assert not machine.check.is_believed(connection, machine.true + timedelta(days=21))
        machine.passes(minutes=5)
    result = machine.tick_once(boot="b")
    if stop > timedelta(hours=1):
        assert result.clock_fault is ClockFault.STARTED, "whether this one is right, nothing proves yet"
        machine.passes(minutes=30)
        result = machine.tick_once(boot="b")
    assert (result.clock_fault, result.revoked) == (None, {})
    assert (system.state(ending), system.sealed() & {fresh}) == ("code_issued", before & {fresh})
    assert {row.held_why for row in rows(system, RECORD)} == {None}
    assert len(system.mails("clock_alert")) == mails, "nobody is written to of what ends by itself"
    machine.true = END
    machine.tick_once(boot="b")
    assert system.state(ending) == "revoked"
    assert system.flaws() == []


@pytest.mark.rule("R50", "R119")
def test_start__after_a_year_s_end_revokes_by_itself_after_half_an_hour(machine: Machine) -> None:
    system = machine.system
    reference = system.issued()
    machine.lives_until(END - timedelta(days=2))
    machine.tick_once()
    machine.passes(days=20)
    assert machine.tick_once(boot="b").clock_fault is ClockFault.STARTED
    machine.passes(minutes=29)
    assert machine.tick_once(boot="b").clock_fault is ClockFault.STARTED
    assert rows(system, NODE)[0].seen_at == machine.true, "the machine is alive"
    machine.passes(minutes=1)
    assert machine.tick_once(boot="b").revoked == {YEAR: 1}
    assert system.state(reference) == "revoked"
    assert kinds(system)[-2:] == ["clock_held", "clock_released"]
    assert not system.mails("brake_alert")


@pytest.mark.rule("R119")
def test_start__a_step_meanwhile_or_another_start_begins_the_wait_anew(machine: Machine) -> None:
    machine.passes(minutes=1)
    machine.tick_once()
    machine.passes(days=2)
    ahead = timedelta(days=21)
    for offset, boot in ((ahead, "b"), (2 * ahead, "b"), (ahead, "b"), (3 * ahead / 2, "c"), (ahead / 2, "c")):
        assert machine.tick_once(machine.true + offset, boot).clock_fault is ClockFault.STARTED
        machine.passes(minutes=29)
        assert machine.tick_once(machine.true + offset, boot).clock_fault is ClockFault.STARTED
        machine.passes(minutes=2)
    assert machine.tick_once(machine.true + ahead / 2, "d").clock_fault is None, "a start at once after goes on"


@pytest.mark.rule("R119")
@pytest.mark.parametrize("stop", [timedelta(0), timedelta(minutes=59)])
def test_start__after_a_short_stop_is_believed(machine: Machine, stop: timedelta) -> None:
    machine.tick_once()
    machine.passes(seconds=stop.total_seconds())
    assert machine.tick_once(boot="b").clock_fault is None


@pytest.mark.rule("R119")
def test_start__the_first_of_all_and_one_that_a_person_confirms_are_believed(machine: Machine) -> None:
    with machine.system.database.write() as connection:  # a machine that compared its clock before it could tick
        connection.execute(insert(NODE), [{"host": "oda-1", "seen_at": AUTUMN}])
    machine.passes(days=5)
    assert machine.tick_once().clock_fault is None, "nothing ever ticked here"
    machine.passes(days=5)
    assert machine.tick_once(boot="b").clock_fault is ClockFault.STARTED
    with machine.system.database.write() as connection:
        assert confirm_clock(connection, KEY, machine.system.actors["opérateur"], None, machine.true)
    machine.passes(days=1)
    assert machine.tick_once(boot="b").clock_fault is None


@pytest.mark.rule("R52", "R119")
def test_start__in_the_day_after_a_jump_does_not_shorten_the_wait(machine: Machine) -> None:
    machine.tick_once()
    machine.passes(minutes=1)
    ahead = timedelta(days=21)
    assert machine.tick_once(machine.true + ahead).clock_fault is ClockFault.AHEAD
    for _ in range(2):
        machine.passes(hours=2)
        assert machine.tick_once(machine.true + ahead, "b").clock_fault is ClockFault.AHEAD
    machine.passes(hours=2)
    assert machine.tick_once(boot="c").clock_fault is ClockFault.STARTED, "it has come back"


@pytest.mark.rule("R50", "R52", "R61", "R119")
@pytest.mark.parametrize("seed", range(4))
def test_day__of_a_machine_that_starts_again_and_again_under_clocks_of_chance(machine: Machine, seed: int) -> None:
    """The week before a year's end: each start shows another date until it is put right, minutes later."""
    system, draw = machine.system, random.Random(seed)
    ending = system.issued(1)
    machine.lives_until(END - timedelta(days=7))
    system.clock.set(machine.true)
    fresh = system.issued(2)
    machine.tick_once(boot="first")
    for start in range(20):
        machine.passes(minutes=draw.choice((1, 20, 90, 400)))
        boot = f"start {start}"
        clock_time = draw.choice((*ABSURD, machine.true + timedelta(days=draw.randrange(1, 44))))
        for _ in range(draw.randrange(25)):
            assert machine.tick_once(clock_time, boot).revoked == {}
            machine.passes(minutes=1)
            clock_time += timedelta(minutes=1)
        for _ in range(draw.randrange(1, 40)):
            machine.tick_once(boot=boot)
            machine.passes(minutes=1)
        assert (system.state(ending), fresh in system.sealed()) == ("code_issued", True)
        assert machine.true < END
    machine.true = END
    for _ in range(40):
        machine.tick_once(boot="last")
        machine.passes(minutes=1)
    assert [system.state(name) for name in (ending, fresh)] == ["revoked", "code_issued"]
    assert len(system.mails("year_end_report")) == 1
    assert system.flaws() == []


@pytest.mark.rule("R52")
def test_cron__a_person_who_confirms_is_believed_by_the_next_process(machine: Machine) -> None:
    machine.tick_once()
    machine.passes(minutes=1)
    clock_time = machine.true + timedelta(days=30)
    assert machine.tick_once(clock_time).clock_fault is ClockFault.AHEAD
    with machine.system.database.write() as connection:
        assert confirm_clock(connection, KEY, machine.system.actors["opérateur"], None, clock_time)
    assert machine.tick_once(clock_time).clock_fault is None
    machine.passes(minutes=1)
    assert machine.tick_once(clock_time + timedelta(minutes=1)).clock_fault is None


@pytest.mark.rule("R52")
def test_tick__after_a_step_back_the_second_one_acts(machine: Machine) -> None:
    machine.tick()
    machine.passes(hours=1)
    machine.tick()
    machine.passes(minutes=1)
    assert machine.tick(machine.true - timedelta(hours=1)).clock_fault is ClockFault.BACK
    machine.passes(minutes=1)
    assert machine.tick(machine.true - timedelta(hours=1)).clock_fault is None
    machine.passes(minutes=1)
    assert machine.tick().clock_fault is None, "it is right again"
    assert rows(machine.system, CLOCK_HOLD) == []


@pytest.mark.rule("R52")
def test_tick__weeks_back_write_no_mail_of_days_past_and_end_after_an_hour(machine: Machine) -> None:
    machine.restart(counts=False)
    machine.tick()
    machine.passes(days=21)
    machine.tick()
    for _ in range(3):
        machine.passes(minutes=20)
        assert machine.tick(machine.true - timedelta(days=21)).clock_fault is ClockFault.BACK
    machine.passes(minutes=20)
    assert machine.tick(machine.true - timedelta(days=21)).clock_fault is None
    assert rows(machine.system, CLOCK_HOLD) == []


@pytest.mark.rule("R52")
@pytest.mark.parametrize("instant", ABSURD, ids=lambda instant: str(instant.year))
def test_command__under_an_absurd_clock_is_refused_and_changes_nothing(machine: Machine, instant: datetime) -> None:
    system = machine.system
    machine.tick()
    system.clock.set(instant)
    before = system.dump()
    results = [system.do(DECLARE, system.actors["chef A"])]
    results.append(execute_sequence(system.engine, [lambda _: DECLARE], system.actors["chef A"]))
    for result in results:
        assert isinstance(result, Refused)
        (reason,) = result.reasons
        assert (reason.code, reason.rule) == ("clock_absurd", "R52")
        assert "NTP" in reason.remedy
        assert str(instant.year) in reason.message
    assert system.dump() == before
    machine.tick(instant)
    assert isinstance(system.do(DECLARE, system.actors["chef A"]), Refused), "a tick makes it no better"
    system.clock.set(machine.true)
    system.accept(DECLARE, "chef A")


@pytest.mark.rule("R52", "R80")
def test_tick__what_an_absurd_clock_left_in_the_database_is_named_and_set_aside(machine: Machine) -> None:
    """The rows that version 0.1.0 wrote when it ticked in 1970; one that nobody can read; a request of then."""
    system = machine.system
    reference = system.issued()
    with pytest.MonkeyPatch.context() as patch:  # as it was before absurd clocks were refused
        patch.setattr("workflow.engine.engine.refused_clock", lambda *_: None)
        system.clock.set(ABSURD[0])
        lost = system.accept(DECLARE, "chef A").reference
        system.engine._sound_until = ABSURD[0]
    system.clock.set(machine.true)
    assert lost == "ODA-1970-00001"
    long_ago = {"last_day": date(1970, 8, 31), "ends_at": ABSURD[0], "recorded_at": ABSURD[0]}
    with system.database.write() as connection:
        connection.execute(insert(RECORD), [long_ago | {"school_year": year} for year in ("1969-1970", "bizarre")])
        connection.execute(insert(OCCURRENCE), [{"key": "year-end:1969-1970:1970-08-31", "at": ABSURD[0]}])
        connection.execute(insert(NODE), [{"host": "oda-1", "seen_at": ABSURD[0]}])
        connection.execute(insert(OCCURRENCE), [{"key": "sans forme", "at": ABSURD[0]}])
    result = machine.tick()
    named = [f"la fin de l'année « {year} »" for year in ("1969-1970", "bizarre")]
    assert result.set_aside == [*named, f"la demande {lost}"]
    assert result.clock_fault is None
    assert result.daily_mails.digests == 1
    (digest,) = system.mails("late_digest")
    assert "bizarre" in digest.context
    assert machine.tick().set_aside == [f"la demande {lost}"], "a record is foreseen anew, a request is a person's"
    revoke = c.Revoke(reference=lost, reason=RevokeReason.DEPARTURE)
    system.accept(revoke, "opérateur")
    assert machine.tick().set_aside == []
    machine.lives_until(END)
    assert machine.tick().revoked == {YEAR: 1}
    assert system.state(reference) == "revoked"
    assert system.flaws() == []


@pytest.mark.rule("R52", "R80")
def test_tick__a_step_that_fails_is_told_and_stops_no_other(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    system = machine.system
    report = c.ReportChange(reference=system.issued(), change=Change.DEPARTURE, effective_on=date(2026, 9, 21))
    system.accept(report, "chef A")

    def fail(*_: object) -> int:
        raise ValueError("secret")

    monkeypatch.setattr(system.mailer, "erase_overdue", fail, raising=False)
    monkeypatch.setattr("workflow.schedule.tick.HAS_OVERDUE", true())
    machine.passes(days=7)
    result = machine.tick()
    assert [(failure.step, failure.error) for failure in result.failures] == [("l'effacement des codes", "ValueError")]
    assert result.due_reports == 1
    (digest,) = system.mails("late_digest")
    assert "ValueError" in digest.context
    assert "secret" not in digest.context


@pytest.mark.rule("R52", "R70")
def test_tick__what_a_clock_ahead_put_off_is_due_again(machine: Machine) -> None:
    """A pause, a lease, a next try that lie farther than the longest of them."""
    system, ahead = machine.system, machine.true + timedelta(hours=12)
    system.issued()
    pause = {"id": 1, "fault": "down", "reply": "", "since": ahead, "until": ahead, "lasts_seconds": 10}
    with system.database.write() as connection:
        connection.execute(insert(PAUSE), [pause])
        connection.execute(MAILS.update().values(next_attempt_at=ahead, lease_token="x"))
    machine.tick()
    assert rows(system, PAUSE) == []
    assert {mail.next_attempt_at for mail in rows(system, MAILS)} == {machine.true}
