"""The papers to print: the charter, the hand-over slip (R27, R31, R69)."""

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from notifications.papers import Paper, blank_charter, compile_paper
from portal import papers
from portal.web.actions.acting import seen
from portal.web.installed import Installed
from portal.web.visitors import Chef, Here

router = APIRouter()


@router.get("/charte.pdf")
def blank(here: Here, _: Chef) -> Response:
    """A charter to fill in by hand, before any declaration."""
    return pdf(here, blank_charter(here.house.mailer.surroundings, here.house.mailer.wordings))


@router.get("/demandes/{reference}/charte.pdf")
def charter(here: Here, visitor: Chef, reference: str) -> Response:
    """The charter of a request, ready to sign."""
    return pdf(here, papers.charter(here.house, seen(here, visitor, reference)))


@router.get("/demandes/{reference}/bordereau.pdf")
def slip(here: Here, visitor: Chef, reference: str) -> Response:
    """What the RUPN signs when the code is handed over; 404 while there is none."""
    view = seen(here, visitor, reference)
    with here.house.database.read() as connection:
        try:
            made = papers.slip(here.house, connection, view)
        except papers.NoSlip:
            raise HTTPException(404) from None
    return pdf(here, made)


def pdf(here: Installed, paper: Paper) -> Response:
    """A paper, opened in the browser under its own name."""
    content = compile_paper(paper, here.house.clock.now())
    disposition = f'inline; filename="{paper.filename}"'
    return Response(content, media_type="application/pdf", headers={"Content-Disposition": disposition})
