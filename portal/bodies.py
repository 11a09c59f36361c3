"""Bodies of requests, bounded as a whole, in size and in time, whatever they announce, before they are read (R87)."""

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST: Final = 1_000_000
"""Bytes of a body. What Starlette puts on a disk is larger, so that nothing is ever written there."""

LARGEST_OF_ANYONE: Final = 64_000
"""Bytes of a form that anybody may send; all of this size together cost little."""

LARGEST_FILE: Final = 20_000_000
"""Bytes of the form of an import, which an operator alone sends and which is read in memory."""

LARGEST_TOGETHER: Final = 64_000_000
"""Bytes of all the larger bodies that are being received."""

RECEIVED_S: Final = 30
"""Seconds in which a body must have come whole."""

_KEY: Final = "oda.body"

WITHOUT_BODY: Final = "oda_without_body"
"""In the scope of a request whose answer is sent without its body (HEAD): no file leaves."""


class Body:
    """The body of one request while it comes. Raises HTTPException: 413, 408, 503 when too much comes at once."""

    def __init__(self, receive: Receive, announced: str, others: list["Body"]) -> None:
        self.largest = LARGEST
        self.received = 0
        self._receive, self._others, self._is_whole = receive, others, False
        self._announced = int(announced) if announced.isdecimal() else 0
        self._due_at = asyncio.get_running_loop().time() + RECEIVED_S

    async def receive(self) -> Message:
        """The next piece; once the body is whole, whatever else the server says."""
        if self._is_whole:
            return await self._receive()
        self._refuse(self._announced)
        try:
            async with asyncio.timeout_at(self._due_at):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408) from None
        self.received += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        self._refuse(self.received)
        return message

    def _refuse(self, size: int) -> None:
        if size > self.largest:
            raise HTTPException(413)
        if size > LARGEST_OF_ANYONE and sum(body.received for body in self._others) > LARGEST_TOGETHER:
            raise HTTPException(503)


def bound_to_anyone(scope: Scope) -> None:
    """Bound the body of this request to what anybody may send."""
    if body := scope.get(_KEY):
        body.largest = LARGEST_OF_ANYONE


def widen_for_file(scope: Scope) -> None:
    """Let the body of this request be as large as an import's file: to be called once an operator is known."""
    if body := scope.get(_KEY):
        body.largest = LARGEST_FILE


class BodyLimit:
    """Middleware around the whole application. What it refuses, the application words: a page, or a problem.

    The connection stays open for the rest of a body that was refused (see ``portal.connections``).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._bodies: list[Body] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = Body(receive, Headers(scope=scope).get("content-length", ""), self._bodies)
        scope[_KEY] = body
        self._bodies.append(body)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._bodies.remove(body)
