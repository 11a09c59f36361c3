"""The recording relay of the demonstration, seen by a client that is not ours."""

import smtplib
import threading
from email.message import EmailMessage

from portal.demo.mail_server import LoopbackRelay


def test_loopback__keeps_what_it_is_given_and_leaves_no_thread() -> None:
    message = EmailMessage()
    message["Subject"] = "Été"
    message.set_content("Bonjour\n.\nà tous\n")
    with LoopbackRelay() as relay, smtplib.SMTP(relay.host, relay.port, timeout=5) as client:
        client.send_message(message, "a@b.fr", ["c@d.fr"])
        (got,) = relay.received
    assert (got.sender, got.recipients, got.text) == ("a@b.fr", ("c@d.fr",), "Bonjour\n.\nà tous\n")
    assert str(got.message["Subject"]) == "Été"
    assert "loopback-relay" not in {thread.name for thread in threading.enumerate()}


def test_loopback__leaves_with_a_client_still_connected() -> None:
    with LoopbackRelay() as relay:
        client = smtplib.SMTP(relay.host, relay.port, timeout=5)
    client.close()
