"""One request on one page for the rectorat, its papers, and every action that an operator can do of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from portal.web.actions.acting import done_by, page_of, seen
from portal.web.actions.chef import CHEF as CHEF_ACTIONS
from portal.web.actions.model import Action
from portal.web.actions.operator import OPERATOR_ACTIONS
from portal.web.actions.operator_reasons import ready_reasons
from portal.web.installed import Installed
from portal.web.rectorat import request_papers
from portal.web.rectorat.request_page import around
from portal.web.visitors import Here, Operator, Posted, Rectorat

router = APIRouter(prefix="/rectorat/demandes", include_in_schema=False)
router.include_router(request_papers.router)

_OWN: Final = frozenset(action.trigger for action in OPERATOR_ACTIONS.values())
ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {slug: action for slug, action in CHEF_ACTIONS.items() if action.trigger not in _OWN} | dict(OPERATOR_ACTIONS)
)
"""What an operator can do: in his own name, and for an establishment that asked (R5)."""


@router.get("/{reference}")
def one_request(request: Request, here: Here, visitor: Rectorat, reference: str) -> Response:
    """All that is known of a request; a reader is shown no form (R2)."""
    view = seen(here, visitor, reference)
    return here.pages.page(request, "rectorat/request.html", visitor, **around(here, visitor, view, request, ACTIONS))


@router.get("/{reference}/{slug}")
def prepare(request: Request, here: Here, visitor: Operator, reference: str, slug: str) -> Response:
    """The page of an action."""
    given = _given(request, here)
    return page_of(request, here, visitor, reference, ACTIONS, slug, given)


@router.post("/{reference}/{slug}")
def act(request: Request, here: Here, visitor: Operator, reference: str, slug: str, data: Posted) -> Response:
    """Do it."""
    return done_by(request, here, visitor, reference, ACTIONS, slug, data)


def _given(request: Request, here: Installed) -> dict[str, str]:
    """What the address may propose: one of our own ready reasons, one of the request's reports; no words of its own."""
    motif = request.query_params.get("motif", "")
    given = {
        name: text
        for one in ready_reasons(here.house.settings)
        if one.slug == motif
        for name, text in (("step", one.step.value), ("why", one.text))
    }
    report = request.query_params.get("signalement", "")
    return given | ({"report": report} if report.isascii() and report.isdecimal() else {})
