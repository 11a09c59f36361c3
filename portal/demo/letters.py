"""The mailbox of everybody: what a relay of this very machine has received, by real SMTP."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from notifications.loopback import LoopbackRelay, Received


@dataclass(frozen=True)
class Piece:
    """A file that came with a mail."""

    filename: str
    kind: str
    content: bytes


class Letter:
    """A mail as it arrived; read when it is looked at. ``number`` counts from 1 in the order of arrival."""

    def __init__(self, number: int, received: Received) -> None:
        self.number = number
        self._received = received

    @cached_property
    def _message(self) -> EmailMessage:
        return self._received.message

    @property
    def recipient(self) -> str:
        return ", ".join(self._received.recipients)

    @cached_property
    def subject(self) -> str:
        return str(self._message["Subject"] or "")

    @cached_property
    def sender(self) -> str:
        return str(self._message["From"] or "")

    @cached_property
    def dated(self) -> datetime:
        return parsedate_to_datetime(str(self._message["Date"]))

    @property
    def text(self) -> str:
        return self._received.text

    @property
    def html(self) -> str:
        part = self._message.get_body(("html",))
        return str(part.get_content()) if part else ""

    @property
    def pieces(self) -> list[Piece]:
        """The files joined to it."""
        return [
            Piece(part.get_filename() or "piece", part.get_content_type(), _bytes(part.get_content()))
            for part in self._message.iter_attachments()
        ]

    def links(self, address: str) -> list[str]:
        """The addresses of this portal that the text gives."""
        return [word for word in self.text.split() if word.startswith(f"{address}/")]


def _bytes(content: Any) -> bytes:
    return content if isinstance(content, bytes) else str(content).encode()


class Mailbox(LoopbackRelay):
    """``refused``: addresses that it does not know, so that there are undeliverable mails to look at."""

    def __init__(self, refused: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._refused = refused
        self._letters: list[Letter] = []
        self._reading = threading.Lock()

    async def handle_RCPT(self, *asked: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a recipient, or refuse it for good."""
        _, _, envelope, address, _ = asked
        if address in self._refused:
            return "550 5.1.1 Boite inconnue"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    def letters(self, keep: Callable[[Letter], bool] = lambda _: True) -> list[Letter]:
        """The mails that arrived, the last first."""
        with self._reading:
            for received in self.received[len(self._letters) :]:
                self._letters.append(Letter(len(self._letters) + 1, received))
        return [letter for letter in reversed(self._letters) if keep(letter)]

    def letter(self, number: int) -> Letter | None:
        """One of them; None when there is none of that number."""
        self.letters()
        return self._letters[number - 1] if 0 < number <= len(self._letters) else None
