"""The people bound to a chef's establishments: who signs in by an identity, since when, and an end to it (R103)."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from portal.web.context import Chef, Context, Posted

PEOPLE_PATH: Final = "/etablissement/personnes"

router = APIRouter()


@router.get("/personnes")
def show_people(request: Request, context: Context, visitor: Chef) -> HTMLResponse:
    """List them, for every establishment of the session."""
    bindings = context.app.bindings.list_of(sorted(visitor.actor.establishments))
    return context.pages.page(
        request, "chef/people.html", visitor, bindings=bindings, last_day=context.app.bindings.last_day,
        places=context.links.places(visitor.session_user.uais),
    )  # fmt: skip


@router.post("/personnes/{binding}/fin")
def end_binding(context: Context, visitor: Chef, binding: int, _: Posted) -> Response:
    """End one of them, with the sessions that it opened; one that is over already is over."""
    ended = context.app.bindings.end(binding, visitor.actor)
    said = f"{ended.name} ne se connecte plus par {ended.provider}" if ended else "cet accès avait déjà pris fin"
    return context.success_messages.redirect(visitor, PEOPLE_PATH, said)
