"""The papers of a request as PDF: the charter and the hand-over slip (R69)."""

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from portal import papers
from portal.web.actions.acting import seen
from portal.web.chef.papers import pdf
from portal.web.visitors import Here, Rectorat

router = APIRouter(include_in_schema=False)
"""Included by the request's own router, before the actions, whose addresses are as wide as these."""


@router.get("/{reference}/charte.pdf")
def charter(here: Here, visitor: Rectorat, reference: str) -> Response:
    """The charter, ready to sign (R27)."""
    return pdf(here, papers.charter(here.house, seen(here, visitor, reference)))


@router.get("/{reference}/bordereau.pdf")
def slip(here: Here, visitor: Rectorat, reference: str) -> Response:
    """The slip that goes with a code (R31); 404 where there is no code to hand over."""
    view = seen(here, visitor, reference)
    with here.house.database.read() as connection:
        try:
            made = papers.slip(here.house, connection, view)
        except papers.NoSlip:
            raise HTTPException(404) from None
    return pdf(here, made)
