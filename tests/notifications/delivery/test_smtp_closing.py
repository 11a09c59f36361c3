"""Once we hang up nothing lingers: not the line, and not the rest of a message that nobody counts any more."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from notifications.delivery import smtp
from notifications.delivery.smtp import RelayConnection
from notifications.outbox.retry import SendOutcome, SendResult
from tests.kit import certificates
from tests.kit.factories import MAILBOX
from tests.kit.smtp import Fault, ScriptedRelay
from tests.notifications.office import mail_settings

PATIENCE = 0.3
HUGE = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 8_000_000
"""More than a socket's buffers take while nobody reads."""


def line_after(
    relay: ScriptedRelay, message: bytes, tls: Any = None, **account: Any
) -> tuple[SendResult, socket.socket]:
    """What came of a message to this relay, and our end of the line once we have hung up."""
    settings = mail_settings(relay.port, relay=account)
    settings = settings.model_copy(update={"relay": settings.relay.model_copy(update={"timeout_seconds": PATIENCE})})

    line: Any = None
    connection = RelayConnection(settings, None, tls)

    async def content() -> bytes:
        nonlocal line
        assert connection._smtp
        line = connection._smtp.get_transport_info("socket")._sock  # asyncio's is a shadow of it
        return message

    async def deliver() -> SendResult:
        result = await connection.deliver(MAILBOX, content)
        await connection.close()
        await asyncio.sleep(0)
        return result

    return asyncio.run(deliver()), line


@pytest.mark.parametrize("encrypted", [False, True], ids=["in clear", "starttls"])
@pytest.mark.parametrize(
    ("script", "message", "outcome"),
    [
        ({}, b"Subject: x\r\n\r\nx\r\n", SendOutcome.SENT),
        ({"END": Fault.HANG}, b"Subject: x\r\n\r\nx\r\n", SendOutcome.UNCERTAIN),
        ({"CONTENT": Fault.HANG}, HUGE, SendOutcome.UNCERTAIN),
        ({"QUIT": Fault.HANG}, b"Subject: x\r\n\r\nx\r\n", SendOutcome.SENT),
    ],
    ids=["well", "silent", "deaf", "silent at QUIT"],
)
def test_line__is_closed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encrypted: bool, script: dict[str, Fault], message: bytes,
    outcome: SendOutcome,
) -> None:  # fmt: skip
    monkeypatch.setattr(smtp, "FORMALITY_SECONDS", PATIENCE)
    server, trusting = certificates.contexts(tmp_path) if encrypted else (None, None)
    with ScriptedRelay(starttls=server) as relay:
        for command, fault in script.items():
            relay.on(command, fault)
        result, line = line_after(relay, message, trusting, **({"security": "starttls"} if encrypted else {}))
        assert result.outcome is outcome
        assert line.fileno() == -1
        assert len(relay.received) <= 1
