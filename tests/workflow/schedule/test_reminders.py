"""Reminders of steps that stand still and of codes not handed over, on real databases (R79)."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from states import commands as c
from states.vocabulary import Change, Settlement
from tests.kit.system import PARIS, System
from tests.workflow.schedule.scene import (
    at,
    change_school,
    declared,
    declared_elsewhere,
    each_day,
    facts,
    killed_at,
    mail_days,
    run,
    settle,
)
from workflow.schedule import reminders
from workflow.schedule.reminders import PAGE

BORN = date(2026, 9, 7)
STALLED, HANDOVER = "stalled_reminder", "handover_reminder"


def day(month: int, number: int) -> date:
    return date(2026, month, number)


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = settle(System(database_url, at(BORN)))
    yield system
    system.close()


@pytest.mark.rule("R79")
def test_stalled__one_a_delay_on_school_days_and_no_more(system: System) -> None:
    declared(system)
    done = each_day(system, BORN, day(12, 18))
    assert mail_days(system, STALLED) == [day(9, 14), day(9, 22), day(10, 8)], "21 September is off, the gap is kept"
    assert done.reminders == 3
    (mail, *_) = system.mails(STALLED)
    assert facts(mail).since == BORN
    assert mail.not_after == at(day(9, 14), 0) + timedelta(days=1), "cancelled rather than late (R57)"


@pytest.mark.rule("R79")
def test_stalled__not_before_the_hour_and_once_a_day(system: System) -> None:
    declared(system)
    assert run(system, day(9, 14), 7).reminders == 0
    assert [run(system, day(9, 14), hour).reminders for hour in (8, 9, 23)] == [1, 0, 0]


@pytest.mark.rule("R79")
def test_stalled__never_in_holidays_nor_on_unknown_days(system: System) -> None:
    system.clock.set(at(day(10, 12)))
    declared(system)
    each_day(system, day(10, 12), day(11, 3))
    assert mail_days(system, STALLED) == [day(11, 2)]


@pytest.mark.rule("R79")
def test_stalled__after_a_stop_of_weeks_the_gaps_are_kept(system: System) -> None:
    declared(system)
    each_day(system, BORN, day(12, 31), stopped=lambda today: today < day(11, 5))
    assert mail_days(system, STALLED) == [day(11, 5), day(11, 12), date(2026, 11, 30)]


@pytest.mark.rule("R79")
def test_stalled__a_step_begins_its_count_anew(system: System) -> None:
    reference = declared(system)
    each_day(system, BORN, day(9, 15))
    system.clock.set(at(day(9, 16)))
    system.accept(c.Delegate(reference=reference, why="accueil", made_on=day(9, 16)), "chef A")
    each_day(system, day(9, 17), day(9, 29))
    assert mail_days(system, STALLED) == [day(9, 14), day(9, 23)]
    assert [facts(mail).state for mail in system.mails(STALLED)] == ["declared", "delegated"]


@pytest.mark.rule("R79")
def test_stalled__a_step_taken_in_the_instant_of_a_reminder_begins_anew_too(system: System) -> None:
    reference = declared(system)
    assert each_day(system, BORN, day(9, 14)).reminders == 1
    assert system.mails(STALLED)[0].created_at == system.clock.now()
    system.accept(c.Delegate(reference=reference, why="accueil", made_on=day(9, 14)), "chef A")
    each_day(system, day(9, 15), day(9, 22))
    assert mail_days(system, STALLED) == [day(9, 14), day(9, 22)], "21 September is off"


@pytest.mark.rule("R15", "R79")
def test_stalled__nothing_to_who_cannot_be_written_to_or_is_closed(system: System) -> None:
    declared(system, 1, "0310001H")
    declared(system, 2, "0310002J", "chef BC")
    change_school(system, "0310001H", mailbox=None)
    change_school(system, "0310002J", is_open=False)
    assert each_day(system, BORN, day(10, 16)).reminders == 0


@pytest.mark.rule("R32", "R79")
def test_stalled__nothing_while_a_departure_is_to_be_settled(system: System) -> None:
    reference = declared(system)
    report = c.ReportChange(reference=reference, change=Change.DEPARTURE, effective_on=BORN)
    system.accept(report, "chef A")
    assert each_day(system, BORN, day(9, 18)).reminders == 0
    settled = c.SettleChange(reference=reference, settlement=Settlement.NO_EFFECT, why="départ annulé")
    system.accept(settled, "opérateur")
    assert run(system, day(9, 22)).reminders == 1


@pytest.mark.rule("R79")
def test_stalled__nothing_of_what_waits_for_the_rectorat(system: System) -> None:
    system.issued(only_ready=True)
    assert each_day(system, BORN, day(10, 16)).reminders == 0


@pytest.mark.rule("R58", "R79")
def test_handover__only_of_a_code_that_left(system: System) -> None:
    reference = system.issued()
    assert run(system, day(9, 14)).reminders == 0, "its mail waits"
    system.send_mails()
    assert run(system, day(9, 15)).reminders == 1
    each_day(system, day(9, 16), day(10, 30))
    assert mail_days(system, HANDOVER) == [day(9, 15), day(9, 22), day(10, 5)]
    assert {mail.reference for mail in system.mails(HANDOVER)} == {reference}


@pytest.mark.rule("R79")
def test_handover__stops_once_confirmed(system: System) -> None:
    reference = system.issued()
    system.send_mails()
    each_day(system, BORN, day(9, 15))
    system.accept(c.ConfirmHandover(reference=reference, handed_on=day(9, 15)), "chef A")
    each_day(system, day(9, 16), day(10, 30))
    assert mail_days(system, HANDOVER) == [day(9, 14)]


@pytest.mark.rule("R79")
def test_reminders__one_a_day_and_establishment_of_all_that_waits(system: System) -> None:
    issued, other = system.issued(1), declared(system, 2, "0310002J", "chef BC")
    first, second = declared(system, 3), declared(system, 4)
    system.send_mails()
    each_day(system, BORN, day(9, 13))
    assert run(system, day(9, 14)).reminders == 2
    (handover,), (stalled,) = system.mails(HANDOVER), system.mails(STALLED)
    assert (handover.uai, handover.reference) == ("0310001H", issued), "a code that waits comes first"
    assert [(request.reference, request.state) for request in facts(handover).waiting] == [
        (issued, "code_issued"), (first, "declared"), (second, "declared"),
    ]  # fmt: skip
    assert (stalled.reference, facts(stalled).other_requests) == (other, ())
    assert run(system, day(9, 14), 12).reminders == 0


@pytest.mark.rule("R79")
def test_reminders__each_request_keeps_its_own_count(system: System) -> None:
    early = declared(system, 1)
    each_day(system, BORN, day(9, 10))
    late = declared(system, 2)
    each_day(system, day(9, 11), day(12, 18))
    named = [(mail.created_at.astimezone(PARIS).date(), [request.reference for request in facts(mail).waiting])
             for mail in system.mails(STALLED)]  # fmt: skip
    assert [sent_on for sent_on, references in named if early in references] == [day(9, 14), day(9, 22), day(10, 8)]
    assert len([sent_on for sent_on, references in named if late in references]) == 3, "one a delay, and no more"
    assert len({sent_on for sent_on, _ in named}) == len(named), "never two on a day"


@pytest.mark.rule("R79")
def test_reminders__a_kill_loses_none_and_doubles_none(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders, "PAGE", 2)
    references = {declared_elsewhere(system, number) for number in range(5)}
    for point, passes in (("duties.before_commit", 0), ("duties.after_page", 0), ("duties.before_commit", 1)):
        with killed_at(point, passes):
            run(system, day(9, 14))
        system.restart()
    run(system, day(9, 14), 12)
    assert run(system, day(9, 14), 13).reminders == 0
    assert sorted(mail.reference for mail in system.mails(STALLED)) == sorted(references)
    assert PAGE == 500
