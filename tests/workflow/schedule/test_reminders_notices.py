"""The announcement of a year's end, on real databases (R78)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import event

from states import commands as c
from states.school_calendar import SchoolYear
from states.vocabulary import RevokeReason
from tests.kit.system import System
from tests.workflow.schedule.scene import (
    CALENDAR,
    at,
    change_school,
    declared,
    duties,
    each_day,
    facts,
    killed_at,
    mail_days,
    run,
    settle,
)
from workflow.schedule import reminders as notices
from workflow.schedule.tick import DailyMails

NOTICE = "year_end_notice"
BEFORE_SUMMER = date(2027, 7, 2)
JUNE = replace(CALENDAR, given_ends={SchoolYear(2026): date(2027, 6, 30)})


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = settle(System(database_url, at(date(2027, 3, 1))), stalled=(), handover=())
    yield system
    system.close()


@pytest.fixture
def june(system: System) -> System:
    """The year ends in June: its two notices are apart."""
    system.restart(JUNE)
    return system


@pytest.mark.rule("R78")
def test_notice__two_of_a_summer_are_one_naming_everyone(system: System) -> None:
    issued, other = system.issued(), declared(system)
    gone = declared(system, 2)
    system.accept(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), "opérateur")
    done = each_day(system, date(2027, 6, 28), date(2027, 9, 2))
    assert done.notices == 1
    (mail,) = system.mails(NOTICE)
    assert mail_days(system, NOTICE) == [BEFORE_SUMMER]
    assert (mail.uai, mail.recipient) == ("0310001H", "ce.0310001h@ac-toulouse.fr")
    notice = facts(mail)
    assert {rupn.reference for rupn in notice.rupns} == {issued, other}
    assert notice.days_left == (date(2027, 8, 31) - BEFORE_SUMMER).days


@pytest.mark.rule("R78")
def test_notice__each_delay_once(june: System) -> None:
    declared(june)
    each_day(june, date(2027, 5, 1), date(2027, 7, 5))
    assert mail_days(june, NOTICE) == [date(2027, 5, 31), date(2027, 6, 23)]
    assert [facts(mail).days_left for mail in june.mails(NOTICE)] == [30, 7]


@pytest.mark.parametrize(
    ("back_on", "told_on"),
    [
        (date(2027, 6, 5), [date(2027, 6, 7), date(2027, 6, 23)]),
        (date(2027, 6, 26), [date(2027, 6, 28)]),
        (date(2027, 7, 1), []),
    ],
)
@pytest.mark.rule("R78")
def test_notice__missed_by_a_stop(june: System, back_on: date, told_on: list[date]) -> None:
    declared(june)
    each_day(june, date(2027, 5, 30), date(2027, 7, 5), stopped=lambda day: day < back_on)
    assert mail_days(june, NOTICE) == told_on


@pytest.mark.rule("R78")
def test_notice__none_leaves_once_the_year_has_ended(june: System) -> None:
    declared(june)
    run(june, date(2027, 6, 30))
    (mail,) = june.mails(NOTICE)
    assert mail.not_after == JUNE.end_of(SchoolYear(2026)).ends_at


@pytest.mark.rule("R78")
def test_notice__an_end_that_moved_is_announced_anew(june: System) -> None:
    declared(june)
    run(june, date(2027, 5, 31))
    june.restart(replace(CALENDAR, given_ends={SchoolYear(2026): date(2027, 7, 1)}))
    assert run(june, date(2027, 6, 1)).notices == 1
    assert [facts(mail).year.last_day.day for mail in june.mails(NOTICE)] == [30, 1]


@pytest.mark.rule("R15", "R78")
def test_notice__without_a_mailbox_the_operators_are_told_once(june: System) -> None:
    declared(june)
    change_school(june, "0310001H", mailbox=None, is_open=False)
    run(june, date(2027, 5, 31))
    with june.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM occurrence")
    run(june, date(2027, 5, 31), 10)
    (dead,) = june.mails(NOTICE)
    assert (dead.stage, dead.reported_at) == ("dead", None), "the senders tell it, with all others of its cause"


@pytest.mark.rule("R78")
def test_notice__a_kill_loses_none_and_doubles_none(june: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "PAGE", 1)
    declared(june)
    declared(june, 2, "0310002J", "chef BC")
    for point in ("duties.before_commit", "duties.after_page"):
        with killed_at(point):
            run(june, date(2027, 5, 31))
        june.restart()
    assert len(june.mails(NOTICE)) == 1
    assert run(june, date(2027, 5, 31)).notices == 1
    assert run(june, date(2027, 5, 31)).notices == 0
    assert sorted(mail.uai for mail in june.mails(NOTICE)) == ["0310001H", "0310002J"]


@pytest.mark.rule("R78")
def test_notice__a_tick_that_has_nothing_to_do_asks_one_question(june: System) -> None:
    declared(june)
    run(june, date(2027, 5, 31))
    statements: list[str] = []
    event.listen(june.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert duties(june).run() == DailyMails()
    assert len([statement for statement in statements if statement.lstrip().upper().startswith("SELECT")]) == 1
    assert len(statements) <= 3
