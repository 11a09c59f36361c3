"""A relay on this very machine that keeps all it is given and sends nothing on: for the demonstration and tests."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP


HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One accepted message: its envelope, its bytes, and what they parse to."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.content, policy=policy.default)
        if not isinstance(parsed, EmailMessage):
            raise TypeError("the default policy makes EmailMessage")
        return parsed

    @property
    def text(self) -> str:
        """The plain text part, with line feeds alone."""
        part = self.message.get_body(("plain",))
        return part.get_content().replace("\r\n", "\n") if part else ""


class LoopbackRelay:
    """A real SMTP server in a thread of its own, as a context manager; ``port`` is free and known once entered."""

    host = HOST

    def __init__(self, *, tls_context: ssl.SSLContext | None = None) -> None:
        """``tls_context`` makes it speak TLS from the first byte."""
        self.port = 0
        self.received: list[ReceivedMail] = []
        self._tls_context = tls_context
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loopback-relay", daemon=True)
        self._server: asyncio.Server | None = None
        self._sessions: set[SMTP] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        listening = self._loop.create_server(self._connected, HOST, 0, ssl=self._tls_context)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def session(self) -> "SMTP":
        """The protocol of one new connection; a test kit may give another one."""
        from aiosmtpd.smtp import SMTP

        return SMTP(self, hostname="loopback", loop=self._loop)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802, ARG002  aiosmtpd's name
        """Keep the message."""
        self.received.append(ReceivedMail(envelope.mail_from, tuple(envelope.rcpt_tos), bytes(envelope.content)))
        return "250 2.0.0 Ok"

    def _connected(self) -> "SMTP":
        session = self.session()
        self._sessions.add(session)
        return session

    async def _leave(self) -> None:
        if self._server:
            self._server.close()
        for session in self._sessions:
            if isinstance(session.transport, asyncio.Transport):
                session.transport.abort()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 5)
        await asyncio.sleep(0)


@dataclass(frozen=True)
class AttachedFile:
    """A file that came with a mail."""

    filename: str
    content_type: str
    content: bytes


class Letter:
    """A mail as it arrived; read when it is looked at. ``number`` counts from 1 in the order of arrival."""

    def __init__(self, number: int, received: ReceivedMail) -> None:
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

    @cached_property
    def attachments(self) -> list[AttachedFile]:
        files = []
        for part in self._message.iter_attachments():
            content = part.get_content()
            content = content if isinstance(content, bytes) else str(content).encode()
            files.append(AttachedFile(part.get_filename() or "piece", part.get_content_type(), content))
        return files

    def links(self, address: str) -> list[str]:
        """The addresses of this portal that the text gives."""
        return [word for word in self.text.split() if word.startswith(f"{address}/")]


class Mailbox(LoopbackRelay):
    """The relay of the demonstration, whose mails can be read; it does not know the ``refused`` addresses."""

    def __init__(self, refused: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.refused = refused
        self._letters: list[Letter] = []
        self._reading = threading.Lock()

    async def handle_RCPT(self, *parameters: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a recipient, or refuse it for good."""
        _, _, envelope, address, _ = parameters
        if address in self.refused:
            return "550 5.1.1 Boite inconnue"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    def letters(self, keep: Callable[[Letter], bool] = lambda _: True) -> list[Letter]:
        """The mails that arrived and ``keep`` accepts, the last first."""
        with self._reading:
            for received in self.received[len(self._letters) :]:
                self._letters.append(Letter(len(self._letters) + 1, received))
        return [letter for letter in reversed(self._letters) if keep(letter)]

    def letter(self, number: int) -> Letter | None:
        """The mail of that number; None when there is none."""
        self.letters()
        return self._letters[number - 1] if 0 < number <= len(self._letters) else None
