"""The doors of these pages: somebody signed in who has perhaps not said who they are, and who holds a link."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import FormData

from portal.web.security import CSRF_FIELD, comes_from_here, csrf_of, is_same
from portal.web.visitors import Forged, SignedIn, SignInNeeded
from workflow.doors.sessions import Entrant


def mailbox(signed: SignedIn) -> tuple[Entrant, str]:
    """Who came in by the link of a mailbox, with the session's secret. Raises SignInNeeded."""
    if signed is None or not signed[0].is_establishment:
        raise SignInNeeded
    return signed


Mailbox = Annotated[tuple[Entrant, str], Depends(mailbox)]


async def posted_by_signed(request: Request, signed: SignedIn) -> FormData:
    """The fields of a form of this session, presented or not; of none, when nobody is signed in. Raises Forged."""
    form = await request.form(max_files=0, max_fields=20)
    given = form.get(CSRF_FIELD)
    if not comes_from_here(request):
        raise Forged
    if signed and not (isinstance(given, str) and is_same(given, csrf_of(signed[1]))):
        raise Forged
    return form


PostedBySigned = Annotated[FormData, Depends(posted_by_signed)]


def from_the_page(request: Request) -> None:
    """Raises Forged unless the button of the link's own page was pressed.

    That page tells nobody its address; a browser then gives ``null`` for its origin, which is believed.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise Forged
    origin = request.headers.get("origin", "null")
    if site is None and origin != "null" and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Forged


def network_address(request: Request) -> str:
    """Where the request comes from; behind a proxy, what it says when the settings trust it."""
    return request.client.host if request.client else ""


Client = Annotated[str, Depends(network_address)]
