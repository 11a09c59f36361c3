"""The mailbox as pages: the mails that left by SMTP, their text, their look, their files."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from portal.demo.letters import Letter
from portal.demo.pages import showing_of
from portal.web.installed import Installed
from portal.web.security import HEADERS
from portal.web.visitors import Here, MaybeVisitor
from states.words import fold

PAGE: Final = 40
FRAMED: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-same-origin; frame-ancestors 'self'"
)
"""A mail's HTML carries its own styles, and can do nothing else."""
FRAMING: Final = f"{HEADERS['Content-Security-Policy']}; frame-src 'self'"

router = APIRouter(prefix="/demonstration/boite", include_in_schema=False)


@router.get("")
def box(
    request: Request, here: Here, visitor: MaybeVisitor, de: str = "", page: Annotated[int, Query(ge=1, le=500)] = 1
) -> HTMLResponse:
    """The mails, the last first; ``de`` keeps those of a recipient or a subject."""
    wanted = fold(de[:100])
    letters = showing_of(here).mailbox.letters(
        lambda one: wanted in fold(f"{one.recipient} {one.subject}") if wanted else True
    )
    shown = letters[(page - 1) * PAGE : page * PAGE]
    return here.pages.page(
        request, "demo/box.html", visitor, letters=shown, count=len(letters), wanted=de[:100], at=page,
        more=page * PAGE < len(letters),
    )  # fmt: skip


@router.get("/{number}")
def letter(request: Request, here: Here, visitor: MaybeVisitor, number: int) -> HTMLResponse:
    """One mail, whole."""
    one = _letter(here, number)
    links = [(address, address.removeprefix(here.settings.address)) for address in one.links(here.settings.address)]
    shown = here.pages.page(request, "demo/letter.html", visitor, letter=one, links=links, pieces=one.pieces)
    shown.headers["Content-Security-Policy"] = FRAMING
    return shown


@router.get("/{number}/html")
def looks(here: Here, number: int) -> HTMLResponse:
    """The mail's HTML, for the frame of its page."""
    return HTMLResponse(_letter(here, number).html, headers={"Content-Security-Policy": FRAMED})


@router.get("/{number}/pieces/{rank}")
def piece(here: Here, number: int, rank: int) -> Response:
    """A file that came with the mail."""
    pieces = _letter(here, number).pieces
    if not 0 <= rank < len(pieces):
        raise HTTPException(404)
    name = "".join(char for char in pieces[rank].filename if char.isascii() and (char.isalnum() or char in "-_."))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pieces[rank].content, media_type=pieces[rank].kind, headers=headers)


def _letter(here: Installed, number: int) -> Letter:
    found = showing_of(here).mailbox.letter(number)
    if found is None:
        raise HTTPException(404)
    return found
