"""Each step of the establishment on its own page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from portal.web.actions.acting import done_by, page_of
from portal.web.actions.chef import CHEF
from portal.web.visitors import Chef, Here, Posted

router = APIRouter(prefix="/demandes/{reference}")


@router.get("/{slug}")
def act_page(request: Request, here: Here, visitor: Chef, reference: str, slug: str) -> Response:
    """The page on which a step is prepared."""
    return page_of(request, here, visitor, reference, CHEF, slug)


@router.post("/{slug}")
def act(request: Request, here: Here, visitor: Chef, reference: str, slug: str, data: Posted) -> Response:
    """Do it."""
    return done_by(request, here, visitor, reference, CHEF, slug, data)
