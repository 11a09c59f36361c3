"""The operators' digest: once a working day, what is late, or nothing (R80)."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import insert, select, update

from notifications.mailer import Mailer
from notifications.messages.catalogue import CATALOGUE
from notifications.messages.facts import SecurityWaves
from notifications.outbox.store import MAILS
from notifications.vocabulary import Kind
from states import commands as c
from states.decision import Scalar
from states.rules.schedule import Hold
from states.school_calendar import SchoolYear
from states.vocabulary import Change, RemovalOutcome, RevokeReason
from tests.kit.system import System
from tests.workflow.schedule.scene import CALENDAR, at, declared, duties, each_day, facts, mail_days, run, settle
from workflow.database.schedule_tables import NODE, RECORD
from workflow.database.tables import ESTABLISHMENT
from workflow.journal import chain

DIGEST = "late_digest"
BORN = date(2026, 9, 7)


def day(month: int, number: int) -> date:
    return date(2026, month, number)


@pytest.fixture
def system(database_url: str) -> Iterator[System]:
    system = settle(System(database_url, at(BORN)))
    yield system
    system.close()


@pytest.mark.rule("R80")
def test_digest__nothing_late_nothing_written(system: System) -> None:
    system.issued(only_ready=True)
    declared(system)
    assert each_day(system, BORN, day(9, 17)).digests == 0
    assert system.mails(DIGEST) == []


@pytest.mark.rule("R80")
def test_digest__once_a_working_day_in_the_school_holidays_too(system: System) -> None:
    system.issued(only_ready=True)
    each_day(system, BORN, day(9, 22))
    assert mail_days(system, DIGEST) == [day(9, 18), day(9, 22)], "neither the week-end nor a day off"
    assert duties(system).run().digests == 0
    assert run(system, day(10, 20)).digests == 1


@pytest.mark.rule("R57", "R80")
def test_digest__does_not_leave_the_day_after(system: System) -> None:
    reference = system.issued(only_ready=True)
    run(system, day(9, 22))
    (mail,) = system.mails(DIGEST)
    assert mail.not_after == at(day(9, 23), 0)
    assert mail.recipient == "operateurs@ac-toulouse.fr"
    digest = facts(mail)
    assert (digest.total, digest.points, digest.requests[0].reference) == (1, 1, reference)
    assert digest.requests[0].since == BORN


@pytest.mark.rule("R80")
def test_digest__tells_of_all_that_is_late(system: System) -> None:
    stalled, unhanded, lost = declared(system), system.issued(1), system.issued(2)
    gone, reported = system.issued(3), system.issued(4)
    system.send_mails()
    for reference in (gone, reported):
        system.accept(c.ConfirmHandover(reference=reference, handed_on=BORN), "chef A")
    system.accept(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), "opérateur")
    report = c.ReportChange(reference=reported, change=Change.DEPARTURE, effective_on=day(10, 1))
    system.accept(report, "chef A")
    held_end = {
        "school_year": "2025-2026", "last_day": date(2026, 8, 31), "held_why": Hold.ABSENCE.value,
        "ends_at": CALENDAR.end_of(SchoolYear(2025)).ends_at, "recorded_at": at(BORN), "held_at": at(BORN),
    }  # fmt: skip
    with system.database.write() as connection:
        code = (MAILS.c.reference == lost, MAILS.c.kind == "code_issued")
        connection.execute(update(MAILS).where(*code).values(stage="dead", next_attempt_at=None))
        connection.execute(insert(RECORD), [held_end])
        connection.execute(insert(NODE), [{"host": "oda-2", "seen_at": at(BORN), "refused_at": at(BORN)}])
    run(system, day(10, 12))
    (mail,) = system.mails(DIGEST)
    digest = facts(mail)

    def named(group: str) -> list[str]:
        return [request.reference for request in getattr(digest, group).requests]

    assert named("stalled") == [stalled]
    assert set(named("not_handed")) == {unhanded, lost}
    assert named("undelivered") == [lost]
    assert named("reports") == [reported]
    assert named("removals") == [gone]
    assert digest.removals_open == 1
    assert [end.why for end in digest.held] == [Hold.ABSENCE.label]
    assert digest.machines == ("oda-2",)
    assert digest.total == 0
    assert digest.points == 7


@pytest.mark.rule("R58", "R80")
def test_digest__a_code_that_the_relay_has_not_taken_is_told_in_time(system: System) -> None:
    """A relay in trouble for days costs no attempt: the code is on its way to its last hour, and nobody would know."""
    reference = system.issued()
    run(system, BORN)
    assert system.mails(DIGEST) == []
    run(system, day(9, 9))
    (mail,) = system.mails(DIGEST)
    digest = facts(mail)
    assert [request.reference for request in digest.waiting_codes.requests] == [reference]
    assert (digest.undelivered.total, digest.points) == (0, 1)
    system.send_mails()
    run(system, day(9, 10))
    assert len(system.mails(DIGEST)) == 1


@pytest.mark.rule("R74", "R80")
@pytest.mark.parametrize(("subjects", "digests"), [(9, 0), (10, 1)])
def test_digest__many_mailboxes_refused_a_link_since_the_working_day_before(
    system: System, subjects: int, digests: int
) -> None:
    friday = at(day(9, 25), 18)
    with system.database.write() as connection:
        actor = chain.schedule_actor_in(connection)
        for limit, count in (("link-strangers", subjects), ("link-client", 50)):
            data: dict[str, Scalar] = {"limit": limit, "most": 20, "subjects": count, "refused": 99}
            chain.record(connection, system.engine.hasher, "door_refused", actor, friday, data)
    run(system, day(9, 28))
    assert [facts(mail).refused_sign_ins for mail in system.mails(DIGEST)] == [subjects] * digests
    run(system, day(9, 29))
    assert len(system.mails(DIGEST)) == digests


@pytest.mark.rule("R72", "R80")
def test_digest__names_once_a_school_that_asked_for_a_link_and_has_no_mailbox(system: System) -> None:
    with system.database.write() as connection:
        uai = connection.execute(select(ESTABLISHMENT.c.uai).order_by(ESTABLISHMENT.c.uai)).scalars().first()
        statement = update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai)
        connection.execute(statement.values(mailbox=None, set_mailbox=None, link_asked_at=at(day(9, 25), 18)))
    run(system, day(9, 28))
    (mail,) = system.mails(DIGEST)
    assert [place.uai for place in facts(mail).without_mailbox] == [uai]
    run(system, day(9, 29))
    assert len(system.mails(DIGEST)) == 1


@pytest.mark.rule("R80")
def test_digest__a_removal_is_late_after_its_delay(system: System) -> None:
    gone = system.issued()
    system.accept(c.Revoke(reference=gone, reason=RevokeReason.DEPARTURE), "opérateur")
    each_day(system, BORN, day(9, 23))
    assert mail_days(system, DIGEST) == [day(9, 23)]


@pytest.mark.rule("R56", "R80")
def test_digest__one_stored_before_it_told_everything_is_still_read() -> None:
    old = '{"on":"2026-11-02","total":1,"requests":[]}'
    assert CATALOGUE[Kind.LATE_DIGEST].decode(old).points == 1


@pytest.fixture
def daily(system: System) -> System:
    """The operators read one mail a day."""
    mailer = system.mailer
    settings = mailer.settings.model_copy(update={"operators": "daily"})
    system.mailer = Mailer(settings, mailer.mail_context, mailer.sealer)
    system.restart()
    return system


@pytest.mark.rule("R80")
def test_digest__tells_what_came_since_the_last_one_when_it_is_one_mail_a_day(daily: System) -> None:
    system = daily
    run(system, BORN)
    system.clock.set(at(BORN, 11))
    new, removed, reported = system.issued(1, only_ready=True), system.issued(2), system.issued(3)
    system.accept(c.Revoke(reference=removed, reason=RevokeReason.DEPARTURE), "opérateur")
    system.send_mails()
    report = c.ReportChange(reference=reported, change=Change.DEPARTURE, effective_on=day(12, 1))
    system.accept(report, "chef A")
    assert [system.mails(kind) for kind in ("new_request", "removal_task", "change_to_handle")] == [[], [], []]
    run(system, day(9, 8))
    (mail,) = system.mails(DIGEST)
    digest = facts(mail)
    groups = (digest.new_requests, digest.new_removals, digest.new_reports)
    assert [[request.reference for request in group.requests] for group in groups] == [[new], [removed], [reported]]
    assert (digest.news, digest.points) == (3, 0)
    assert run(system, day(9, 9)).digests == 0, "told once"


@pytest.mark.rule("R49", "R80")
def test_digest__tells_of_a_removal_that_was_opened_again(daily: System) -> None:
    system = daily
    system.clock.set(at(BORN, 11))
    removed = system.issued()
    system.accept(c.Revoke(reference=removed, reason=RevokeReason.DEPARTURE), "opérateur")
    run(system, day(9, 8))
    system.accept(c.ConfirmRemoval(reference=removed, outcome=RemovalOutcome.REMOVED), "opérateur")
    system.accept(c.ReopenRemoval(reference=removed, why="confirmé pour une autre"), "opérateur")
    run(system, day(9, 9))
    mails = system.mails(DIGEST)
    assert [[request.reference for request in facts(mail).new_removals.requests] for mail in mails] == [[removed]] * 2
    assert [mail.kind for mail in system.mails("removal_reopened")] == ["removal_reopened"]


@pytest.mark.rule("R80")
def test_digest__says_nothing_of_what_had_a_mail_of_its_own(system: System) -> None:
    run(system, BORN)
    system.clock.set(at(BORN, 11))
    system.issued(1, only_ready=True)
    assert [mail.kind for mail in system.mails("new_request")] == ["new_request"]
    assert run(system, day(9, 8)).digests == 0


@pytest.mark.rule("R80", "R108")
@pytest.mark.parametrize(("refused", "exports", "waves"), [
    ({"token": 49, "forged": 29, "forbidden": 49}, 29, None),
    ({"token": 50, "forged": 30, "forbidden": 50}, 30, SecurityWaves(tokens=50, forged=30, forbidden=50, exports=30)),
    ({"forged": 31}, 0, SecurityWaves(forged=31)),
    ({"api-refused": 100}, 0, SecurityWaves(calls=100)),
])  # fmt: skip
def test_digest__tells_once_of_a_wave_of_refusals_or_exports(
    system: System, refused: dict[str, int], exports: int, waves: SecurityWaves | None
) -> None:
    friday = at(day(9, 25), 18)
    with system.database.write() as connection:
        actor = chain.schedule_actor_in(connection)
        for limit, count in refused.items():
            data: dict[str, Scalar] = {"limit": limit, "most": 0, "subjects": 1, "refused": count}
            chain.record(connection, system.engine.hasher, "door_refused", actor, friday, data)
        for _ in range(exports):
            chain.record(connection, system.engine.hasher, "exported", actor, friday, {"list": "requests"})
    run(system, day(9, 28))
    assert [facts(mail).waves for mail in system.mails(DIGEST)] == ([waves] if waves else [])
    run(system, day(9, 29))
    assert len(system.mails(DIGEST)) == (1 if waves else 0)
