"""What a tick does besides the ends of years: reports that fall due, codes kept too long, old action keys."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import event, insert, literal_column, select

from states import commands as c
from states.vocabulary import Change, RevokeReason, Settlement
from tests.kit.system import System
from tests.workflow.year_end.test_service_sweep import SEPTEMBER
from workflow.database.schedule_tables import NODE, RECORD


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = System(database_url, SEPTEMBER)
    yield system
    system.close()


def report(system: System, reference: str, day: date) -> None:
    system.accept(c.ReportChange(reference=reference, change=Change.DEPARTURE, effective_on=day), "chef A")


@pytest.mark.rule("R32")
def test_tick__tells_a_report_on_its_day_once(system: System) -> None:
    reference = system.issued()
    report(system, reference, date(2026, 9, 20))
    assert len(system.mails("change_to_handle")) == 1
    system.clock.advance(days=9)
    assert system.tick().due_reports == 0, "the day before"
    system.clock.advance(days=1)
    assert system.tick().due_reports == 1
    system.restart()
    assert system.tick().due_reports == 0
    (mail,) = system.mails("change_due")
    assert mail.reference == reference
    assert mail.audience == "operators"


@pytest.mark.rule("R32")
def test_tick__says_nothing_more_of_what_was_due_at_once(system: System) -> None:
    reference = system.issued()
    report(system, reference, date(2026, 9, 10))
    assert system.tick().due_reports == 0
    assert system.mails("change_due") == []


@pytest.mark.rule("R32", "R46")
def test_tick__says_nothing_of_a_settled_report_nor_of_a_revoked_request(system: System) -> None:
    settled, revoked = system.issued(1), system.issued(2)
    for reference in (settled, revoked):
        report(system, reference, date(2026, 9, 20))
    settle = c.SettleChange(reference=settled, settlement=Settlement.NO_EFFECT, why="le départ est annulé")
    system.accept(settle, "opérateur")
    system.accept(c.Revoke(reference=revoked, reason=RevokeReason.DEPARTURE), "opérateur")
    system.clock.advance(days=10)
    assert system.tick().due_reports == 0
    assert system.mails("change_due") == []


@pytest.mark.rule("R61", "R62")
def test_tick__erases_a_code_kept_too_long_and_cancels_its_mail(system: System) -> None:
    reference = system.issued()
    system.clock.advance(days=30)
    assert system.tick().erased == 0, "30 days are allowed"
    assert system.sealed() == {reference}
    system.clock.advance(seconds=1)
    assert system.tick().erased == 1
    assert system.sealed() == set()
    assert [mail.stage for mail in system.mails("code_issued")] == ["cancelled"]


@pytest.mark.rule("R10")
def test_tick__forgets_action_keys_after_seven_days(system: System) -> None:
    command = c.Declare(uai="0310001H", nom="Durand", prenom="Anne", mail="anne@ac-toulouse.fr")
    system.engine.execute([command], system.actors["chef A"], key="k")

    def count_keys() -> int:
        with system.database.read() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM idempotency_key").scalar_one())

    system.clock.advance(days=7, seconds=-1)
    system.tick()
    assert count_keys() == 1
    system.clock.advance(seconds=1)
    system.tick()
    assert count_keys() == 0


@pytest.mark.rule("R52")
def test_tick__leaves_one_trace_of_life_a_machine(system: System) -> None:
    for _ in range(3):
        system.clock.advance(minutes=1)
        system.tick()
    with system.database.read() as connection:
        (row,) = connection.execute(select(NODE)).all()
    assert row.seen_at == system.clock.now()


@pytest.mark.rule("R52")
def test_tick__sets_aside_the_end_of_a_year_that_no_calendar_has(system: System) -> None:
    system.tick()
    strange = {"school_year": "9998-9999", "last_day": date(9999, 8, 31)}
    instants = {"ends_at": system.clock.now() + timedelta(days=1), "recorded_at": system.clock.now()}
    with system.database.write() as connection:
        connection.execute(insert(RECORD), [strange | instants])
    assert system.tick().set_aside == ["la fin de l'année « 9998-9999 »"]
    with system.database.read() as connection:
        assert "9998-9999" not in connection.execute(select(RECORD.c.school_year)).scalars().all()
    assert system.tick().set_aside == []
    assert system.flaws() == []


def test_tick__with_nothing_to_clean_writes_of_the_clock_and_of_the_ends_alone(system: System) -> None:
    system.issued()
    system.tick()
    begun: list[bool] = []
    event.listen(
        system.database.engine,
        "begin",
        lambda connection: begun.append(connection.get_execution_options()["oda_write"]),
    )
    system.clock.advance(minutes=1)
    system.tick()
    assert begun.count(True) == 2, "the clock judged, the ends observed with the heartbeat"


@pytest.mark.rule("R32")
def test_tick__when_what_is_due_cannot_be_found_does_each_step(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    report(system, system.issued(), date(2026, 9, 20))
    system.clock.advance(days=10)
    monkeypatch.setattr("workflow.schedule.tick.IS_PAST_CLAIM", literal_column("nothing").is_(None))
    result = system.tick()
    assert result.due_reports == 1
    assert result.failures == []
