"""The bytes under the scripted relay: lines in, bytes out, as fast or as slowly as told."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable

ENOUGH = 65536
"""Bytes held unread beyond which the client is made to wait."""
_RESET = struct.pack("ii", 1, 0)


class Gone(Exception):
    """The conversation is over, whoever ended it."""


class Wire(asyncio.Protocol):
    """One connection, served by a task of its own."""

    def __init__(self, serve: Callable[["Wire"], Awaitable[None]]) -> None:
        self._serve = serve
        self._buffer = bytearray()
        self._news = asyncio.Event()
        self._ended = False
        self._transport: asyncio.Transport | None = None
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream was expected")
        self._transport = transport
        self.task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > ENOUGH and self._transport:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self._end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    async def line(self) -> bytes:
        """The next line with its end; raises Gone when the client has left."""
        while (end := self._buffer.find(b"\n") + 1) == 0:
            await self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[:end]
        return line

    async def say(self, data: bytes, *, piece: int = 0, seconds: float = 0) -> None:
        """Send; by pieces of so many bytes, so many seconds apart, when told."""
        for start in range(0, len(data), piece or len(data) or 1):
            if start:
                await asyncio.sleep(seconds)
            if self._ended or not self._transport:
                raise Gone
            self._transport.write(data[start : start + piece] if piece else data)

    async def secure(self, context: ssl.SSLContext) -> None:
        """Shake hands; what the client said in clear after its STARTTLS is thrown away. Raises Gone on a failure."""
        self._buffer.clear()
        loop = asyncio.get_running_loop()
        try:
            assert self._transport
            safe = await loop.start_tls(self._transport, self, context, server_side=True)
        except (OSError, AssertionError):
            raise Gone from None
        if not isinstance(safe, asyncio.Transport):
            raise Gone
        self._transport = safe

    async def silence(self) -> None:
        """Say nothing until the client loses patience."""
        while True:
            self._buffer.clear()
            await self._more()

    def drop(self) -> None:
        """Cut at once: the client sees a reset."""
        if self._transport and not self._transport.is_closing():
            line = self._transport.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def close(self) -> None:
        """Close once all is sent."""
        if self._transport:
            self._transport.close()

    async def _more(self) -> None:
        if self._ended:
            raise Gone
        self._news.clear()
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()
        await self._news.wait()

    async def _run(self) -> None:
        try:
            await self._serve(self)
        except Gone:
            pass
        finally:
            self.close()

    def _end(self) -> None:
        self._ended = True
        self._news.set()
