"""/rectorat/liaisons: the people bound to establishments by an identity, the latest first, and an end to it (R103)."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from portal.web.context import Context, Operator, Posted, Rectorat
from portal.web.forms import address

BINDINGS_PATH: Final = "/rectorat/liaisons"

PAGE_SIZE: Final = 50

router = APIRouter(prefix=BINDINGS_PATH, include_in_schema=False)


@router.get("")
def show_bindings(
    request: Request, context: Context, visitor: Rectorat,
    suite: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> HTMLResponse:  # fmt: skip
    """List a page of them, the latest first."""
    bindings = context.app.bindings.list_latest(PAGE_SIZE + 1, before=suite)
    more = address(BINDINGS_PATH, suite=str(bindings[PAGE_SIZE - 1].number)) if len(bindings) > PAGE_SIZE else None
    return context.pages.page(
        request, "rectorat/bindings.html", visitor, bindings=bindings[:PAGE_SIZE], more=more,
        first=BINDINGS_PATH if suite else None, last_day=context.app.bindings.last_day,
    )  # fmt: skip


@router.post("/{binding}/fin")
def end_binding(context: Context, visitor: Operator, binding: int, _: Posted) -> Response:
    """End one of them, with the sessions that it opened; one that is over already is over."""
    ended = context.app.bindings.end(binding, visitor.actor)
    said = f"{ended.name} ne se connecte plus par {ended.provider}" if ended else "cet accès avait déjà pris fin"
    return context.success_messages.redirect(visitor, BINDINGS_PATH, said)
