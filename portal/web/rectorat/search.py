"""/rectorat/recherche: requests and establishments of every state and year, by whatever one has at hand (R89)."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.context import Context, Rectorat
from states.characters import fold
from states.validation import has_uai_form, normalise_uai
from states.vocabulary import State
from workflow.directory.queries import EstablishmentFilters
from workflow.requests.search import MOST, search
from workflow.requests.worklist import Worklist

SEARCH_PATH: Final = "/rectorat/recherche"

LONGEST: Final = 100
"""Characters that are looked for."""

router = APIRouter(include_in_schema=False)


@router.get(SEARCH_PATH)
def show_search(request: Request, context: Context, visitor: Rectorat, mots: Annotated[str, Query()] = "") -> Response:
    """What the words name. A whole reference leads to its request, a UAI of the directory to its establishment."""
    app, words = context.app, " ".join(mots.split())[:LONGEST]
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
        State=State, places=places[:MOST], has_more_places=len(places) > MOST,
    )  # fmt: skip
