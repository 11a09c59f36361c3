"""/rectorat/connexions: everybody's open sessions, each ended by an operator, or all of somebody's at once (R107)."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from portal.web.context import Context, Operator, Posted
from portal.web.forms import LONGEST_FILTER, address
from states.french import plural
from states.validation import storable
from workflow.auth.access import SessionFilters, SessionUnknown

SESSIONS_PATH: Final = "/rectorat/connexions"

PAGE_SIZE: Final = 50

router = APIRouter(prefix=SESSIONS_PATH, include_in_schema=False)


@dataclass(frozen=True)
class SessionQuery:
    """The filters as the address bears them. ``de``: an address or an UAI, whose sessions alone are shown."""

    de: Annotated[str, Query(max_length=LONGEST_FILTER)] = ""
    mots: Annotated[str, Query(max_length=LONGEST_FILTER)] = ""

    def address(self, after: int | None = None) -> str:
        return address(SESSIONS_PATH, **vars(self), suite=str(after) if after else None)


@router.get("")
def show_sessions(
    request: Request, context: Context, visitor: Operator, query: Annotated[SessionQuery, Depends()],
    suite: Annotated[int | None, Query(ge=1, le=2**31)] = None,
) -> HTMLResponse:  # fmt: skip
    """List the open sessions, the newest first."""
    filters = SessionFilters(of=query.de, words=query.mots)
    sessions = context.app.open_sessions.all(visitor.actor, filters, limit=PAGE_SIZE + 1, after=suite)
    return context.pages.page(
        request, "rectorat/sessions.html", visitor, sessions=sessions[:PAGE_SIZE], query=query,
        own=visitor.session_user.number, first=query.address() if suite else None,
        more=query.address(sessions[PAGE_SIZE - 1].number) if len(sessions) > PAGE_SIZE else None,
    )  # fmt: skip


@router.post("/fin")
def end_all(context: Context, visitor: Operator, data: Posted) -> Response:
    """End every session of the address or the establishment that the list shows alone."""
    of = storable(str(data.get("de") or "")[:LONGEST_FILTER]).strip()
    if not of:
        return RedirectResponse(SESSIONS_PATH, status_code=303)
    ended = context.app.open_sessions.end_all_of(of, visitor.actor)
    sentence = plural(ended, "connexion a pris fin", "connexions ont pris fin") if ended else "aucune n'était ouverte"
    return context.success_messages.redirect(visitor, address(SESSIONS_PATH, de=of), sentence)


@router.post("/{number}/fin")
def end_session(context: Context, visitor: Operator, number: int, data: Posted) -> Response:
    """End a session; one that is over already is over."""
    back = address(SESSIONS_PATH, de=storable(str(data.get("de") or "")[:LONGEST_FILTER]).strip())
    try:
        context.app.open_sessions.end(number, visitor.actor)
    except SessionUnknown:
        return RedirectResponse(back, status_code=303)
    return context.success_messages.redirect(visitor, back, "cette connexion a pris fin")
