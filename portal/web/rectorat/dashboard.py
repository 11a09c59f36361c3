"""/rectorat/tableau-de-bord: a reader's first page: figures, what the DRANE compares with its list, files (R2)."""

from contextlib import suppress
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from portal.web.context import Context, Rectorat
from portal.web.rectorat.figures import FiguresQuery, load_figures
from portal.web.worklist.filters import CheckChoice, StateChoice, Task, WorklistCriteria
from portal.web.worklist.page import DASHBOARD, EXPORT, STATES, FilterCounter, Tile
from workflow.figures.ledger import CountingUnderWay
from workflow.figures.tables import headline, warnings_of
from workflow.requests.worklist import Worklist
from workflow.year_end.renewals import renewal_progress

_NOT_REVOKED: Final = tuple(counter for counter in STATES if StateChoice.REVOKED not in counter.criteria.states)

_WITHOUT_DRANE_DATE: Final = FilterCounter(
    criteria=WorklistCriteria(tasks=(Task.WITHOUT_DRANE_DATE,)),
    singular="RUPN sans date de déclaration à la DRANE", plural="RUPN sans date de déclaration à la DRANE",
)  # fmt: skip

_NEGATIVE: Final = FilterCounter(
    criteria=WorklistCriteria(checks=CheckChoice.NEGATIVE),
    singular="demande dont une vérification est négative", plural="demandes dont une vérification est négative",
)  # fmt: skip

_LISTS: Final = (_WITHOUT_DRANE_DATE, _NEGATIVE)

router = APIRouter(include_in_schema=False)


@router.get(DASHBOARD)
def show_dashboard(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """The main figures, beside those of an earlier day; the running years' requests, and the lists with their files.

    Whatever the worklist counts is counted by one query; the figures come from the journal (R99).
    """
    app, counters = context.app, (*_NOT_REVOKED, *_LISTS)
    filters = {str(rank): counter.criteria.filters(app, visitor.actor) for rank, counter in enumerate(counters)}
    with app.database.read() as connection:
        counts = Worklist(connection, visitor.actor, app.policy, app.clock.now()).counts(filters)
        renewals = renewal_progress(connection, app.policy, app.clock.now())
    figures = None
    with suppress(CountingUnderWay):
        figures = load_figures(app, FiguresQuery())
    tiles = tuple(Tile(counter, counts[str(rank)]) for rank, counter in enumerate(counters))
    return context.pages.page(
        request, "rectorat/dashboard.html", visitor, states=tiles[: len(_NOT_REVOKED)],
        lists=tiles[len(_NOT_REVOKED) :], renewals=renewals, export=EXPORT,
        live=WorklistCriteria(states=(StateChoice.LIVE,)), figures=figures,
        headline=headline(figures) if figures else (), warnings=warnings_of(figures) if figures else (),
    )  # fmt: skip
