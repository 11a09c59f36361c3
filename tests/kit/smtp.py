"""A real SMTP server on the loopback whose answers a test writes: refusals, lost connections, silence, slowness."""

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from email import policy
from email.parser import BytesHeaderParser
from types import TracebackType
from typing import NamedTuple, Self

from portal.demo.mail_server import HOST, ReceivedMail
from tests.kit.ports import free_port
from tests.kit.smtp_behaviours import pix_banner
from tests.kit.smtp_script import ACCEPT, COMMANDS, Answer, Behaviour, Fault, Late, Line, Reply, Slow, Visit
from tests.kit.smtp_session import Session
from tests.kit.smtp_wire import Wire

__all__ = ["ACCEPT", "COMMANDS", "Answer", "Exchange", "Fault", "Late", "Reply", "ScriptedRelay", "Slow", "message_id"]


class Exchange(NamedTuple):
    """One exchange: the connection's number from 1, the client's line (never a password), the reply or the fault,
    written down before it is given."""

    connection: int
    command: str
    reply: str


class ScriptedRelay:
    """Answers as told, else accepts, and keeps what it accepts; a context manager, whose ``port`` is then known.

    ``received`` and ``transcript`` grow while it runs. What is scripted comes first, then what its behaviours say,
    then the right answer. ``before_end`` is called when a message is there and not answered yet.
    """

    host = HOST

    def __init__(
        self,
        *,
        tls_context: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        offers: Sequence[str] | None = None,
        latency: float = 0.0,
    ) -> None:
        """``tls_context`` speaks TLS from the first byte; ``starttls`` and ``login``, given, are demanded.

        ``offers`` are the lines of EHLO, None for the usual ones; ``latency`` is the wait before each answer, seconds.
        """
        self.port = free_port()
        self.latency = latency
        self.starttls = starttls
        self.login = login
        self.offers = offers
        self.connections = 0
        self.received: list[ReceivedMail] = []
        self.transcript: list[Exchange] = []
        self.before_end: Callable[[], None] | None = None
        self._tls_context = tls_context
        self._script: list[Line] = []
        self._behaviours: list[Behaviour] = []
        self._wires: set[Wire] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.listen_again()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_listening()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def on(self, command: str, answer: Answer, *, times: int | None = 1, about: str | None = None) -> None:
        """The next ``times`` such commands (None: all) get this answer; ``about`` names the address concerned."""
        self._script.append(Line(command, answer, times, about))

    def behave(self, *behaviours: Behaviour) -> None:
        """Add behaviours of ``tests.kit.smtp_behaviours``, asked in turn when the script has nothing to say."""
        self._behaviours.extend(behaviours)

    def behind_a_pix(self) -> None:
        """As through an old firewall's fixup: stars for a banner, and EHLO reaches the server as XXXX."""
        self.on("CONNECT", pix_banner(), times=None)
        self.on("EHLO", '500 5.5.1 Command unrecognized: "XXXX"', times=None)

    def forgive(self) -> None:
        """Accept everything from now on."""
        self._script.clear()
        self._behaviours.clear()

    def stop_listening(self) -> None:
        """Be down: refuse new connections, cut those that there are."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)

    def listen_again(self) -> None:
        """Be up again, on the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def accepted(self, message_id: str) -> int:
        """How many copies of this mail were kept."""
        return self.copies()[message_id]

    def copies(self) -> Counter[str]:
        """How many copies of each mail were kept, by Message-ID."""
        return Counter(message_id(got.content) for got in list(self.received))

    def answer(self, command: str, *about: str, visit: Visit) -> Answer:
        """What the script, else a behaviour, says to this command."""
        visit.open = len(self._wires)
        for line in list(self._script):
            if line.serves(command, about):
                return line.answer
        answers = (behave(command, address, visit) for behave in list(self._behaviours) for address in about or ("",))
        return next((answer for answer in answers if answer), ACCEPT)

    def extensions(self, *, encrypted: bool) -> Sequence[str]:
        """What EHLO offers."""
        if self.offers is not None:
            return self.offers
        secure = ["STARTTLS"] if self.starttls and not encrypted else []
        known = ["AUTH PLAIN LOGIN"] if self.login and not secure else []
        return ["PIPELINING", "SIZE 33554432", "8BITMIME", "ENHANCEDSTATUSCODES", *secure, *known]

    def keep(self, visit: Visit) -> None:
        """Keep the message that a connection has given."""
        self.received.append(ReceivedMail(visit.sender or "", tuple(visit.recipients), visit.content))

    def note(self, visit: Visit, command: str, reply: str) -> None:
        """Write an exchange down."""
        self.transcript.append(Exchange(visit.number, command, reply))

    async def _listen(self) -> None:
        # Wires want the running loop, hence a factory that is called in it.
        self._server = await self._loop.create_server(
            lambda: Wire(self._serve), HOST, self.port, ssl=self._tls_context, reuse_address=True
        )

    async def _serve(self, wire: Wire) -> None:
        self.connections += 1
        self._wires.add(wire)
        visit = Visit(number=self.connections, encrypted=self._tls_context is not None)
        try:
            await Session(self, wire, visit).serve()
        finally:
            self._wires.discard(wire)

    async def _stop(self) -> None:
        if self._server:
            for socket in self._server.sockets:
                self._loop.remove_reader(socket.fileno())
            await asyncio.sleep(0)  # asyncio leaks a connection that was accepted just before its server is closed
            self._server.close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for wire in list(self._wires):
                wire.drop()
                if wire.task:
                    wire.task.cancel()
            await asyncio.wait(others, timeout=0.01)
        await asyncio.sleep(0)


def message_id(content: bytes) -> str:
    """The Message-ID of a message, empty when it has none."""
    header = content.partition(b"\r\n\r\n")[0]  # what follows may be long: the papers
    return str(BytesHeaderParser(policy=policy.default).parsebytes(header)["Message-ID"] or "")
