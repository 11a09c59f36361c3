"""My connection: who I am here, until when, for which establishments; signing out, here or everywhere (R73)."""

from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from portal.web.forms import Form, blank
from portal.web.installed import Installed
from portal.web.sign_in import cookies
from portal.web.sign_in.asking import UAI, checked_uai
from portal.web.sign_in.doors import Client, PostedBySigned
from portal.web.visitors import AnyVisitor, Chef, Here, Posted, SignedIn, Visitor
from workflow.doors.links import Asking

router = APIRouter(include_in_schema=False)

OTHER: Final = replace(UAI, label="UAI de l'autre établissement")


@router.get("/compte")
def account(request: Request, here: Here, visitor: AnyVisitor) -> HTMLResponse:
    """What this session stands for."""
    return _page(request, here, visitor, blank((OTHER,)))


@router.post("/compte/etablissement")
def add(request: Request, here: Here, visitor: Chef, data: Posted, client: Client) -> Response:
    """Send a link to another establishment's mailbox, which adds it to this session; the answer is the same (R72)."""
    form = checked_uai(data, OTHER)
    if not form.is_right:
        return _page(request, here, visitor, form, status=422)
    asking = Asking(client=client, back="/compte", session=visitor.secret)
    here.links.for_establishment(form.values["uai"], asking)
    return RedirectResponse("/connexion/envoye", status_code=303)


@router.post("/compte/partout")
def leave_everywhere(here: Here, visitor: AnyVisitor, _: Posted) -> Response:
    """End every session of this address, or of any of these establishments."""
    here.entrance.leave_everywhere(visitor.entrant)
    return _left(here, "partout")


@router.post("/deconnexion")
def leave(here: Here, signed: SignedIn, _: PostedBySigned) -> Response:
    """End this session."""
    if signed:
        here.entrance.leave(signed[1])
    return _left(here, "ici")


def _left(here: Installed, how: str) -> Response:
    response = RedirectResponse(f"/connexion?fin={how}", status_code=303)
    cookies.take_away(response, here)
    return response


def _page(request: Request, here: Installed, visitor: Visitor, form: Form, status: int = 200) -> HTMLResponse:
    ends_at = here.sessions.ends_at(visitor.secret)
    return here.pages.page(
        request, "sign_in/account.html", visitor, status=status, form=form, ends_at=ends_at,
        places=here.links.places(visitor.entrant.uais), idle=here.settings.session_idle_minutes,
    )  # fmt: skip
