"""Who looks at a page, and the doors of the routers: each says who may enter, and a test tries every address."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.datastructures import FormData

from portal.web.installed import Installed
from portal.web.security import CSRF_FIELD, comes_from_here, csrf_of, is_same
from states.actors import Actor
from states.vocabulary import Role
from workflow.doors.sessions import Entrant
from workflow.people import NotAllowed

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


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Somebody signed in. ``uai``: the establishment in view among those of a mailbox; empty for the rectorat."""

    actor: Actor
    entrant: Entrant
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
        """Where somebody of this role starts."""
        return "/etablissement" if self.is_chef else "/rectorat"


def installed(request: Request) -> Installed:
    """The assembled software that this application serves."""
    found: Installed = request.app.state.installed
    return found


Here = Annotated[Installed, Depends(installed)]


def entrant_of(request: Request, here: Here) -> tuple[Entrant, str] | None:
    """Who the cookie stands for, with its secret; None for nobody."""
    secret = request.cookies.get(here.cookie)
    found = here.sessions.find(secret, here.house.clock.now()) if secret else None
    return (found, secret) if found and secret else None


SignedIn = Annotated[tuple[Entrant, str] | None, Depends(entrant_of)]


def visitor_or_none(request: Request, here: Here, signed: SignedIn) -> Visitor | None:
    """Who looks, on pages that are open to all; somebody who may not enter any more is nobody."""
    if signed is None:
        return None
    entrant, secret = signed
    try:
        actor = here.sessions.actor(entrant)
    except NotAllowed:
        return None
    uais = entrant.uais
    wanted = request.cookies.get(here.uai_cookie, "")
    uai = wanted if wanted in uais else (uais[0] if uais else "")
    return Visitor(actor=actor, entrant=entrant, secret=secret, uai=uai)


MaybeVisitor = Annotated[Visitor | None, Depends(visitor_or_none)]


def visitor(request: Request, signed: SignedIn, found: MaybeVisitor) -> Visitor:
    """Who looks. Raises SignInNeeded, PresentationNeeded."""
    if found is None:
        if signed and not signed[0].has_presented_itself:
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
