"""The open sessions of who is signed in, each ended by a button of the account's page (R107)."""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from portal.web.context import AnyVisitor, Context, Posted
from states.french import plural
from workflow.auth.access import SessionUnknown

router = APIRouter(prefix="/compte/connexions", include_in_schema=False)

NO_OTHER: Final = "il n'y avait pas d'autre connexion ouverte"


@router.post("/autres/fin")
def end_others(context: Context, visitor: AnyVisitor, _: Posted) -> Response:
    """End all of one's sessions but this one."""
    ended = context.app.open_sessions.end_others(visitor.session_user, visitor.secret, visitor.actor)
    sentence = plural(ended, "autre connexion a pris fin", "autres connexions ont pris fin") if ended else NO_OTHER
    return context.success_messages.redirect(visitor, "/compte", sentence)


@router.post("/{number}/fin")
def end_session(context: Context, visitor: AnyVisitor, number: int, _: Posted) -> Response:
    """End one of one's own sessions; one that is over already is over."""
    try:
        context.app.open_sessions.end_own(visitor.session_user, number, visitor.actor)
    except SessionUnknown:
        return RedirectResponse("/compte", status_code=303)
    return context.success_messages.redirect(visitor, "/compte", "cette connexion a pris fin")
