"""A relay as lean as can be, in a process of its own: ``python -m tests.kit.relay_process --keep FILE``.

It prints its port, takes every mail, and adds the Message-ID of each to FILE before it says so. SIGTERM ends it. It is
what a benchmark measures against, and what stays alive when a sender is killed: the file tells what was accepted.
"""

import argparse
import asyncio
import re
import signal
from pathlib import Path
from typing import BinaryIO

_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n.\r\n"
_GREETING = b"220 loopback ESMTP\r\n"
_SHORT = {
    b"EHLO": b"250-loopback\r\n250-PIPELINING\r\n250-SIZE 33554432\r\n250 8BITMIME\r\n",
    b"HELO": b"250 loopback\r\n",
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"DATA": b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"NOOP": b"250 2.0.0 Ok\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}
_UNKNOWN = b"500 5.5.1 Command unrecognized\r\n"
_TAKEN = b"250 2.0.0 Ok\r\n"


class LeanRelay(asyncio.Protocol):
    """One connection; the answers to what arrived together leave together, or each ``latency`` seconds after the
    one before it."""

    def __init__(self, latency: float, keep: BinaryIO | None) -> None:
        self._latency = latency
        self._keep = keep
        self._buffer = b""
        self._searched = 0
        self._in_message = False
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream was expected")
        self._transport = transport
        self._send([_GREETING])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers: list[bytes] = []
        while (answer := self._message() if self._in_message else self._command()) is not None:
            answers.append(answer)
        if answers:
            self._send(answers)

    def _command(self) -> bytes | None:
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            return None
        self._buffer = rest
        verb = line[:4].upper()
        if verb == b"DATA":
            # The line end of DATA counts as the one before a dot: an empty message has no other.
            self._in_message, self._searched, self._buffer = True, 0, b"\r\n" + rest
        return _SHORT.get(verb, _UNKNOWN)

    def _message(self) -> bytes | None:
        end = self._buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END))
            return None
        if self._keep:
            head = self._buffer[: self._buffer.find(b"\r\n\r\n", 2, end) + 2 or end]
            named = _MESSAGE_ID.search(head)
            self._keep.write((named[1].strip() if named else b"-") + b"\n")
        self._buffer = self._buffer[end + len(_END) :]
        self._in_message = False
        return _TAKEN

    def _send(self, answers: list[bytes]) -> None:
        if not self._latency:
            self._say(b"".join(answers))
            return
        loop = asyncio.get_running_loop()
        for answer in answers:
            self._due = max(self._due, loop.time()) + self._latency
            loop.call_at(self._due, self._say, answer)

    def _say(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if data.endswith(_SHORT[b"QUIT"]):
            self._transport.close()


async def serve(port: int, latency: float, keep: Path | None) -> None:
    """Print the port, then serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Unbuffered: one write a mail, so that what was acknowledged is in the file whatever happens next.
    file = keep.open("ab", buffering=0) if keep else None
    server = await loop.create_server(lambda: LeanRelay(latency, file), "127.0.0.1", port, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stop.wait()
    server.close()
    if file:
        file.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--keep", type=Path, help="the file to which Message-IDs are added")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.latency, options.keep))


if __name__ == "__main__":
    main()
