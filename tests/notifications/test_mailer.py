"""What the engine's transaction leaves behind: mails, seals, and nothing twice."""

import base64
import sqlite3
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, inspect, select

from notifications.authoring.examples import MAIL_CONTEXT
from notifications.outbox.store import MAILS, SEALS, is_about
from notifications.vocabulary import Audience, Fault, Kind, Stage
from states.commands import Code
from states.vocabulary import Trigger
from tests.kit import factories as f
from tests.notifications.events import expired, request_event
from tests.notifications.office import OPERATORS, Office, draft

MARKED = "Zq7Xw9Kp2LmT4vB8"


@pytest.mark.rule("R55")
def test_react__stores_the_mail_as_it_was_decided(office: Office) -> None:
    office.handle(request_event(Trigger.DECLARE))
    mail = office.only()
    assert (mail.kind, mail.audience, mail.stage) == (Kind.DECLARED, Audience.ESTABLISHMENT, Stage.PENDING)
    assert (mail.recipient, mail.uai, mail.reference) == (f.MAILBOX, f.UAI, f.REFERENCE)
    assert (mail.created_at, mail.next_attempt_at, mail.attempts) == (f.NOW, f.NOW, 0)
    assert mail.not_after == f.NOW + timedelta(days=30)
    assert (mail.subject, mail.body, mail.message_id, mail.dated_at) == (None, None, None, None)


@pytest.mark.rule("R55")
def test_react__leaves_nothing_when_the_transaction_fails(office: Office) -> None:
    with suppress(RuntimeError), office.database.write() as connection:
        office.mailer.handle(connection, [request_event(Trigger.ISSUE_CODE)], f.NOW)
        raise RuntimeError
    assert office.mails() == []
    with office.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(SEALS)).scalar_one() == 0


@pytest.mark.rule("R60")
def test_react__a_code_mail_refers_to_its_seal(office: Office) -> None:
    mail = office.issue()
    with office.database.read() as connection:
        seal = connection.execute(select(SEALS)).one()
    assert mail.seal_id == seal.id
    assert mail.priority == 1
    assert mail.not_after == f.NOW + timedelta(days=MAIL_CONTEXT.code_keep_days)
    assert office.sealer.open(seal.ciphertext, f.REFERENCE) == f.CODE


@pytest.mark.rule("R61", "R62")
def test_react__issued_and_revoked_in_one_batch_keeps_no_code(office: Office) -> None:
    office.handle(request_event(Trigger.ISSUE_CODE), request_event(Trigger.REVOKE), request_event(Trigger.DECLARE))
    with office.database.read() as connection:
        assert connection.execute(select(SEALS.c.ciphertext)).scalars().all() == [None]
    assert office.only(Kind.CODE_ISSUED).stage is Stage.CANCELLED
    assert [mail.kind for mail in office.mails()] == [
        Kind.CODE_ISSUED,
        Kind.REVOKED,
        Kind.REMOVAL_TASK,
        Kind.DECLARED,
    ]


@pytest.mark.rule("R61")
def test_react__two_codes_for_one_request_in_one_batch_keep_the_last(office: Office) -> None:
    office.handle(
        request_event(Trigger.ISSUE_CODE, command={"code": Code(clear="premier111")}),
        request_event(Trigger.REISSUE_CODE, command={"code": Code(clear="second2222")}),
    )
    office.send()
    assert ["second2222" in got.text for got in office.relay.received] == [True]


@pytest.mark.rule("R15", "R58")
def test_react__without_a_mailbox_the_mail_is_dead_and_waits(office: Office) -> None:
    office.handle(request_event(Trigger.REVOKE, mailbox=None))
    dead, task = office.mails()
    assert (dead.stage, dead.fault, dead.recipient, dead.next_attempt_at) == (Stage.DEAD, Fault.NO_MAILBOX, "", None)
    assert task.kind is Kind.REMOVAL_TASK
    assert office.send() == 2
    assert office.only(Kind.MAIL_UNDELIVERABLE).stage is Stage.SENT
    assert {got.recipients for got in office.relay.received} == {(OPERATORS,)}


@pytest.mark.rule("R54")
def test_react__a_year_end_is_one_mail_an_establishment(office: Office) -> None:
    uais = ("0310001H", "0810004P", "0751234J")
    office.handle(*(expired(number, uais[number % 3]) for number in range(1, 31)))
    assert sorted(mail.uai or "" for mail in office.mails()) == sorted(uais)
    assert {mail.kind for mail in office.mails()} == {Kind.YEAR_END}


def test_enqueue__a_dedupe_key_leaves_once(office: Office) -> None:
    report = draft("year_end_report", dedupe_key="year-end-report:2026-2027")
    assert office.enqueue(report, report) == 1
    assert office.enqueue(report, draft("late_digest_one")) == 1
    assert len(office.mails()) == 2


def test_enqueue__without_a_key_as_often_as_asked(office: Office) -> None:
    assert office.enqueue(draft(), draft()) == 2
    assert office.enqueue() == 0


def test_enqueue__a_code_mail_without_a_seal_is_a_mistake(office: Office) -> None:
    with pytest.raises(ValueError, match="sealed"):
        office.enqueue(draft("code_issued"))


def test_enqueue__its_own_last_hour(office: Office) -> None:
    hour = f.NOW + timedelta(hours=1)
    office.enqueue(draft("year_end_notice_one", not_after=hour))
    assert office.only().not_after == hour


@pytest.mark.rule("R54")
def test_year_end_report__once_a_year(office: Office) -> None:
    end = f.calendar().end_of(f.YEAR)
    report = office.mailer.reports.year_end_report(end, revoked=3, establishments=2, removals=1, questions=0)
    assert office.enqueue(report) == 1
    assert office.enqueue(report) == 0
    office.send()
    (got,) = office.relay.received
    assert got.recipients == (OPERATORS,)
    assert "3 demandes révoquées dans 2 établissements" in got.text


@pytest.mark.rule("R52")
def test_brake_alert__says_why_and_what_to_do_once(office: Office) -> None:
    end = f.calendar().end_of(f.YEAR)
    alert = office.mailer.reports.brake_alert(end, requests=812, why="le service n'avait donné aucun signe de vie")
    assert office.enqueue(alert, alert) == 1
    office.send()
    assert "oda year-end confirm 2026-2027" in office.relay.received[0].text
    assert "812 demandes" in office.relay.received[0].text


@pytest.mark.rule("R82")
def test_clock_alert__says_which_way_and_how_far_once_an_episode(office: Office) -> None:
    since = office.clock.now()
    slow = office.mailer.reports.clock_alert("oda-2", timedelta(seconds=-90), since)
    assert office.enqueue(slow, slow) == 1
    fast = office.mailer.reports.clock_alert("oda-2", timedelta(hours=3), since + timedelta(days=1))
    assert office.enqueue(fast) == 1
    office.send()
    first, second = (got.text for got in office.relay.received)
    assert "retarde de 90 secondes" in first
    assert "avance de 3 heures" in second


def _stored_anywhere(database_file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in database_file.parent.glob(f"{database_file.name}*"))


def _written_forms(secret: str) -> list[bytes]:
    raw = secret.encode()
    shifted = [base64.b64encode(b"\0" * pad + raw)[4 if pad else 0 : -4] for pad in range(3)]
    return [raw, raw.hex().encode(), raw.hex().upper().encode(), raw[::-1], *shifted]


@pytest.mark.rule("R60", "R61")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_secret__in_no_byte_of_the_database_file(office: Office) -> None:
    file = Path(str(office.database.engine.url.database))
    forms = _written_forms(MARKED)

    def forms_stored() -> list[bytes]:
        stored = _stored_anywhere(file)
        return [form for form in forms if form in stored]

    office.relay.on("RCPT", "550 5.1.1 no such user")
    office.issue(MARKED)
    assert forms_stored() == []
    office.send()
    assert office.only(Kind.CODE_ISSUED).stage is Stage.DEAD
    office.retry(office.only(Kind.CODE_ISSUED).id)
    office.relay.on("END", f"451 4.3.0 not now {MARKED}")
    office.send()
    assert office.only(Kind.CODE_ISSUED).last_reply == "451 4.3.0 not now [code masqué]"
    office.clock.advance(hours=1)
    office.send()
    assert any(MARKED in got.text for got in office.relay.received)
    with office.database.read() as connection:
        ciphertext = str(connection.execute(select(SEALS.c.ciphertext)).scalar_one()).encode()
    office.handle(request_event(Trigger.CONFIRM_HANDOVER, at=office.clock.now()))
    with closing(sqlite3.connect(file)) as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert forms_stored() == []
    assert ciphertext not in _stored_anywhere(file)


@pytest.mark.rule("R60")
def test_secret__in_no_column_of_no_table(office: Office) -> None:
    office.issue(MARKED)
    office.send()
    with office.database.read() as connection:
        for table in (MAILS, SEALS):
            for row in connection.execute(select(table)):
                assert MARKED not in repr(row)
        assert inspect(connection).has_table("seal")


@pytest.mark.rule("R58")
@pytest.mark.parametrize("same", [True, False])
def test_dead_mails_alert__says_when_one_mailbox_is_at_fault(office: Office, same: bool) -> None:
    office.enqueue(draft(), draft("delegated", recipient=f.MAILBOX if same else "autre@ac-toulouse.fr"))
    alert = office.mailer.reports.dead_mails_alert(Fault.RECIPIENT_REFUSED, office.mails(), f.NOW)
    assert (alert.context.count, alert.context.same_mailbox) == (2, same)
    assert alert.recipient == OPERATORS


def test_enqueue__the_other_requests_of_a_mail_are_kept_once(office: Office) -> None:
    others = ("ODA-2027-00043", "ODA-2027-00045")
    reminder = draft("stalled_reminder_several", dedupe_key="reminders:0310001H:2026-09-14", other_references=others)
    assert [office.enqueue(reminder), office.enqueue(reminder)] == [1, 0]
    with office.database.read() as connection:
        query = select(MAILS.c.id).where(is_about("ODA-2027-00045"))
        assert connection.execute(query).scalars().all() == [office.only().id]
