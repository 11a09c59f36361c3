"""The scripted relay seen from outside: every fault that the other tests rely on is really there."""

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.kit import certificates
from tests.kit.smtp import Answer, Fault, Late, Reply, ScriptedRelay, Slow
from tests.kit.smtp_behaviours import ConnectionsAtOnce, Greylisting, MailsPerConnection, OnlyRecipients, SizeLimit
from tests.kit.smtp_script import COMMANDS, on_the_wire

SENDER, RECIPIENT = "cles@ac-toulouse.fr", "ce.0310001h@ac-toulouse.fr"
MESSAGE = b"Subject: essai\r\nMessage-ID: <1@test>\r\n\r\nBonjour\r\n.seul\r\n"
PATIENCE = 0.3


@pytest.fixture
def relay() -> Iterator[ScriptedRelay]:
    with ScriptedRelay() as relay:
        yield relay


def client(relay: ScriptedRelay, *, patience: float = 5) -> smtplib.SMTP:
    return smtplib.SMTP(relay.host, relay.port, "test", timeout=patience)


def send(relay: ScriptedRelay, *recipients: str, patience: float = 5) -> dict[str, tuple[int, bytes]]:
    """One mail on a connection of its own; what of it was refused."""
    with closing(client(relay, patience=patience)) as smtp:
        refused = smtp.sendmail(SENDER, recipients or [RECIPIENT], MESSAGE)
        smtp.quit()
        return refused


def dialogue(relay: ScriptedRelay, *commands: bytes) -> bytes:
    """All the bytes heard while saying these, one at a time, until the relay closes or falls silent."""
    answers = b""
    with socket.create_connection((relay.host, relay.port), timeout=PATIENCE) as line:
        for words in [b"", *commands]:
            line.sendall(words)
            try:
                answers += (piece := line.recv(65536))
            except TimeoutError:
                return answers + b"(silence)"
            if not piece:
                return answers + b"(closed)"
    return answers


def upto(command: str) -> list[bytes]:
    """What a client says up to this command."""
    mail = [b"EHLO test\r\n", b"MAIL FROM:<a@b.fr>\r\n", b"RCPT TO:<c@d.fr>\r\n", b"DATA\r\n", MESSAGE + b".\r\n"]
    steps = {"CONNECT": 0, "EHLO": 1, "MAIL": 2, "RCPT": 3, "DATA": 4, "CONTENT": 5, "END": 5}
    alone = {"HELO": b"HELO test\r\n", "RSET": b"RSET\r\n", "QUIT": b"QUIT\r\n", "STARTTLS": b"STARTTLS\r\n"}
    return mail[: steps[command]] if command in steps else [alone.get(command, b"AUTH PLAIN AGEAYg==\r\n")]


REPLIES: list[Reply] = [
    "421 4.3.2 Closing",
    "451 4.3.0 Later",
    "554 5.7.1 No",
    ["550-5.7.1 No,", "550 5.7.1 and no"],
    "250",
    "299 odd",
    "999 odder",
    "no code at all",
    "550 " + "x" * 3000,
    b"550 5.1.1 caf\xe9\r\n",
    b"550 bare line feed\n",
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: str(reply)[:20])
def test_reply__is_given_as_written_at_every_command(relay: ScriptedRelay, command: str, reply: Reply) -> None:
    relay.on(command, reply)
    assert on_the_wire(reply) in dialogue(relay, *upto(command))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("fault", [Fault.DROP, Fault.DROP_UNKEPT])
def test_drop__is_a_reset(relay: ScriptedRelay, command: str, fault: Fault) -> None:
    relay.on(command, fault)
    with pytest.raises(ConnectionResetError):
        dialogue(relay, *upto(command))
    assert len(relay.received) == (command == "END" and fault is Fault.DROP)


@pytest.mark.parametrize("command", COMMANDS)
def test_close__is_polite_and_without_a_word(relay: ScriptedRelay, command: str) -> None:
    relay.on(command, Fault.CLOSE)
    assert dialogue(relay, *upto(command)).endswith(b"(closed)")


@pytest.mark.parametrize("command", ["CONNECT", "RCPT", "CONTENT", "END"])
def test_hang__is_silence(relay: ScriptedRelay, command: str) -> None:
    relay.on(command, Fault.HANG)
    assert dialogue(relay, *upto(command)).endswith(b"(silence)")


def test_noise__follows_the_right_answer(relay: ScriptedRelay) -> None:
    relay.on("MAIL", Fault.NOISE)
    answers = dialogue(relay, *upto("MAIL"), b"NOOP\r\n")
    assert b"250 2.1.0 Ok\r\n\x80\x81" in answers


def test_late__the_right_answer_after_its_time(relay: ScriptedRelay) -> None:
    relay.on("RCPT", Late(0.1))
    started = time.monotonic()
    send(relay)
    assert time.monotonic() - started >= 0.1
    relay.on("RCPT", Late(0.01, "550 5.1.1 no"))
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(relay)


@pytest.mark.parametrize("command", ["EHLO", "END"])
def test_slow__the_answer_comes_by_pieces(relay: ScriptedRelay, command: str) -> None:
    relay.on(command, Slow(0.005, piece=2))
    send(relay)
    assert relay.accepted("<1@test>") == 1


def test_slow__content_is_read_a_line_at_a_time(relay: ScriptedRelay) -> None:
    relay.on("CONTENT", Slow(0.02))
    started = time.monotonic()
    send(relay)
    assert time.monotonic() - started >= 0.02 * 5


def test_content__answered_in_the_middle_then_closed(relay: ScriptedRelay) -> None:
    relay.on("CONTENT", "552 5.3.4 Too big already")
    assert b"354 " in dialogue(relay, *upto("DATA"), MESSAGE)
    assert relay.received == []
    assert relay.transcript[-1].command == "CONTENT"


def test_data__answered_without_354_keeps_nothing(relay: ScriptedRelay) -> None:
    relay.on("DATA", "250 2.0.0 Ok")
    with pytest.raises(smtplib.SMTPDataError):
        send(relay)
    assert relay.received == []


@pytest.mark.parametrize(
    ("answer", "count"),
    [("250", 1), ("299 odd", 1), ("999 odd", 1), ("what?", 1), ("452 full", 0), ("554 no", 0), (Late(0, "452 x"), 0)],
)
def test_end__keeps_what_it_does_not_refuse(relay: ScriptedRelay, answer: Answer, count: int) -> None:
    relay.on("END", answer)
    dialogue(relay, *upto("END"))
    assert len(relay.received) == count


def test_received__is_the_message_without_its_dots(relay: ScriptedRelay) -> None:
    send(relay)
    send(relay)
    assert {got.content for got in relay.received} == {MESSAGE}
    assert relay.copies() == {"<1@test>": 2}
    assert relay.connections == 2


def test_transcript__says_who_said_what_and_no_content(relay: ScriptedRelay) -> None:
    relay.on("RCPT", "450 4.2.0 Greylisted", about=RECIPIENT)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(relay)
    send(relay)
    assert (1, f"RCPT TO:<{RECIPIENT}>", "450 4.2.0 Greylisted") in relay.transcript
    assert [exchange.command for exchange in relay.transcript if exchange.connection == 2] == [
        "CONNECT", "EHLO test", f"MAIL FROM:<{SENDER}> size={len(MESSAGE)}", f"RCPT TO:<{RECIPIENT}>", "DATA", "END",
        "QUIT",
    ]  # fmt: skip


def test_about__names_one_recipient_among_others(relay: ScriptedRelay) -> None:
    relay.on("RCPT", "550 5.1.1 no", times=None, about="x@y.fr")
    assert list(send(relay, RECIPIENT, "x@y.fr")) == ["x@y.fr"]
    relay.behave(OnlyRecipients(frozenset({RECIPIENT})))
    assert set(send(relay, RECIPIENT, "x@y.fr", "z@y.fr")) == {"x@y.fr", "z@y.fr"}
    assert relay.received[-1].recipients == (RECIPIENT,)


def test_greylisting__passes_after_its_attempts_and_pair_by_pair(relay: ScriptedRelay) -> None:
    relay.behave(Greylisting(attempts=2))
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(relay)
    send(relay)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(relay, "x@y.fr")


def test_mails_per_connection__then_421(relay: ScriptedRelay) -> None:
    relay.behave(MailsPerConnection(2))
    with closing(client(relay)) as smtp:
        for _ in range(2):
            smtp.sendmail(SENDER, [RECIPIENT], MESSAGE)
        with pytest.raises(smtplib.SMTPSenderRefused, match="Too many mails"):
            smtp.sendmail(SENDER, [RECIPIENT], MESSAGE)


def test_connections_at_once__the_next_is_refused_at_its_banner(relay: ScriptedRelay) -> None:
    relay.behave(ConnectionsAtOnce(1))
    with closing(client(relay)):
        with pytest.raises(smtplib.SMTPConnectError, match="421"):
            client(relay)
        relay.forgive()
        client(relay).close()


@pytest.mark.parametrize("offers", [None, ("8BITMIME",)])
def test_size_limit__on_the_word_or_on_the_content(relay: ScriptedRelay, offers: tuple[str, ...] | None) -> None:
    relay.offers = offers
    relay.behave(SizeLimit(20))
    refused = smtplib.SMTPDataError if offers else smtplib.SMTPSenderRefused
    with pytest.raises(refused, match="552"):
        send(relay)
    assert relay.received == []


def test_down__then_up_again_on_the_same_port(relay: ScriptedRelay) -> None:
    port = relay.port
    with closing(client(relay)) as smtp:
        relay.stop_listening()
        with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
            smtp.sendmail(SENDER, [RECIPIENT], MESSAGE)
    with pytest.raises(ConnectionRefusedError):
        client(relay)
    relay.listen_again()
    assert relay.port == port
    send(relay)


def test_helo__when_ehlo_is_unknown_as_behind_a_pix(relay: ScriptedRelay) -> None:
    relay.behind_a_pix()
    send(relay)
    assert [exchange.command.split()[0] for exchange in relay.transcript][:3] == ["CONNECT", "EHLO", "HELO"]
    assert relay.transcript[0].reply.startswith("220 ****")


def test_offers__are_what_ehlo_says() -> None:
    with ScriptedRelay(offers=("SIZE 100", "AUTH CRAM-MD5")) as relay, closing(client(relay)) as smtp:
        smtp.ehlo()
        assert {"size", "auth"} == set(smtp.esmtp_features)


@pytest.mark.parametrize(("password", "code"), [("juste", 235), ("faux", 535)])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_login__is_demanded_and_checked(password: str, code: int, mechanism: str) -> None:
    offers = (f"AUTH {mechanism}",)
    with ScriptedRelay(login=("oda", "juste"), offers=offers) as relay, closing(client(relay)) as smtp:
        smtp.ehlo()
        assert smtp.mail(SENDER)[0] == 530
        if code == 235:
            smtp.login("oda", password)
            assert smtp.mail(SENDER)[0] == 250
        else:
            with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
                smtp.login("oda", password)
        assert all(password not in exchange.command for exchange in relay.transcript)


def test_starttls__demanded_then_encrypted(tmp_path: Path) -> None:
    server, trusting = certificates.contexts(tmp_path)
    with ScriptedRelay(starttls=server) as relay, closing(client(relay)) as smtp:
        smtp.ehlo()
        assert smtp.mail(SENDER)[0] == 530
        smtp.starttls(context=trusting)
        smtp.sendmail(SENDER, [RECIPIENT], MESSAGE)
        assert len(relay.received) == 1


@pytest.mark.parametrize(
    ("changes", "why"), [({"expired": True}, "expired"), ({"host": "autre.fr"}, "mismatch"), (None, "self-signed")]
)
def test_starttls__a_certificate_that_will_not_do(tmp_path: Path, changes: dict[str, str] | None, why: str) -> None:
    pair = certificates.certificate(
        tmp_path, host=(changes or {}).get("host", "127.0.0.1"), expired="expired" in (changes or {})
    )
    trusting = pair.client() if changes else ssl.create_default_context()
    with ScriptedRelay(starttls=pair.server()) as relay, closing(client(relay)) as smtp:
        with pytest.raises(ssl.SSLCertVerificationError, match=why):
            smtp.starttls(context=trusting)
        assert relay.received == []


@pytest.mark.parametrize("answer", ["454 4.7.0 Not now", "502 5.5.1 No", Fault.NOISE])
def test_starttls__refused_or_garbled(tmp_path: Path, answer: Answer) -> None:
    server, trusting = certificates.contexts(tmp_path)
    with ScriptedRelay(starttls=server) as relay, closing(client(relay)) as smtp:
        relay.on("STARTTLS", answer)
        with pytest.raises((smtplib.SMTPResponseException, ssl.SSLError, ConnectionError)):
            smtp.starttls(context=trusting)


def test_latency__before_each_answer() -> None:
    with ScriptedRelay(latency=0.02) as relay:
        started = time.monotonic()
        send(relay)
        assert time.monotonic() - started >= 0.02 * 7
