"""Security of every page: the visitor, response headers, CSRF tokens, the same-site check of forms."""

import hmac
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import FormData, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from states.model import Actor
from states.validation import is_storable
from states.vocabulary import Role
from workflow.auth.rate_limit import derived
from workflow.auth.sessions import SessionUser


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Somebody signed in. ``uai``: the establishment in view among those of a mailbox; empty for the rectorat."""

    actor: Actor
    session_user: SessionUser
    secret: str
    uai: str = ""

    @property
    def csrf(self) -> str:
        """The token that every form of a page carries."""
        return csrf_of(self.secret)

    @property
    def is_chef(self) -> bool:
        return self.actor.is_establishment

    @property
    def is_operator(self) -> bool:
        return self.actor.role is Role.OPERATOR

    @property
    def is_rectorat(self) -> bool:
        return self.actor.role in (Role.OPERATOR, Role.READER)

    @property
    def home(self) -> str:
        """The first page of this role."""
        return "/etablissement" if self.is_chef else "/rectorat"


HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


HSTS: Final = "max-age=31536000"


CSRF_FIELD: Final = "csrf"


class Headers:
    """Middleware that sets the headers of every answer; no cache keeps a page, for it holds names."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._fixed = HEADERS | ({"Strict-Transport-Security": HSTS} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._fixed.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def plain_address(request: Request) -> None:
    """Refuse an address with a character that no database can compare.

    Raises HTTPException: 404 for its path, 422 for its parameters.
    """
    if not all(is_storable(str(value)) for value in request.path_params.values()):
        raise HTTPException(404)
    if not all(is_storable(value) for _, value in request.query_params.multi_items()):
        raise HTTPException(422)


def csrf_of(session_secret: str) -> str:
    """The token of this session's forms."""
    return derived(session_secret, "csrf")


def has_csrf(form: FormData, expected: str) -> bool:
    """Return True when the form carries the session's token; compared in constant time."""
    token = form.get(CSRF_FIELD)
    return isinstance(token, str) and hmac.compare_digest(token.encode(), expected.encode())


def comes_from_here(request: Request) -> bool:
    """Return True when the browser tells that one of our own pages sent this form, or tells nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
