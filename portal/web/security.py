"""Security of every page: its visitor, CSRF tokens, the same-site check of forms, the addresses that one returns to."""

import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from states.model import Actor
from states.validation import is_storable
from states.vocabulary import Role
from workflow.auth.sessions import SessionUser
from workflow.settings.secrets import derived
from workflow.settings.services import is_this_machine

CSRF_FIELD: Final = "csrf"

_TOKEN_BYTES: Final = 32

LONGEST_ADDRESS: Final = 500
"""Characters of an address to return to."""

_OURS: Final = re.compile(r"/(?![/\\])[!-~]*")
"""One slash, then plain characters: a browser cannot take it for another host."""

_NOT_AGAIN: Final = ("/connexion", "/deconnexion")

_DOORS: Final = {"/rectorat": "/connexion/rectorat", "/rupn": "/connexion/rupn"}
"""The pages of signing in, by the beginning of what they lead to; an establishment's is the first."""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Somebody signed in. ``uai``: the establishment in view among those of a mailbox; empty for the rectorat.

    ``in_stead_of``: who is substituted on this page, as people read it; empty for one's own role (R114).
    """

    actor: Actor
    session_user: SessionUser
    secret: str
    uai: str = ""
    in_stead_of: str = ""

    @property
    def csrf(self) -> str:
        """A token for the forms of a page, another at each reading."""
        return csrf_of(self.secret)

    @property
    def is_chef(self) -> bool:
        return self.actor.is_establishment

    @property
    def is_rupn(self) -> bool:
        return self.actor.role is Role.RUPN

    @property
    def is_operator(self) -> bool:
        return self.actor.role is Role.OPERATOR

    @property
    def is_rectorat(self) -> bool:
        return self.actor.role in (Role.OPERATOR, Role.READER)

    @property
    def home(self) -> str:
        """The first page of this role."""
        return "/etablissement" if self.is_chef else "/rupn" if self.is_rupn else "/rectorat"


async def plain_address(request: Request) -> None:
    """Refuse an address with a character that no database can compare.

    Raises HTTPException: 404 for its path, 422 for its parameters.
    """
    if not all(is_storable(str(value)) for value in request.path_params.values()):
        raise HTTPException(404)
    if not all(is_storable(value) for _, value in request.query_params.multi_items()):
        raise HTTPException(422)


def csrf_of(session_secret: str) -> str:
    """A token of this session's forms, under a mask of its own.

    The pages are compressed: a token that never changes could be guessed from their length by who chooses a text that
    stands beside it.
    """
    mask = secrets.token_bytes(_TOKEN_BYTES)
    return (mask + _masked(bytes.fromhex(derived(session_secret, "csrf")), mask)).hex()


def has_csrf(form: FormData, session_secret: str) -> bool:
    """Return True when the form carries a token of this session; compared in constant time."""
    token = form.get(CSRF_FIELD)
    try:
        content = bytes.fromhex(token) if isinstance(token, str) else b""
    except ValueError:
        return False
    mask, masked = content[:_TOKEN_BYTES], content[_TOKEN_BYTES:]
    if len(masked) != _TOKEN_BYTES:
        return False
    return hmac.compare_digest(_masked(masked, mask), bytes.fromhex(derived(session_secret, "csrf")))


def _masked(token: bytes, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(token, mask, strict=True))


def comes_from_here(request: Request, address: str) -> bool:
    """Return True when the browser tells that one of our own pages sent this form, or tells nothing.

    ``address``: the portal's, from the settings; on this machine alone, any of its names is the same.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or is_own_origin(origin, address)


def is_told_from_here(request: Request, address: str) -> bool:
    """Return True when the browser tells that one of our own pages sent this form."""
    is_told = "sec-fetch-site" in request.headers or "origin" in request.headers
    return is_told and request.headers.get("sec-fetch-site") != "none" and comes_from_here(request, address)


def is_own_origin(origin: str, address: str) -> bool:
    """Return True when this origin is that of the portal's address."""
    return _origin(origin) == _origin(address)


def _origin(address: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of an address, which are compared; None for one that cannot be read."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    host = parts.hostname or ""
    return parts.scheme, "localhost" if is_this_machine(host) else host, port


def safe_back(path: object) -> str:
    """The path if it leads to one of our pages; empty for anything else, and for the pages of signing in themselves."""
    if not isinstance(path, str) or len(path) > LONGEST_ADDRESS or "\\" in path or not _OURS.fullmatch(path):
        return ""
    return "" if path.startswith(_NOT_AGAIN) else path


def with_back(path: str, back: str) -> str:
    """The address of a page of signing in, which remembers where to return."""
    return f"{path}?suite={quote(back, safe='/')}" if back else path


def door_of(path: str) -> str:
    """The page of signing in of whoever wants this page of ours."""
    return next((door for start, door in _DOORS.items() if path.startswith(start)), "/connexion")


def is_of_rupn(path: str) -> bool:
    """Return True for the RUPN's own page, and those below it (R113)."""
    return re.match(r"/rupn(?![^/?])", path) is not None


def page_before(request: Request, address: str) -> str:
    """The page that led here, to which its reader goes back; empty for none of ours, and for this very address."""
    before = request.headers.get("referer", "")
    if not is_own_origin(before, address):
        return ""
    parts = urlsplit(before)
    path = safe_back(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    is_here = request.method in ("GET", "HEAD", "OPTIONS") and parts.path == request.url.path
    return "" if is_here else path
