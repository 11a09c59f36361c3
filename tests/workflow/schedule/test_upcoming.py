"""The dates to come, and on how many requests: what then happens is what was told (R86)."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from notifications.mailer import Mailer
from states import commands as c
from states.vocabulary import Change, RevokeReason
from tests.kit.system import System
from tests.workflow.schedule.scene import at, declared, each_day, facts, mail_days, run, settle
from workflow.schedule.upcoming import ScheduledAction, ScheduledDate, upcoming

BORN = date(2026, 9, 7)


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = settle(System(database_url, at(BORN)))
    yield system
    system.close()


def to_come(system: System) -> dict[ScheduledAction, list[ScheduledDate]]:
    with system.database.read() as connection:
        dates = upcoming(connection, system.policy, system.mailer, system.clock.now())
    assert list(dates) == sorted(dates, key=lambda entry: entry.day)
    return {deed: [entry for entry in dates if entry.action is deed] for deed in ScheduledAction}


@pytest.mark.rule("R86")
def test_coming__each_date_with_its_requests(system: System) -> None:
    issued = system.issued()
    system.issued(2, uai="0310002J", chef="chef BC")
    declared(system, 3)
    report = c.ReportChange(reference=issued, change=Change.DEPARTURE, effective_on=date(2026, 12, 1))
    system.accept(report, "chef A")
    dates = to_come(system)

    def figures(deed: ScheduledAction) -> list[Any]:
        return [(entry.day, entry.requests, entry.establishments) for entry in dates[deed]]

    assert figures(ScheduledAction.YEAR_END) == [(date(2027, 8, 31), 3, 2)]
    assert figures(ScheduledAction.NOTICE) == [(date(2027, 7, 2), 3, 2)]
    assert figures(ScheduledAction.CAMPAIGN) == [(date(2027, 6, 1), 2, 2)]
    assert figures(ScheduledAction.REPORTS) == [(date(2026, 12, 1), 1, None)]
    assert figures(ScheduledAction.ERASURE) == [(date(2026, 10, 7), 2, None)]
    assert figures(ScheduledAction.REMINDERS)[0] == (date(2026, 9, 14), 1, None)
    of_this_year, *of_the_next = figures(ScheduledAction.INVITATION)
    assert of_this_year == (date(2026, 9, 7), 0, 0), "nobody had a key in 2025-2026"
    assert of_the_next == [(date(2027, 6, 8), 2, 2), (date(2027, 9, 1), 2, 2)]
    (digest,) = dates[ScheduledAction.DIGEST]
    assert (digest.day, digest.until) == (BORN, BORN + timedelta(days=365))
    assert dates[ScheduledAction.UNKNOWN] == []
    assert dates[ScheduledAction.YEAR_END][0].on_how_many == "3 demandes dans 2 établissements"


@pytest.mark.rule("R81", "R86")
def test_coming__the_invitation(system: System) -> None:
    system.issued()
    system.clock.set(at(date(2026, 11, 12)))
    entries = to_come(system)[ScheduledAction.INVITATION]
    days = [(entry.day, entry.requests, entry.establishments) for entry in entries]
    assert days == [(date(2027, 6, 8), 1, 1), (date(2027, 9, 1), 1, 1)]
    assert "une seconde fois" in entries[1].sentence


@pytest.mark.rule("R77", "R86")
def test_coming__says_from_when_it_does_not_know(system: System) -> None:
    system.clock.set(at(date(2028, 3, 1)))
    (unknown,) = to_come(system)[ScheduledAction.UNKNOWN]
    assert (unknown.day, unknown.until) == (date(2028, 9, 1), date(2029, 3, 1))


@pytest.mark.rule("R79", "R86")
def test_coming__the_reminders_told_are_those_that_leave(system: System) -> None:
    declared(system)
    issued = system.issued(2)
    system.send_mails()
    each_day(system, BORN, date(2026, 9, 14))
    system.clock.set(at(date(2026, 9, 15)))
    reminders = to_come(system)[ScheduledAction.REMINDERS]
    each_day(system, date(2026, 9, 15), date(2026, 12, 18))
    sent = [*mail_days(system, "stalled_reminder"), *mail_days(system, "handover_reminder")]
    assert {reminder.day for reminder in reminders} == {day for day in sent if day > date(2026, 9, 14)}
    assert system.state(issued) == "code_issued"


@pytest.mark.rule("R78", "R86")
def test_coming__what_has_left_is_not_to_come(system: System) -> None:
    declared(system)
    system.clock.set(at(date(2027, 7, 2), 7))
    assert len(to_come(system)[ScheduledAction.NOTICE]) == 1
    run(system, date(2027, 7, 2))
    assert to_come(system)[ScheduledAction.NOTICE] == []


@pytest.mark.rule("R86")
def test_coming__as_many_queries_whatever_the_requests(system: System) -> None:
    counts = []
    for number in (1, 8):
        for each in range(number):
            declared(system, number * 100 + each)
        statements: list[str] = []
        event.listen(
            system.database.engine,
            "before_cursor_execute",
            lambda *args, statements=statements: statements.append(args[2]),
        )
        to_come(system)
        counts.append(len(statements))
    assert counts[0] == counts[1] < 20


@pytest.mark.rule("R80", "R86")
def test_coming__the_next_digest_tells_of_as_many_requests(system: System) -> None:
    settings = system.mailer.settings.model_copy(update={"operators": "daily"})
    system.mailer = Mailer(settings, system.mailer.mail_context, system.mailer.sealer)
    system.restart()
    run(system, date(2026, 9, 11))
    system.clock.set(at(date(2026, 9, 11), 11))
    system.issued(1, only_ready=True)
    both = system.issued(2)
    system.accept(c.Revoke(reference=both, reason=RevokeReason.DEPARTURE), "opérateur")
    report = c.ReportChange(reference=system.issued(3), change=Change.DEPARTURE, effective_on=date(2026, 12, 1))
    system.accept(report, "chef A")
    period, following = to_come(system)[ScheduledAction.DIGEST]
    assert period.sentence == "chaque jour ouvré, s'il y a du retard ou du nouveau"
    assert (following.day, following.requests) == (date(2026, 9, 14), 3), "Friday's has left, the next is Monday's"
    run(system, following.day)
    assert facts(system.mails("late_digest")[-1]).news == following.requests
    _, following = to_come(system)[ScheduledAction.DIGEST]
    assert (following.day, following.requests) == (date(2026, 9, 15), 0)
