"""/rectorat/fin-d-annee/apercu: what the end of a year would do on a given day; nothing is written (R53)."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection

from portal.days import parse_day
from portal.preview_rows import HEADINGS, filename, rows
from portal.web.download import spreadsheet
from portal.web.installed import Installed
from portal.web.narrowing import address, departement_of
from portal.web.rectorat.year_end import PLACE, in_play, page
from portal.web.visitors import Here, Rectorat
from states.school_year import SchoolYear
from workflow.preview import Place, Preview, PreviewPage
from workflow.reading.filters import spellings

router = APIRouter(prefix=PLACE, include_in_schema=False)
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
SIZE = 25
"""Establishments on a page."""


@dataclass(frozen=True)
class Wanted:
    """What the address asks: the day, looked at at its end, and which establishments are listed."""

    jour: Annotated[str, Query(max_length=30)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    surprises: Annotated[str, Query(max_length=5)] = ""

    def address(self, after: str | None = None) -> str:
        return address(f"{PLACE}/apercu", **vars(self), suite=after)


@router.get("/apercu")
def preview(
    request: Request, here: Here, visitor: Rectorat, wanted: Annotated[Wanted, Depends()],
    suite: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:  # fmt: skip
    """The figures of each year that would end by that day, and who would be revoked."""
    seen, summary, problem = PreviewPage((), None), None, ""
    day = _proposed(here)
    try:
        day = _day(wanted.jour) or day
        departement = departement_of(wanted.departement)
        with here.house.database.read() as connection:
            found = _preview(here, connection, day)
            summary = found.count()
            seen = found.page(
                after=_place(suite), departements=spellings(departement) if departement else [],
                odd_only=bool(wanted.surprises), limit=SIZE,
            )  # fmt: skip
    except ValueError as error:
        problem = str(error)
    return page(
        request, here, visitor, "rectorat/year_end_preview.html", years=in_play(here), status=422 if problem else 200,
        day=day, wanted=wanted, summary=summary, seen=seen, problem=problem, first=wanted.address() if suite else None,
        more=wanted.address(f"{seen.after[0]}:{seen.after[1]}") if seen.after else None,
    )  # fmt: skip


@router.get("/apercu.csv")
def preview_file(
    here: Here,
    visitor: Rectorat,  # noqa: ARG001
    jour: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    """The same of the whole académie, one line a request."""
    try:
        day = _day(jour) or _proposed(here)
    except ValueError:  # which the page says in French
        return RedirectResponse(address(f"{PLACE}/apercu", jour=jour), status_code=303)
    return spreadsheet(here, filename(day), HEADINGS, lambda connection: rows(_preview(here, connection, day)))


def _preview(here: Installed, connection: Connection, day: date) -> Preview:
    house = here.house
    at = house.year_ends.instant_of(day)
    return Preview(connection, house.year_ends, house.mailer, now=house.clock.now(), at=at)


def _proposed(here: Installed) -> date:
    """The last day of the year that runs."""
    calendar = here.house.policy.calendar
    return calendar.end_of(calendar.open_years(here.house.clock.now())[0]).last_day


def _day(text: str) -> date | None:
    """The day asked for. Raises ValueError in French."""
    if not text.strip():
        return None
    try:
        day = parse_day(text)
    except ValueError as error:
        raise ValueError(f"{error}.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"« {text} » est hors limites : il faut un jour du 01/01/2000 au 31/12/2099.")
    return day


def _place(suite: str) -> Place | None:
    """Where a page begins, None at the beginning. Raises ValueError in French."""
    if not suite:
        return None
    year, _, uai = suite.partition(":")
    try:
        return SchoolYear.parse(year), uai
    except ValueError:
        raise ValueError("Cette suite de liste n'existe pas : repartir de la première page.") from None
