"""A real SMTP server on the loopback whose answers a test writes: refusals, lost connections, silence."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

from notifications.loopback import LoopbackRelay


class Fault(Enum):
    """What may happen instead of an answer."""

    DROP = "the connection is cut"
    HANG = "nothing comes"


Answer = str | Fault
ACCEPT = ""


@dataclass
class _Line:
    command: str
    answer: Answer
    left: int | None
    about: str | None

    def matches(self, command: str, about: str) -> bool:
        return self.command == command and self.left != 0 and self.about in (None, about)


class ScriptedRelay(LoopbackRelay):
    """Answers as told, else accepts. The commands are CONNECT, MAIL, RCPT, DATA, CONTENT and END.

    CONNECT is the banner; DATA the answer to the command; CONTENT what comes once 354 is given; END the answer to
    the final dot: a DROP there keeps the message, as a relay does that took it and died.
    """

    def __init__(
        self,
        *,
        tls_context: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(tls_context=tls_context)
        self.connections = 0
        self.before_end: Callable[[], None] | None = None
        self._starttls = starttls
        self._login = login
        self._script: list[_Line] = []

    def on(self, command: str, answer: Answer, *, times: int | None = 1, about: str | None = None) -> None:
        """The next ``times`` such commands (None: all) get this answer; ``about`` names the address concerned."""
        self._script.append(_Line(command, answer, times, about))

    def forgive(self) -> None:
        """Accept everything from now on."""
        self._script.clear()

    def answer(self, command: str, about: str = "") -> Answer:
        for line in self._script:
            if line.matches(command, about):
                line.left = line.left - 1 if line.left else line.left
                return line.answer
        return ACCEPT

    def session(self) -> SMTP:
        self.connections += 1
        return _Session(
            self,
            hostname="loopback",
            loop=self._loop,
            tls_context=self._starttls,
            require_starttls=self._starttls is not None,
            auth_require_tls=False,
            authenticator=self._authenticate if self._login else None,
        )

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self._login, handled=False)

    async def handle_MAIL(  # noqa: N802  aiosmtpd's name, as the three below
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        status = await server.obey(self.answer("MAIL", address))
        if not status:
            envelope.mail_from = address
        return status or "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        status = await server.obey(self.answer("RCPT", address))
        if not status:
            envelope.rcpt_tos.append(address)
        return status or "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.before_end:
            self.before_end()
        answer = self.answer("END", *envelope.rcpt_tos)
        if not isinstance(answer, str) or not answer:
            await super().handle_DATA(server, session, envelope)
        return await server.obey(answer) or "250 2.0.0 Ok"


class _Session(SMTP):
    """One connection that follows the script."""

    async def obey(self, answer: Answer) -> str:
        if answer is Fault.DROP and isinstance(self.transport, asyncio.Transport):
            self.transport.abort()
        if isinstance(answer, Fault):
            await asyncio.sleep(3600)
        return answer if isinstance(answer, str) else ""

    async def _handle_client(self) -> None:
        answer = self.event_handler.answer("CONNECT")
        status = await self.obey(answer)
        if status:
            await self.push(status)
            self._writer.close()
            return
        await super()._handle_client()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        recipients = self.envelope.rcpt_tos if self.envelope else []
        status = await self.obey(self.event_handler.answer("DATA", *recipients))
        if status:
            await self.push(status)
            return
        cut = self.event_handler.answer("CONTENT", *recipients)
        if cut:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self.obey(cut)
        await super().smtp_DATA(arg)
