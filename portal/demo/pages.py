"""The pages of the demonstration: where it starts, who one is, what day it is."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from portal.demo.showing import Showing
from portal.web.installed import Installed
from portal.web.sign_in import cookies
from portal.web.visitors import Here, MaybeVisitor, PostedByAnyone, SignedIn
from workflow.doors.sessions import Entrant

router = APIRouter(prefix="/demonstration", include_in_schema=False)


def showing_of(here: Installed) -> Showing:
    """The demonstration behind these pages; they are in no application that has none."""
    if not isinstance(here.demo, Showing):
        raise HTTPException(404)
    return here.demo


@router.get("")
def start(request: Request, here: Here, visitor: MaybeVisitor) -> HTMLResponse:
    """What there is to see, and what the moves of the clock did."""
    return here.pages.page(request, "demo/start.html", visitor, showing=showing_of(here))


@router.get("/barre.css")
def style() -> Response:
    """The bar's look."""
    css = files("portal.demo").joinpath("bar.css").read_text(encoding="utf-8")
    return Response(css, media_type="text/css")


@router.post("/qui")
def be_somebody(here: Here, form: PostedByAnyone) -> RedirectResponse:
    """Sign in as somebody of the story, or as nobody."""
    who = str(form.get("qui") or "")
    if who == "personne":
        leaving = RedirectResponse("/demonstration", status_code=303)
        cookies.take_away(leaving, here)
        return leaving
    entrant = showing_of(here).entrant(who)
    if entrant is None:
        raise HTTPException(422)
    return signed_in(here, entrant, "/etablissement" if entrant.is_establishment else "/rectorat")


@router.post("/temps")
def move(here: Here, signed: SignedIn, form: PostedByAnyone) -> RedirectResponse:
    """Move the clock; whoever was signed in still is, however long it took."""
    if not showing_of(here).jump(str(form.get("pas") or "")):
        raise HTTPException(422)
    place = "/demonstration#temps"
    return signed_in(here, signed[0], place) if signed else RedirectResponse(place, status_code=303)


def signed_in(here: Installed, entrant: Entrant, place: str) -> RedirectResponse:
    """Lead there with a new session of this person."""
    with here.house.database.write() as connection:
        secret = here.sessions.open(connection, entrant, here.house.clock.now())
    leading = RedirectResponse(place, status_code=303)
    cookies.take_away(leading, here)
    cookies.give(leading, here, secret)
    return leading
