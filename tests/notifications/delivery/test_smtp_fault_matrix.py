"""Every command of the dialogue against every way to fail: what must hold of the mail whatever the relay does."""

from pathlib import Path
from typing import Any

import pytest

from notifications import encryption
from notifications.delivery import smtp
from notifications.settings import MailSettings
from notifications.vocabulary import Erasure, Kind, Mail, Stage
from tests.kit import certificates
from tests.kit.factories import REFERENCE
from tests.kit.smtp import ACCEPT, Answer, Fault, Late, ScriptedRelay, Slow
from tests.kit.smtp_behaviours import ConnectionsAtOnce, Greylisting, MailsPerConnection, SizeLimit
from tests.kit.smtp_script import COMMANDS, Behaviour, Visit
from tests.notifications import office as rooms
from tests.notifications.office import Office, draft

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

RELAY_LEVEL = ("CONNECT", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL")
"""Refusals there are of no mail in particular: none pays for them with an attempt (R70)."""

IMPATIENCE = 0.1
LATE = 2.5
"""Seconds after which an answer is too late for a storm's patience too, which is a second: ``tests.kit``."""
ANSWERS: dict[str, Answer] = {
    **{code: f"{code} 4.0.0 For now" for code in ("421", "450", "451", "452", "454")},
    **{code: f"{code} 5.0.0 For good" for code in ("500", "502", "503", "530", "535", "550", "552", "554")},
    "several lines": ["550-5.7.1 For good,", "550 5.7.1 and more"],
    "250 without text": "250",
    "250": "250 2.0.0 Ok",
    "252": "252 2.1.5 Perhaps",
    "299": "299 2.9.9 Odd",
    "354": "354 Go on",
    "999": "999 9.9.9 Odder",
    "no code": "what is this?",
    "not ASCII": b"550 5.1.1 destinataire refus\xe9\r\n",
    "3000 characters": "550 5.7.1 " + "x" * 3000,
    "bare line feed": b"450 4.2.0 later\n",
    "drop": Fault.DROP,
    "drop, unkept": Fault.DROP_UNKEPT,
    "close": Fault.CLOSE,
    "noise": Fault.NOISE,
    "hang": Fault.HANG,
    "too late": Late(LATE),
    "in pieces": Slow(0.001, 4),
}
_UNFAIR = {
    ("DATA", "354"): "the right answer",
    ("HELO", "noise"): "as after EHLO",
    # Nobody can tell this lie from the truth: the whole message is on its way when the answer comes.
    **{("CONTENT", name): "accepted and thrown away" for name in ("250", "250 without text", "252", "299")},
}
CELLS = [
    pytest.param(command, name, id=f"{command}-{name}")
    for command in COMMANDS
    for name in ANSWERS
    if command != "RSET" and (command, name) not in _UNFAIR
]


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where silence is awaited, settings more impatient than the whole seconds that a person may set."""
    usual = rooms.mail_settings

    def hasty(port: int, **changes: Any) -> MailSettings:
        settings = usual(port, **changes)
        relay = settings.relay.model_copy(update={"timeout_seconds": IMPATIENCE})
        return settings.model_copy(update={"relay": relay})

    if {"hang", "too late"} & {str(value) for value in request.node.callspec.params.values()}:
        monkeypatch.setattr(rooms, "mail_settings", hasty)
        monkeypatch.setattr(smtp, "FORMALITY_SECONDS", IMPATIENCE)


def recover(office: Office, **changes: Any) -> Mail:
    """The relay is well again, and time passes until a whole round has nothing to do: what has become of the mail."""
    office.relay.forgive()
    for _ in range(4):
        office.clock.advance(hours=5)
        sent = office.send(office.another(**changes))
        mail = office.only(Kind.DECLARED)
        if not sent and mail.next_attempt_at is None:
            break
    return mail


def holds(relay: ScriptedRelay, mail: Mail) -> None:
    """What must be true of a mail once the trouble is over."""
    copies = relay.accepted(mail.message_id or "?")
    assert mail.stage in (Stage.SENT, Stage.DEAD, Stage.UNCERTAIN), "it is stuck"
    assert mail.lease_token is None
    if mail.stage is Stage.SENT:
        assert copies >= 1, "sent, and the server has nothing"
    else:
        assert mail.fault, "nobody can tell why"
    assert copies <= 1 or mail.doubted_at, "a second copy that nobody counted"


@pytest.mark.rule("R70")
@pytest.mark.parametrize(("command", "name"), CELLS)
def test_matrix__no_mail_is_lost_nor_doubled_unknown(office: Office, tmp_path: Path, command: str, name: str) -> None:
    server, trusting = certificates.contexts(tmp_path) if command == "STARTTLS" else (None, None)
    login = ("oda", "juste") if command == "AUTH" else None
    changes: dict[str, Any] = {"tls_context": trusting} if server else {"password": "juste"} if login else {}
    account = {"username": "oda"} if login else {"security": "starttls"} if server else {}
    with ScriptedRelay(starttls=server, login=login) as relay:
        office.relay = relay
        office.enqueue(draft())
        if command == "HELO":
            relay.on("EHLO", "502 5.5.1 Not known", times=None)
        relay.on(command, ANSWERS[name], times=None)
        office.send(office.another(relay=account, **changes))
        struck = office.only(Kind.DECLARED)
        assert struck.stage is not Stage.SENDING
        assert command == "CONTENT" or command in {entry.command.split()[0] for entry in relay.transcript}
        copies = relay.accepted(struck.message_id or "?")
        assert copies or struck.stage is not Stage.SENT, "sent, and the server has nothing"
        # Noise that follows a right answer to MAIL is read as the answer to RCPT.
        if command in RELAY_LEVEL and struck.stage is not Stage.SENT and (command, name) != ("MAIL", "noise"):
            assert (struck.stage, struck.attempts) == (Stage.PENDING, 0)
        holds(relay, recover(office, relay=account, **changes))


@pytest.mark.rule("R62")
@pytest.mark.parametrize("name", ANSWERS)
def test_matrix__rset_after_a_code_erased_on_the_way(office: Office, name: str) -> None:
    def erase(command: str, about: str, visit: Visit) -> Answer:
        if command == "RCPT" and about == coded.recipient:
            with office.database.write() as connection:
                encryption.erase(connection, [REFERENCE], Erasure.REVOKED, office.clock.now())
        return ACCEPT

    coded = office.issue()
    office.enqueue(draft())
    office.relay.behave(erase)
    office.relay.on("RSET", ANSWERS[name], times=None)
    office.send(office.another(connections=1))
    assert "RSET" in {entry.command for entry in office.relay.transcript}
    recover(office)
    assert {mail.kind: mail.stage for mail in office.mails()} == {
        Kind.CODE_ISSUED: Stage.CANCELLED,
        Kind.DECLARED: Stage.SENT,
    }
    assert len(office.relay.received) == 1


@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "HELO", "MAIL"])
@pytest.mark.parametrize("name", ["451", "554", "drop"])
def test_matrix__once_and_a_relay_that_recovers_has_every_mail_once(office: Office, command: str, name: str) -> None:
    office.enqueue(*(draft() for _ in range(3)))
    if command == "HELO":
        office.relay.on("EHLO", "502 5.5.1 Not known", times=None)
    office.relay.on(command, ANSWERS[name])
    for _ in range(3):
        office.send()
        office.clock.advance(hours=1)
    assert sorted(office.relay.copies().values()) == [1, 1, 1]
    assert all(mail.stage is Stage.SENT for mail in office.mails())


@pytest.mark.parametrize(
    ("behaviour", "attempts"),
    [
        (Greylisting(attempts=3), {4}),
        (MailsPerConnection(1), {1}),
        (ConnectionsAtOnce(1), {1}),
        (SizeLimit(10), {1}),
    ],
    ids=lambda behaviour: type(behaviour).__name__,
)
def test_behaviour__of_real_relays(office: Office, behaviour: Behaviour, attempts: set[int]) -> None:
    office.enqueue(*(draft(recipient=f"ce.031000{n}h@ac-toulouse.fr") for n in range(5)))
    office.relay.behave(behaviour)
    for _ in range(8):
        office.send()
        office.clock.advance(hours=5)
    too_big = isinstance(behaviour, SizeLimit)
    mails = office.mails(kind=Kind.DECLARED)
    assert {mail.stage for mail in mails} == {Stage.DEAD if too_big else Stage.SENT}
    assert {mail.attempts for mail in mails} == attempts
    assert sum(office.relay.copies().values()) == (0 if too_big else 5)


def test_old_proxy__is_spoken_to_with_helo(office: Office) -> None:
    office.enqueue(draft())
    office.relay.behind_a_pix()
    assert office.send() == 1
    assert "HELO" in {entry.command.split()[0] for entry in office.relay.transcript}


@pytest.mark.rule("R70")
def test_down__then_up_again_on_the_same_port(office: Office) -> None:
    office.enqueue(draft(), draft())
    office.relay.stop_listening()
    assert office.send() == 0
    assert {mail.attempts for mail in office.mails()} == {0}
    office.relay.listen_again()
    office.clock.advance(hours=1)
    assert office.send(office.another()) == 2


@pytest.mark.rule("R70")
@pytest.mark.parametrize("changes", [{"expired": True}, {"host": "autre.fr"}], ids=["expired", "other name"])
def test_certificate__that_will_not_do_stops_all_and_sends_nothing_in_clear(
    office: Office, tmp_path: Path, changes: dict[str, Any]
) -> None:
    server, trusting = certificates.contexts(tmp_path, **changes)
    office.enqueue(draft())
    with ScriptedRelay(starttls=server) as relay:
        strict = {"relay": {"security": "starttls"}, "tls_context": trusting, "port": relay.port}
        assert office.send(office.another(**strict)) == 0
        assert relay.received == []
        assert not any(entry.command.startswith("MAIL") for entry in relay.transcript)
    assert (office.only().stage, office.only().attempts) == (Stage.PENDING, 0)
