"""/rectorat/recherche: requests and establishments of every state and year, by whatever one has at hand (R89)."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from notifications.sql import batches
from portal.exports.lists import READ_TOGETHER, search_workbook
from portal.exports.workbook import Workbook
from portal.web.context import Context, Rectorat
from portal.web.download import ChosenFormat, download_list
from portal.web.forms import address
from states.characters import fold
from states.validation import has_uai_form, normalise_uai
from workflow.directory.queries import MOST_EXPORTED, EstablishmentFilters, list_establishments
from workflow.journal.exports import ExportedList
from workflow.requests.search import MOST, search
from workflow.requests.worklist import Worklist

SEARCH_PATH: Final = "/rectorat/recherche"

LONGEST: Final = 100
"""Characters that are looked for."""

router = APIRouter(include_in_schema=False)


@router.get(f"{SEARCH_PATH}/export")
async def export_search(
    context: Context, visitor: Rectorat, file_format: ChosenFormat, mots: Annotated[str, Query()] = ""
) -> Response:
    """All that the words name, as a file: the requests, then the establishments (R92)."""
    app, words = context.app, _words(mots)

    def workbook(connection: Connection) -> Workbook:
        references = search(connection, visitor.actor, words, limit=None).references
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        lines = (line for some in batches(references, READ_TOGETHER) for line in worklist.lines(some))
        named = EstablishmentFilters(text=words, is_open=None)
        places = list_establishments(connection, visitor.actor, named, MOST_EXPORTED) if fold(words) else []
        return search_workbook(lines, places, app.settings.zoneinfo)

    return await download_list(
        context.export_of(visitor, ExportedList.SEARCH), file_format, workbook, address(SEARCH_PATH, mots=words)
    )


def _words(typed: str) -> str:
    return " ".join(typed.split())[:LONGEST]


@router.get(SEARCH_PATH)
def show_search(request: Request, context: Context, visitor: Rectorat, mots: Annotated[str, Query()] = "") -> Response:
    """What the words name. A whole reference leads to its request, a UAI of the directory to its establishment."""
    app, words = context.app, _words(mots)
    with app.database.read() as connection:
        result = search(connection, visitor.actor, words)
        lines = Worklist(connection, visitor.actor, app.policy, app.clock.now()).lines(result.references)
    if result.exact:
        return RedirectResponse(f"/rectorat/demandes/{result.exact}", status_code=303)
    named = EstablishmentFilters(text=words, is_open=None)
    places = app.directory.establishments(visitor.actor, named, limit=MOST + 1) if fold(words) else []
    uai = normalise_uai(words)
    if has_uai_form(uai) and [place.uai for place in places] == [uai]:
        return RedirectResponse(f"/rectorat/etablissements/{uai}", status_code=303)
    return context.pages.page(
        request, "rectorat/search.html", visitor, search_words=words, result=result, lines=lines, most=MOST,
        places=places[:MOST], has_more_places=len(places) > MOST,
        export=address(f"{SEARCH_PATH}/export", mots=words),
    )  # fmt: skip
