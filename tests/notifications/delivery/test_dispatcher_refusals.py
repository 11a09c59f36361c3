"""Whose fault a refusal is, over simulated days: the relay's trouble makes all wait, a mailbox's stops it alone."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from notifications.vocabulary import Fault, Kind, Mail, RelayFault, Stage
from tests.kit.factories import MAILBOX
from tests.kit.smtp import Answer
from tests.kit.smtp import Fault as SmtpClient
from tests.notifications.office import Office, draft

ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""The same decisions many times over: one database is enough."""

DENIED, OURS, BUSY = RelayFault.RELAY_DENIED, RelayFault.SENDER_REFUSED, RelayFault.BUSY
TO_ALL: list[tuple[str, Answer, RelayFault]] = [
    # Postfix, by default, keeps what it has against the client, the greeting or the sender for RCPT.
    ("RCPT", "554 5.7.1 <h[10.0.0.5]>: Client host rejected: Access denied", DENIED),
    ("RCPT", "553 5.7.1 <cles@ac-toulouse.fr>: Sender address rejected: not owned by user oda", OURS),
    ("RCPT", "504 5.5.2 <h>: Helo command rejected: need fully-qualified hostname", DENIED),
    ("RCPT", "554 5.7.1 <ce@ac-toulouse.fr>: Relay access denied", DENIED),
    ("RCPT", "454 4.7.1 <ce@ac-toulouse.fr>: Relay access denied", BUSY),
    ("RCPT", "450 4.7.1 Client host rejected: cannot find your hostname, [10.0.0.5]", BUSY),
    ("RCPT", "450 4.7.0 Transmit rate limit exceeded", BUSY),
    ("RCPT", "451 4.3.0 <ce@ac-toulouse.fr>: Temporary lookup failure", BUSY),
    ("RCPT", "451 4.3.5 Server configuration error", BUSY),
    ("RCPT", "550 relay not permitted", DENIED),
    ("RCPT", "530 5.7.0 Authentication required", RelayFault.LOGIN_REFUSED),
    ("RCPT", SmtpClient.DROP, RelayFault.DOWN),
    ("DATA", "451 4.3.0 Error: queue file write error", BUSY),
    ("DATA", "554 5.5.1 Error: no valid recipients", DENIED),
    ("END", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", OURS),
    ("END", "554 5.2.252 SendAsDenied; oda@ac-toulouse.fr not allowed to send as cles@ac-toulouse.fr", OURS),
    ("END", "550 5.7.1 Message rejected as spam", DENIED),
    ("END", "451 4.7.1 Service unavailable - try again later", BUSY),
    ("END", "452 4.3.1 Insufficient system storage", BUSY),
]
ALONE: list[tuple[str, str, Stage, Fault | None]] = [
    ("RCPT", "550 5.1.1 <relay.college@ac-toulouse.fr>: Recipient address rejected: Access denied", Stage.DEAD,
     Fault.RECIPIENT_REFUSED),
    ("RCPT", "550 5.1.1 relay.ac-toulouse.fr: user unknown, delivery refused", Stage.DEAD, Fault.RECIPIENT_REFUSED),
    ("RCPT", "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", Stage.DEAD, Fault.RECIPIENT_REFUSED),
    ("RCPT", "550 5.4.1 Recipient address rejected: Access denied", Stage.DEAD, Fault.RECIPIENT_REFUSED),
    ("RCPT", "550 User unknown", Stage.DEAD, Fault.RECIPIENT_REFUSED),
    ("RCPT", "450 4.7.1 Greylisted", Stage.RETRY, Fault.DEFERRED),
    ("END", "554 5.7.1 Message refused", Stage.DEAD, Fault.MESSAGE_REFUSED),
    ("END", "552 5.3.4 Message too big", Stage.DEAD, Fault.MESSAGE_REFUSED),
]  # fmt: skip


def mailbox(number: int) -> str:
    return f"ce.031{number:04}h@ac-toulouse.fr"


def pass_days(office: Office, days: float, step: timedelta = timedelta(hours=1)) -> Iterator[None]:
    """Send every few minutes of these days, faster than the pauses end; yields after each sending."""
    end = office.clock.now() + timedelta(days=days)
    while office.clock.now() < end:
        office.send()
        yield
        office.clock.advance(seconds=step.total_seconds())


def declared(office: Office) -> list[Mail]:
    return office.mails(kind=Kind.DECLARED)


@ON_SQLITE
@pytest.mark.rule("R70")
@pytest.mark.parametrize(("command", "answer", "fault"), TO_ALL, ids=lambda value: str(value)[:34])
def test_to_everybody__all_wait_three_days_then_leave(
    office: Office, command: str, answer: Answer, fault: RelayFault
) -> None:
    office.enqueue(*(draft(recipient=mailbox(number)) for number in range(5)))
    office.relay.on(command, answer, times=None)
    for _ in pass_days(office, 3, timedelta(hours=6)):
        pause = office.dispatcher.pause
        assert pause
        assert pause.fault is fault
        assert not isinstance(answer, str) or pause.reply == answer
    assert {(mail.stage, mail.attempts, mail.fault) for mail in declared(office)} == {(Stage.PENDING, 0, None)}
    assert office.mails(kind=Kind.MAIL_UNDELIVERABLE) == []
    office.relay.forgive()
    assert office.send() == 5
    assert office.dispatcher.pause is None
    assert len(office.relay.received) == len(office.relay.copies()) == 5


@ON_SQLITE
@pytest.mark.rule("R58")
@pytest.mark.parametrize(("command", "answer", "stage", "fault"), ALONE, ids=lambda value: str(value)[:34])
def test_to_one_mailbox__that_mail_alone(
    office: Office, command: str, answer: str, stage: Stage, fault: Fault | None
) -> None:
    office.enqueue(*(draft(recipient=mailbox(number)) for number in range(6)))
    office.relay.on(command, answer, times=None, about=mailbox(0))
    office.send()
    assert [mail.stage for mail in declared(office)][1:] == [Stage.SENT] * 5, "it stops no other"
    office.clock.advance(minutes=2)
    office.send()
    mail = declared(office)[0]
    assert (mail.stage, mail.fault) == (stage, fault)
    assert office.dispatcher.pause is None


@pytest.mark.rule("R70")
@pytest.mark.parametrize("answer", ["550 5.7.1 Authentication required", "450 4.7.1 Greylisted"])
def test_several_bad_mailboxes_ahead__delay_the_others_by_minutes(office: Office, answer: str) -> None:
    """Refused one after the other by one answer they look like the relay's trouble: the others prove that it is not."""
    office.enqueue(*(draft(recipient=mailbox(number)) for number in range(9)))
    for number in range(4):
        office.relay.on("RCPT", answer, times=None, about=mailbox(number))
    office.send()
    assert office.dispatcher.pause
    for _ in range(2):
        office.clock.advance(minutes=5)
        office.send()
    assert [mail.stage for mail in declared(office)][4:] == [Stage.SENT] * 5
    for hour in range(12):
        office.enqueue(draft(recipient=mailbox(10 + hour)))
        for _ in range(3):
            office.send()
            office.clock.advance(minutes=6)
        assert declared(office)[-1].stage is Stage.SENT
        office.clock.advance(hours=1)
    refused = Stage.DEAD if answer.startswith("5") else Stage.RETRY
    assert [mail.stage for mail in declared(office)][:4] == [refused] * 4


@pytest.mark.rule("R70")
def test_a_new_greylist__is_passed_though_each_new_recipient_is_put_off(office: Office) -> None:
    office.enqueue(*(draft(recipient=mailbox(number)) for number in range(12)))
    for number in range(12):
        office.relay.on("RCPT", "450 4.7.1 Greylisted", about=mailbox(number))
    for _ in pass_days(office, 0.02, timedelta(minutes=1)):
        pass
    assert {mail.stage for mail in declared(office)} == {Stage.SENT}


@pytest.mark.rule("R70")
def test_a_quota__that_opens_and_closes_kills_no_mail(office: Office) -> None:
    """A relay that takes ten mails an hour, and refuses the others in final words."""
    office.enqueue(*(draft(recipient=mailbox(number)) for number in range(35)))
    for _ in range(4):
        office.relay.forgive()
        office.relay.on("RCPT", "", times=10)
        office.relay.on("RCPT", "550 5.7.1 Quota exceeded", times=None)
        for _ in pass_days(office, 1 / 24, timedelta(minutes=6)):
            pass
    assert {mail.stage for mail in declared(office)} == {Stage.SENT}
    assert office.died == []


@pytest.mark.rule("R70")
def test_a_few_at_a_time__the_answer_of_yesterday_counts(office: Office) -> None:
    """Each mail comes alone, on a quiet day: the third one refused tells that it is the relay."""
    office.relay.on("RCPT", "554 5.7.1 Access denied", times=None)
    for number in range(3):
        office.enqueue(draft(recipient=mailbox(number)))
        office.send()
        assert bool(office.dispatcher.pause) is (number == 2)
        office.clock.advance(hours=7)
    assert {(mail.stage, mail.attempts) for mail in declared(office)[2:]} == {(Stage.PENDING, 0)}
    office.relay.forgive()
    assert office.send() == 3


@pytest.mark.rule("R58")
def test_one_mailbox_alone__is_given_up_after_days(office: Office) -> None:
    """Nobody else's mail decides: the mail keeps its patience, and is then told."""
    office.enqueue(draft())
    office.relay.on("RCPT", "554 5.7.1 Access denied", times=None, about=MAILBOX)
    for _ in pass_days(office, 4.9, timedelta(hours=6)):
        assert office.only(Kind.DECLARED).stage is Stage.RETRY
    office.clock.advance(hours=6)
    office.send()
    assert (office.only(Kind.DECLARED).stage, office.only(Kind.DECLARED).fault) == (Stage.DEAD, Fault.EXHAUSTED)
