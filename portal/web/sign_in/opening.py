"""Opening a link: a page with a button, for what opens links by itself presses none (R72)."""

from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from notifications.vocabulary import LINK_PATH
from portal.web.errors import error_page
from portal.web.installed import Installed
from portal.web.sign_in import cookies
from portal.web.sign_in.back import with_back
from portal.web.sign_in.doors import Client, from_the_page
from portal.web.visitors import Here
from workflow.doors.entrance import LinkDead, TooManyTries

router = APIRouter(prefix=LINK_PATH.rstrip("/"), include_in_schema=False)

UNTOLD: Final = {"Referrer-Policy": "no-referrer"}
"""The address of this page is a secret."""


@router.get("/{secret}")
def show(request: Request, here: Here, client: Client, secret: str) -> Response:
    """The page with the button: looking at it, however often, changes nothing."""
    if here.entrance.is_shut(client):
        return _untold(error_page(request, 429))
    found = here.links.look(secret, request.cookies.get(here.cookie, ""))
    if found is None:
        return _dead(request, here)
    opens, joins = found
    return _untold(here.pages.page(request, "sign_in/link.html", opens=opens, joins=joins))


@router.post("/{secret}", dependencies=[Depends(from_the_page)])
def come_in(request: Request, here: Here, client: Client, secret: str) -> Response:
    """Consume the link and begin a session of this browser."""
    former = request.cookies.get(here.cookie, "")
    try:
        entered = here.entrance.come_in(secret, client=client, cookie=former)
    except TooManyTries:
        return _untold(error_page(request, 429))
    except LinkDead:
        return _dead(request, here)
    place = entered.back or ("/etablissement" if entered.entrant.is_establishment else "/rectorat")
    if not entered.entrant.has_presented_itself:
        place = with_back("/connexion/qui", entered.back)
    response = _untold(RedirectResponse(place, status_code=303))
    cookies.give(response, here, entered.secret)
    return response


def _dead(request: Request, here: Installed) -> Response:
    minutes = here.settings.link_minutes
    return _untold(here.pages.page(request, "sign_in/dead.html", status=410, minutes=minutes))


def _untold(response: Response) -> Response:
    response.headers.update(UNTOLD)
    return response
