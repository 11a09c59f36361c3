"""The outermost door: no body beyond what is useful, and no failure that tells more than itself."""

import logging
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.api.problems import answer, of_form, problem_of

LARGEST: Final = 1_000_000
_log = logging.getLogger("oda")


class Bounded:
    """Refuses a body of more than ``LARGEST`` bytes, announced or not; answers for what nobody foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > LARGEST:
            await too_large()(scope, receive, send)
            return
        await self._watched(scope, receive, send)

    async def _watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        received, started = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST:
                raise HTTPException(413)
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except Exception as error:
            _log.error("interface %s: %s", getattr(scope.get("route"), "path", "?"), type(error).__name__)
            if started:
                raise
            await unforeseen()(scope, receive, send)


def too_large() -> ASGIApp:
    """413."""
    reason = of_form("too_large", "Le corps dépasse 1 Mo", "Envoyer moins de commandes à la fois.")
    return answer(problem_of([reason], 413), {"Connection": "close"})


def unforeseen() -> ASGIApp:
    """500, without a detail."""
    reason = of_form("unforeseen", "Une erreur imprévue empêche de répondre", "Recommencer ; si cela dure, l'écrire.")
    return answer(problem_of([reason], 500))
