"""/rectorat/horloge: the machines and their clocks (R82), and the word of an operator that the date is right (R52)."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from portal.web.context import Context, Operator, Posted, Rectorat, WebContext
from portal.web.security import Visitor
from workflow.auth.actors import require_operator
from workflow.database.clock import held_clock
from workflow.engine.clock_check import confirm_clock
from workflow.schedule.nodes import NodeState, gap_words, nodes

CLOCK_PATH: Final = "/rectorat/horloge"

router = APIRouter(prefix=CLOCK_PATH, include_in_schema=False)


@router.get("")
def show_clock(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """Show the date that the server believes, what makes it doubted, and each machine."""
    return _render(request, context, visitor)


@router.post("")
def confirm_date(request: Request, context: Context, visitor: Operator, _: Posted) -> Response:
    """Take an operator's word that the date is right; what waited is done at the next tick (R52)."""
    require_operator(visitor.actor, "confirmer l'horloge")
    app = context.app
    with app.database.write() as connection:
        outcome = confirm_clock(connection, app.hasher, visitor.actor, app.machine, app.clock.now())
    if outcome is None:
        return _render(request, context, visitor, is_wrong=True)
    said = "la date est confirmée, ce qui attendait reprend dans la minute" if outcome else "rien n'attendait"
    return context.success_messages.redirect(visitor, CLOCK_PATH, said)


def _render(request: Request, context: WebContext, visitor: Visitor, *, is_wrong: bool = False) -> HTMLResponse:
    """The page; ``is_wrong``: the date cannot be right, and nothing was confirmed."""
    app = context.app
    with app.database.read() as connection:
        held, machines = held_clock(connection), nodes(connection, app.clock.now())
    return context.pages.page(
        request, "rectorat/clock.html", visitor, status=422 if is_wrong else 200, held=held, machines=machines,
        is_wrong=is_wrong, gap_words=gap_words, NodeState=NodeState,
    )  # fmt: skip
