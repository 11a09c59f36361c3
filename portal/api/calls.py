"""The call that is being answered: its number, which the answer and the log both hold, and why it was refused."""

import logging
import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "X-Request-Id"

_log: Final = logging.getLogger("oda")


@dataclass(slots=True)
class Call:
    """One request of a program; ``refusal`` is the code of the problem that answers it."""

    number: str = field(default_factory=lambda: secrets.token_hex(6).upper())
    refusal: str = ""


_current: Final[ContextVar[Call | None]] = ContextVar("call", default=None)


def current_call() -> Call | None:
    """The call that is being answered; None where none is, as when the description is made."""
    return _current.get()


class Numbered:
    """Outermost middleware: gives each call its number, in ``X-Request-Id``, and logs what is refused under it.

    The log has the route, never the address: an address may hold a name.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = Call()

        async def numbered_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = call.number
                if message["status"] >= 400:
                    route = getattr(scope.get("route"), "path", "?")
                    _log.info(
                        "interface %s: %s %s, %s %s",
                        call.number, scope["method"], route, message["status"], call.refusal,
                    )  # fmt: skip
            await send(message)

        token = _current.set(call)
        try:
            await self._app(scope, receive, numbered_send)
        finally:
            _current.reset(token)
