"""/rectorat/fin-d-annee: the ends to come, held by the brake, under way, past (R50 to R54)."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from notifications.papers import compile_paper
from notifications.papers.model import PaperUnmakeable
from notifications.papers.stored import stored_year_end_report
from portal.ends import how_found
from portal.web.installed import Installed
from portal.web.visitors import Here, Rectorat, Visitor
from states.school_year import SchoolYear
from workflow.reading.year_ends import YearInPlay, past_ends, years_in_play

router = APIRouter(prefix="/rectorat/fin-d-annee", include_in_schema=False)
PLACE = "/rectorat/fin-d-annee"
EVERY = 5
"""Seconds between two looks at an end that is under way."""
DONE = {"confirmee": "la fin d'année est confirmée, les révocations commencent"}
"""What was done, by the word that the address bears."""


@router.get("")
def showing(request: Request, here: Here, visitor: Rectorat, fait: str = "", arret: str = "") -> HTMLResponse:
    """Each year in play, then the past ones; while one runs the page follows it, unless who reads stopped that."""
    years = in_play(here)
    with here.house.database.read() as connection:
        past = past_ends(connection)
    zone = here.house.settings.academie.zone
    opening_day = here.house.policy.calendar.opening_day
    running = any(year.is_running for year in years)
    answer = page(
        request, here, visitor, "rectorat/year_end.html", years=years, past=past, notice=DONE.get(fait, ""),
        how={year.end.school_year: how_found(year.end, zone) for year in years},
        opens={year.end.school_year: opening_day(year.end.school_year.next) for year in years},
        stopped=bool(arret),
    )  # fmt: skip
    if running and not arret:
        answer.headers["Refresh"] = f"{EVERY}; url={PLACE}"  # one that a reader can stop, as RGAA 13.1 asks
    return answer


@router.get("/{year}/bilan.pdf")
def report(here: Here, visitor: Rectorat, year: str) -> Response:  # noqa: ARG001
    """The report of a past end, as it was joined to the operators' mail (R54, R69)."""
    house, wanted = here.house, str(year_named(year))
    with house.database.read() as connection:
        found = stored_year_end_report(
            connection, wanted, house.mailer.surroundings, house.mailer.wordings, house.clock.now()
        )
    if found is None:
        raise HTTPException(404)
    try:
        content = compile_paper(*found)
    except PaperUnmakeable:
        raise HTTPException(500) from None
    named = {"Content-Disposition": f'attachment; filename="{found[0].filename}"'}
    return Response(content, media_type="application/pdf", headers=named)


def in_play(here: Installed) -> tuple[YearInPlay, ...]:
    """The years in play with what the brake would say of each now."""
    house = here.house
    with house.database.read() as connection:
        return years_in_play(connection, house.year_ends.verdicts(connection, house.clock.now()))


def page(
    request: Request, here: Installed, visitor: Visitor, template: str, *, years: tuple[YearInPlay, ...],
    status: int = 200, **scope: Any,
) -> HTMLResponse:  # fmt: skip
    """A page of this family: whatever it shows, it says first which end the brake holds."""
    held = [year for year in years if year.hold]
    return here.pages.page(request, template, visitor, status=status, years=years, held=held, **scope)


def year_named(text: str) -> SchoolYear:
    """The school year of an address; 404 for anything else."""
    try:
        return SchoolYear.parse(text)
    except ValueError:
        raise HTTPException(404) from None
