"""Mails through a real Postfix: what it passes on, what it refuses, and what becomes of the mail meanwhile.

Needs root and the package ``postfix`` (see ``tests.kit.debian``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifications.delivery.dispatcher import Dispatcher
from notifications.vocabulary import Fault, Kind, Mail, RelayFault, Stage
from portal.demo.mail_server import ReceivedMail
from tests.kit import certificates
from tests.kit.clock import FakeClock
from tests.kit.debian import without
from tests.kit.factories import MAILBOX, NOW
from tests.kit.postfix import Postfix, obstacle, wait_until
from tests.kit.smtp import ScriptedRelay
from tests.notifications.office import Office, draft
from workflow.database.connection import Database

pytestmark = [
    pytest.mark.parametrize("backend", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("postfix"),  # one at a time on a machine
]

CODE = "S3cretAB12"


@pytest.fixture(scope="module")
def beyond() -> Iterator[ScriptedRelay]:
    """The server to which Postfix passes on."""
    with ScriptedRelay() as relay:
        yield relay


@pytest.fixture(scope="module")
def shared(beyond: ScriptedRelay) -> Iterator[Postfix]:
    """One Postfix for all the scenes."""
    if why := obstacle():
        without(why)
    with Postfix(passes_on_to=beyond.port) as postfix:
        yield postfix


@pytest.fixture
def postfix(shared: Postfix, beyond: ScriptedRelay) -> Iterator[Postfix]:
    """Postfix as it was at first, whatever the scene before has made of it."""
    beyond.received.clear()
    yield shared
    shared.stop()
    shared.settings()
    shared.start()


@pytest.fixture
def office(database: Database, beyond: ScriptedRelay) -> Office:
    return Office(database, FakeClock(NOW), beyond)


def through(office: Office, postfix: Postfix, **changes: Any) -> Dispatcher:
    """A dispatcher whose relay is Postfix."""
    return office.another(port=postfix.port, **changes)


def arrived(beyond: ScriptedRelay, mail: Mail) -> ReceivedMail:
    """The one copy that Postfix passed on, once it has."""
    wait_until(lambda: beyond.accepted(mail.message_id or "?") > 0)
    (copy,) = [got for got in beyond.received if got.message["Message-ID"] == mail.message_id]
    return copy


def test_postfix__passes_on_the_same_mail(office: Office, postfix: Postfix, beyond: ScriptedRelay) -> None:
    office.issue(CODE)
    office.enqueue(draft("declared"), draft("new_request"))
    assert office.send(through(office, postfix)) == 3
    mails = office.mails()
    assert {mail.kind for mail in mails} == {Kind.CODE_ISSUED, Kind.DECLARED, Kind.NEW_REQUEST}
    for mail in mails:
        copy = arrived(beyond, mail)
        assert (mail.stage, mail.attempts) == (Stage.SENT, 1)
        assert copy.recipients == (mail.recipient,)
        assert copy.message["Subject"] == mail.subject
        assert (CODE in copy.text) is (mail.kind is Kind.CODE_ISSUED)
        if mail.kind is not Kind.CODE_ISSUED:
            assert copy.text.strip() == (mail.body or "").strip()
        page = copy.message.get_body(("html",))
        assert (page is not None) is bool(mail.html)
        if page and mail.kind is not Kind.CODE_ISSUED:
            assert page.get_content().split() == (mail.html or "").split()


@pytest.mark.rule("R58")
def test_recipient__unknown_to_postfix_is_dead_with_its_words(office: Office, postfix: Postfix) -> None:
    known = postfix.table("known", {office.settings.operators_mailbox: "ok"})
    postfix.settings(relay_domains="ac-toulouse.fr", relay_recipient_maps=known)
    office.enqueue(draft())
    office.send(through(office, postfix))
    mail = office.only(Kind.DECLARED)
    assert (mail.stage, mail.fault, mail.attempts) == (Stage.DEAD, Fault.RECIPIENT_REFUSED, 1)
    assert mail.last_reply
    assert mail.last_reply.startswith(f"550 5.1.1 <{MAILBOX}>: Recipient address rejected: User unknown")


def test_recipient__put_off_then_taken(office: Office, postfix: Postfix, beyond: ScriptedRelay) -> None:
    later = postfix.table("later", {MAILBOX: "450 4.2.0 Greylisted, come back later"})
    postfix.settings(smtpd_recipient_restrictions=f"check_recipient_access {later}, permit_mynetworks, reject")
    office.enqueue(draft())
    office.send(through(office, postfix))
    mail = office.only()
    assert (mail.stage, mail.fault, mail.attempts) == (Stage.RETRY, Fault.DEFERRED, 1)
    assert "Greylisted" in (mail.last_reply or "")
    postfix.settings()
    office.clock.advance(minutes=10)
    assert office.send(through(office, postfix)) == 1
    assert arrived(beyond, office.only()).recipients == (MAILBOX,)


@pytest.mark.rule("R70")
@pytest.mark.parametrize(
    ("settings", "answer", "fault"),
    [
        ({"smtpd_client_restrictions": "reject"}, "554 5.7.1", RelayFault.RELAY_DENIED),
        ({"smtpd_client_restrictions": "defer"}, "450 4.3.2", RelayFault.BUSY),
        ({"smtpd_helo_restrictions": "reject"}, "554 5.7.1", RelayFault.RELAY_DENIED),
        ({"smtpd_sender_restrictions": "reject"}, "554 5.7.1", RelayFault.RELAY_DENIED),
        (
            {
                "smtpd_recipient_restrictions": "check_policy_service unix:private/absent",
                "smtpd_policy_service_try_limit": "1",
            },
            "451 4.3.5",
            RelayFault.BUSY,
        ),
        ({"smtpd_relay_restrictions": "reject_unauth_destination"}, "554 5.7.1", RelayFault.RELAY_DENIED),
        ({"smtpd_relay_restrictions": "defer_unauth_destination"}, "454 4.7.1", RelayFault.BUSY),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
def test_postfix__that_refuses_this_client_at_rcpt(
    office: Office, postfix: Postfix, beyond: ScriptedRelay, settings: dict[str, str], answer: str, fault: RelayFault
) -> None:
    """``smtpd_delay_reject``, its default: what it has against us it says of each recipient. All wait, then leave."""
    postfix.settings(**settings)
    office.enqueue(*(draft(recipient=f"ce.031000{number}h@ac-toulouse.fr") for number in range(5)))
    sender = through(office, postfix)
    for _ in range(6):
        assert office.send(sender) == 0
        assert sender.pause
        assert (sender.pause.fault, sender.pause.reply[:9]) == (fault, answer)
        office.clock.advance(hours=4)
    assert {(mail.stage, mail.attempts) for mail in office.mails()} == {(Stage.PENDING, 0)}
    postfix.settings()
    assert office.send(sender) == 5
    assert sender.pause is None
    for mail in office.mails():
        arrived(beyond, mail)


@pytest.mark.rule("R70")
def test_postfix__stopped_then_started_again(office: Office, postfix: Postfix, beyond: ScriptedRelay) -> None:
    office.enqueue(draft(), draft())
    postfix.stop()
    sender = through(office, postfix)
    assert office.send(sender) == 0
    assert sender.pause
    assert {(mail.stage, mail.attempts) for mail in office.mails()} == {(Stage.PENDING, 0)}
    postfix.start()
    office.clock.advance(minutes=10)
    assert office.send(sender) == 2
    assert sender.pause is None
    for mail in office.mails():
        arrived(beyond, mail)


def test_starttls__of_postfix_itself(office: Office, postfix: Postfix, beyond: ScriptedRelay, tmp_path: Path) -> None:
    certificate = certificates.certificate(tmp_path)
    postfix.settings(
        smtpd_tls_security_level="encrypt",
        smtpd_tls_cert_file=str(certificate.pem),
        smtpd_tls_key_file=str(certificate.key),
        smtpd_tls_received_header="yes",
    )
    office.enqueue(draft())
    in_clear = through(office, postfix)
    assert office.send(in_clear) == 0
    assert in_clear.pause
    office.clock.advance(minutes=10)
    safe = through(office, postfix, relay={"security": "starttls"}, tls_context=certificate.client())
    assert office.send(safe) == 1
    received = arrived(beyond, office.only(Kind.DECLARED)).message["Received"]
    assert "using TLSv1" in received
    assert "ESMTPS" in received


@pytest.mark.rule("R58")
def test_message__too_big_for_postfix_is_dead(office: Office, postfix: Postfix) -> None:
    postfix.settings(message_size_limit="600")
    office.enqueue(draft())
    office.send(through(office, postfix))
    mail = office.only(Kind.DECLARED)
    assert (mail.stage, mail.fault) == (Stage.DEAD, Fault.MESSAGE_REFUSED)
    assert (mail.last_reply or "").startswith("552 5.3.4")
