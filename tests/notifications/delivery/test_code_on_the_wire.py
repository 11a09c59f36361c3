"""The seal is read again just before DATA: a code erased meanwhile does not leave (R62)."""

import pytest
from cryptography.fernet import Fernet

from notifications import encryption
from notifications.encryption import Sealer
from notifications.ports import set_crash_hook
from notifications.vocabulary import Erasure, Fault, Kind, Stage
from states.vocabulary import Trigger
from tests.kit.factories import CODE, REFERENCE
from tests.notifications.events import request_event
from tests.notifications.office import Office

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def erase_when(office: Office, point: str) -> None:
    """Somebody erases the code at that moment of the sending."""

    def hook(name: str) -> None:
        if name == point:
            with office.database.write() as connection:
                encryption.erase(connection, [REFERENCE], Erasure.REVOKED, office.clock.now())

    set_crash_hook(hook)


@pytest.mark.rule("R62")
def test_code__erased_once_claimed_does_not_leave(office: Office) -> None:
    office.issue()
    erase_when(office, "mail.claimed")
    try:
        assert office.send() == 0
    finally:
        set_crash_hook(None)
    mail = office.only(Kind.CODE_ISSUED)
    assert (mail.stage, mail.fault) == (Stage.CANCELLED, Fault.CODE_ERASED)
    assert office.relay.received == []
    assert office.died == []


@pytest.mark.rule("R62")
def test_code__erased_after_the_message_was_given_is_recorded_as_sent(office: Office) -> None:
    office.issue()
    erase_when(office, "mail.after_data")
    try:
        assert office.send() == 1
    finally:
        set_crash_hook(None)
    assert office.only(Kind.CODE_ISSUED).stage is Stage.SENT


@pytest.mark.rule("R62")
def test_code__replaced_while_its_mail_waits_for_a_retry(office: Office) -> None:
    office.issue()
    office.relay.on("END", "451 4.3.0 later")
    office.send()
    office.handle(request_event(Trigger.REISSUE_CODE))
    office.clock.advance(hours=1)
    office.send()
    assert [mail.stage for mail in office.mails()] == [Stage.CANCELLED, Stage.SENT]
    assert len(office.relay.received) == 1


@pytest.mark.rule("R60")
def test_code__that_cannot_be_opened_is_dead_and_told(office: Office) -> None:
    office.issue()
    office.mailer.sealer = Sealer([Fernet.generate_key().decode()])
    office.send()
    mail = office.only(Kind.CODE_ISSUED)
    assert (mail.stage, mail.fault) == (Stage.DEAD, Fault.CODE_UNREADABLE)
    assert CODE not in (mail.last_reply or "")
    (alert,) = office.relay.received
    assert "Ce courriel portait un code" in alert.text


@pytest.mark.rule("R60")
def test_code__said_again_by_the_relay_is_masked(office: Office) -> None:
    office.issue()
    office.relay.on("END", f"554 5.6.0 I do not like {CODE}")
    office.send()
    assert office.only(Kind.CODE_ISSUED).last_reply == "554 5.6.0 I do not like [code masqué]"


@pytest.mark.rule("R59")
def test_code__goes_to_the_mailbox_and_nowhere_else(office: Office) -> None:
    office.issue()
    office.send()
    (got,) = office.relay.received
    assert got.recipients == ("ce.0310001h@ac-toulouse.fr",)
    assert got.message["Cc"] is None
    assert got.message["Bcc"] is None
