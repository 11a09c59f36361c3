"""What every request passes before any page: the portal's own name, and HEAD wherever there is a GET."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.connections import WITHOUT_BODY
from workflow.auth.rate_limit import network_of
from workflow.auth.sign_in_links import describe_browser
from workflow.journal.stream import Origin, coming_from
from workflow.settings.infrastructure import is_this_machine

PROBES: Final = ("/vivant", "/pret", "/sante", "/metrics")
"""The addresses that a probe asks of a machine by whatever name it has: they name nobody and link to nothing."""


class KnownHosts:
    """Middleware that answers under the name of ``portal.address`` alone.

    A page served under a name that somebody else chose could be kept by a cache in between, or lend our pages to a
    host that rebinds its name. The port is not compared: a proxy may not pass it on.
    """

    def __init__(self, app: ASGIApp, *, address: str) -> None:
        self._app, self._address = app, address
        self._name = urlsplit(address).hostname or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_ours(scope):
            await self._app(scope, receive, send)
            return
        text = (
            f"Le portail ne répond pas sous ce nom. Son adresse est {self._address}\n"
            "Si c'est bien celle qui a été demandée : le serveur web placé devant lui doit transmettre l'en-tête Host"
            " (réglage portal.address).\n"
        )
        await PlainTextResponse(text, 421)(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        if any(scope["path"] == probe or scope["path"].startswith(f"{probe}/") for probe in PROBES):
            return True
        host = Headers(scope=scope).get("host", "")
        try:
            name = "" if "@" in host else urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name.rstrip(".") == self._name or (is_this_machine(name) and is_this_machine(self._name))


class OriginOfRequest:
    """Middleware that says where a request comes from, to what is recorded while it is answered (R108)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope.get("client"):
            await self._app(scope, receive, send)
            return
        browser = describe_browser(Headers(scope=scope).get("user-agent", ""))
        with coming_from(Origin(network_of(scope["client"][0]), browser)):
            await self._app(scope, receive, send)


class HeadAsGet:
    """Middleware that answers HEAD as GET, without the body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET", WITHOUT_BODY: True}, receive, send_without_body)
