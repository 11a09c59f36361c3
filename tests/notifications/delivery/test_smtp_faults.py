"""Every way in which a relay refuses, vanishes or stays silent, and what becomes of the mail."""

import time

import pytest

from notifications.vocabulary import Fault, Kind, RelayFault, Stage
from tests.kit.factories import MAILBOX
from tests.kit.smtp import Answer, ScriptedRelay
from tests.kit.smtp import Fault as SmtpClient
from tests.notifications.office import Office, draft

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("command", "answer", "stage", "fault", "arrived"),
    [
        ("RCPT", "550 5.1.1 User unknown", Stage.DEAD, Fault.RECIPIENT_REFUSED, 0),
        ("RCPT", "450 4.2.0 Greylisted", Stage.RETRY, Fault.DEFERRED, 0),
        ("RCPT", "421 4.3.2 Closing", Stage.RETRY, Fault.DEFERRED, 0),
        ("RCPT", SmtpClient.DROP, Stage.RETRY, Fault.DROPPED, 0),
        ("DATA", "554 5.7.1 No", Stage.RETRY, Fault.DISPUTED, 0),
        ("DATA", "451 4.3.0 Later", Stage.RETRY, Fault.DEFERRED, 0),
        ("DATA", SmtpClient.DROP, Stage.RETRY, Fault.DROPPED, 0),
        ("CONTENT", SmtpClient.DROP, Stage.UNCERTAIN, Fault.LOST_REPLY, 0),
        ("END", "554 5.6.0 Refused content", Stage.DEAD, Fault.MESSAGE_REFUSED, 0),
        ("END", "452 4.3.1 Full", Stage.RETRY, Fault.DEFERRED, 0),
        ("END", "250 2.0.0 Queued as 42", Stage.SENT, None, 1),
        ("END", SmtpClient.DROP, Stage.UNCERTAIN, Fault.LOST_REPLY, 1),
    ],
)
def test_fault__of_one_mail(
    office: Office, command: str, answer: Answer, stage: Stage, fault: Fault | None, arrived: int
) -> None:
    office.enqueue(draft())
    office.relay.on(command, answer, about=MAILBOX)
    office.send()
    mail = office.only(Kind.DECLARED)
    assert (mail.stage, mail.fault, mail.attempts) == (stage, fault, 1)
    assert sum(got.recipients == (MAILBOX,) for got in office.relay.received) == arrived
    if isinstance(answer, str):
        assert mail.last_reply == answer
    assert office.dispatcher.pause is None


@pytest.mark.parametrize(
    ("command", "stage", "fault"),
    [("RCPT", Stage.RETRY, Fault.DROPPED), ("END", Stage.UNCERTAIN, Fault.LOST_REPLY)],
)
def test_fault__silence_ends_with_the_time_out(office: Office, command: str, stage: Stage, fault: Fault) -> None:
    office.enqueue(draft())
    office.relay.on(command, SmtpClient.HANG)
    impatient = office.another(relay={"timeout_seconds": 1})
    started = time.monotonic()
    office.send(impatient)
    assert time.monotonic() - started < 5
    mail = office.only()
    assert (mail.stage, mail.fault) == (stage, fault)


@pytest.mark.parametrize("command", ["RCPT", "DATA", "CONTENT", "END"])
def test_fault__the_next_mails_leave_all_the_same(office: Office, command: str) -> None:
    office.enqueue(*(draft() for _ in range(4)))
    office.relay.on(command, SmtpClient.DROP)
    assert office.send() == 3


def test_uncertain__retried_once_by_itself_then_waits_for_a_person(office: Office) -> None:
    office.enqueue(draft())
    office.relay.on("END", SmtpClient.DROP, times=None)
    for _ in range(4):
        office.send()
        office.clock.advance(hours=5)
    mail = office.only()
    assert (mail.stage, mail.attempts, mail.next_attempt_at) == (Stage.UNCERTAIN, 2, None)
    assert {str(got.message["Message-ID"]) for got in office.relay.received} == {mail.message_id}
    assert len(office.relay.received) == 2


def test_uncertain__never_retried_when_the_setting_says_so(office: Office) -> None:
    office.enqueue(draft())
    office.relay.on("END", SmtpClient.DROP)
    careful = office.another(retry_uncertain=False)
    office.send(careful)
    office.clock.advance(days=1)
    assert office.send(careful) == 0
    assert len(office.relay.received) == 1


def test_retry__at_its_time_and_no_sooner(office: Office) -> None:
    office.enqueue(draft())
    office.relay.on("RCPT", "450 4.2.0 Greylisted")
    office.send()
    office.clock.advance(seconds=59)
    assert office.send() == 0
    office.clock.advance(seconds=16)
    assert office.send() == 1
    assert office.only().attempts == 2


@pytest.mark.rule("R58")
def test_retry__given_up_after_the_last_attempt(office: Office) -> None:
    office.enqueue(draft())
    office.relay.on("RCPT", "450 4.2.0 Greylisted", times=None, about=MAILBOX)
    for _ in range(office.settings.give_up_days * 4):
        office.send()
        assert office.only(Kind.DECLARED).stage is Stage.RETRY
        office.clock.advance(hours=6)
    office.send()
    mail = office.only(Kind.DECLARED)
    assert (mail.stage, mail.fault, mail.attempts) == (Stage.DEAD, Fault.EXHAUSTED, 21)
    assert len(office.died) == 1


@pytest.mark.parametrize(
    ("command", "answer", "fault"),
    [
        ("CONNECT", SmtpClient.DROP, RelayFault.DOWN),
        ("CONNECT", "554 5.3.2 Not welcome", RelayFault.DOWN),
        ("CONNECT", "421 4.3.2 Too busy", RelayFault.DOWN),
        ("MAIL", SmtpClient.DROP, RelayFault.DOWN),
        ("MAIL", "421 4.3.2 Closing", RelayFault.BUSY),
        ("MAIL", "452 4.3.1 Full", RelayFault.BUSY),
        ("MAIL", "550 5.7.1 Sender refused", RelayFault.SENDER_REFUSED),
        ("MAIL", "530 5.7.0 Authentication required", RelayFault.LOGIN_REFUSED),
        ("RCPT", "530 5.7.0 Authentication required", RelayFault.LOGIN_REFUSED),
    ],
)
def test_trouble__of_the_relay_burns_no_attempt(
    office: Office, command: str, answer: Answer, fault: RelayFault
) -> None:
    office.enqueue(*(draft() for _ in range(3)))
    before = office.mails()
    office.relay.on(command, answer, times=None)
    assert office.send() == 0
    pause = office.dispatcher.pause
    assert pause
    assert pause.fault is fault
    assert isinstance(answer, SmtpClient) or pause.reply == answer
    states = [(mail.stage, mail.attempts, mail.next_attempt_at, mail.lease_token) for mail in office.mails()]
    assert states == [(mail.stage, 0, mail.next_attempt_at, None) for mail in before]
    office.relay.forgive()
    assert office.send() == 0, "still paused"
    office.clock.advance(minutes=5)
    assert office.send() == 3
    assert office.dispatcher.pause is None


def test_trouble__nobody_listens(office: Office) -> None:
    office.enqueue(draft())
    nowhere = office.another(port=1)
    assert office.send(nowhere) == 0
    assert nowhere.pause
    assert office.only().attempts == 0
    assert office.send() == 0, "the pause is everybody's"
    office.clock.advance(seconds=10)
    assert office.send() == 1


def test_trouble__login(office: Office) -> None:
    office.enqueue(draft())
    with ScriptedRelay(login=("oda", "juste")) as relay:
        account = {"username": "oda"}
        wrong = office.another(port=relay.port, relay=account, password="faux")
        assert office.send(wrong) == 0
        assert wrong.pause
        assert wrong.pause.fault is RelayFault.LOGIN_REFUSED
        assert relay.connections == 1, "a wrong password is tried once, whatever the number of connections"
        office.clock.advance(minutes=5)
        assert office.send(office.another(port=relay.port, relay=account, password="juste")) == 1


def test_kept_connection__closed_by_the_relay_meanwhile_is_opened_anew(office: Office) -> None:
    office.enqueue(draft(), draft(), draft())
    dispatcher = office.another(connections=1)
    office.relay.on("MAIL", "", times=1)
    office.relay.on("MAIL", "421 4.7.0 Enough mails on this connection")
    assert office.send(dispatcher) == 3
    assert {mail.attempts for mail in office.mails()} == {1}
    assert dispatcher.pause is None
