"""Who looks at a page, and the doors of the routers: each says who may enter, and a test tries every address."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from portal.web.context import WebContext
from portal.web.security import CSRF_FIELD, Visitor, comes_from_here, is_same
from workflow.auth.actors import NotAllowed
from workflow.auth.sessions import SessionUser

READING: Final = ("GET", "HEAD", "OPTIONS")


class SignInNeeded(Exception):
    """Nobody is signed in; ``back`` is where to return to."""

    def __init__(self, back: str = "") -> None:
        self.back = back


class PresentationNeeded(Exception):
    """A mailbox is signed in, and nobody has said who acts."""


class Forbidden(Exception):
    """Signed in, but not for this door."""


class Forged(Exception):
    """A form that none of our pages of this session sent."""


def context(request: Request) -> WebContext:
    """The assembled software that this application serves."""
    found: WebContext = request.app.state.context
    return found


Context = Annotated[WebContext, Depends(context)]


def session_user_of(request: Request, context: Context) -> tuple[SessionUser, str] | None:
    """Who the cookie stands for, with its secret; None for nobody."""
    secret = request.cookies.get(context.cookie)
    found = context.sessions.find(secret, context.app.clock.now()) if secret else None
    return (found, secret) if found and secret else None


SignedIn = Annotated[tuple[SessionUser, str] | None, Depends(session_user_of)]


def visitor_or_none(request: Request, context: Context, signed: SignedIn) -> Visitor | None:
    """Who looks, on pages that are open to all; somebody who may not enter any more is nobody."""
    if signed is None:
        return None
    session_user, secret = signed
    try:
        actor = context.sessions.actor(session_user)
    except NotAllowed:
        return None
    uais = session_user.uais
    wanted = request.cookies.get(context.uai_cookie, "")
    uai = wanted if wanted in uais else (uais[0] if uais else "")
    return Visitor(actor=actor, session_user=session_user, secret=secret, uai=uai)


MaybeVisitor = Annotated[Visitor | None, Depends(visitor_or_none)]


def visitor(request: Request, signed: SignedIn, found: MaybeVisitor) -> Visitor:
    """Who looks. Raises SignInNeeded, PresentationNeeded."""
    if found is None:
        if signed and not signed[0].is_identified:
            raise PresentationNeeded
        raise SignInNeeded(_back(request))
    return found


def _back(request: Request) -> str:
    """Only a page that was asked for is worth returning to."""
    if request.method not in READING:
        return ""
    return quote(f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path, safe="/")


AnyVisitor = Annotated[Visitor, Depends(visitor)]


def chef(found: AnyVisitor) -> Visitor:
    """A chef or a deputy. Raises Forbidden."""
    if not found.is_chef:
        raise Forbidden
    return found


def rectorat(found: AnyVisitor) -> Visitor:
    """An operator, or a reader who sees and changes nothing. Raises Forbidden."""
    if not found.is_rectorat:
        raise Forbidden
    return found


def operator(found: AnyVisitor) -> Visitor:
    """An operator. Raises Forbidden."""
    if not found.is_operator:
        raise Forbidden
    return found


Chef = Annotated[Visitor, Depends(chef)]


Rectorat = Annotated[Visitor, Depends(rectorat)]


Operator = Annotated[Visitor, Depends(operator)]


async def posted(request: Request, found: AnyVisitor) -> FormData:
    """The fields of a form that one of our pages of this session sent. Raises Forged."""
    form = await request.form(max_files=0, max_fields=2000)
    given = form.get(CSRF_FIELD)
    if not comes_from_here(request) or not isinstance(given, str) or not is_same(given, found.csrf):
        raise Forged
    return form


Posted = Annotated[FormData, Depends(posted)]


async def posted_by_anyone(request: Request) -> FormData:
    """The fields of a form of a public page. Raises Forged when it comes from another site."""
    if not comes_from_here(request):
        raise Forged
    return await request.form(max_files=0, max_fields=50)


PostedByAnyone = Annotated[FormData, Depends(posted_by_anyone)]


# A form with a file: read in memory, bounded, and kept nowhere.


LARGEST: Final = 1_000_000
"""Bytes of a whole form. What Starlette puts on a disk is larger, so that nothing is ever written there."""


DRAINED: Final = 50_000_000
"""Bytes that are read to be thrown away: a browser shows no answer while it is still sending."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A form that one of our pages of this session sent; ``content`` is the file's, empty without one.

    ``too_large``: nothing of it was read.
    """

    fields: FormData
    content: bytes = b""
    too_large: bool = False

    def text(self, name: str) -> str:
        """What was typed in a field; empty when it is missing."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


async def uploaded(request: Request, found: AnyVisitor) -> Upload:
    """The form, with the file of its field ``fichier``. Raises Forged, HTTPException."""
    announced = request.headers.get("content-length", "")
    if not announced.isdecimal() or int(announced) > DRAINED:
        raise HTTPException(413)
    if int(announced) > LARGEST:
        async for _ in request.stream():
            pass
        return Upload(FormData(), too_large=True)
    try:
        fields = await request.form(max_files=1, max_fields=20, max_part_size=LARGEST)
    except HTTPException:  # what no browser sends
        raise Forged from None
    file = fields.get("fichier")
    content = await file.read() if isinstance(file, UploadFile) else b""
    await fields.close()
    given = fields.get(CSRF_FIELD)
    if not comes_from_here(request) or not isinstance(given, str) or not is_same(given, found.csrf):
        raise Forged
    return Upload(fields, content)


Uploaded = Annotated[Upload, Depends(uploaded)]
