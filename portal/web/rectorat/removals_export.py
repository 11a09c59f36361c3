"""The removals to do as a file, in the form that the académie's template gives (R48, R83)."""

from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from portal.web.rectorat.removals import PLACE, Wanted
from portal.web.visitors import Here, Rectorat
from workflow.reading.removal_export import removals_file
from workflow.settings.removals_export import ExportSettings

router = APIRouter(prefix=PLACE, include_in_schema=False)


@router.get("/export")
def export(here: Here, _: Rectorat, wanted: Annotated[Wanted, Depends()]) -> Response:
    """What the filters leave, made while it is sent; what is wrong with them is told by the list."""
    try:
        pieces = removals_file(here.house, wanted.filters())
    except ValueError:
        return RedirectResponse(wanted.address(), status_code=303)
    first = next(pieces, b"")  # what fails at once has its page, rather than half a file
    form = here.house.settings.removals.export
    named = {"Content-Disposition": f'attachment; filename="{form.filename}"'}
    return StreamingResponse(chain((first,), pieces), media_type=_media_type(form), headers=named)


def _media_type(form: ExportSettings) -> str:
    """With the characters' encoding, where browsers and programs look for it."""
    return f"{form.media_type}; charset={form.encoding.removesuffix('-sig')}"
