"""/rectorat/fin-d-annee/{year}/non-renouveles: who had a key until the end, and has no request for the next (R81)."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from portal.not_renewed_rows import HEADINGS, filename, rows
from portal.web.download import spreadsheet
from portal.web.narrowing import address, departement_of
from portal.web.rectorat.year_end import PLACE, in_play, page, year_named
from portal.web.visitors import Here, Rectorat
from states.school_year import SchoolYear
from workflow.reading.not_renewed import (
    NotRenewedPage,
    all_not_renewed,
    count_had_key,
    count_not_renewed,
    list_not_renewed,
)

router = APIRouter(prefix=PLACE, include_in_schema=False)


@dataclass(frozen=True)
class Wanted:
    """The filter as the address bears it."""

    departement: Annotated[str, Query(max_length=20)] = ""

    def address(self, place: str, after: str | None = None) -> str:
        return address(place, departement=self.departement, suite=after)


def place_of(year: SchoolYear) -> str:
    return f"{PLACE}/{year}/non-renouveles"


@router.get("/{year}/non-renouveles")
def listing(
    request: Request, here: Here, visitor: Rectorat, year: str, wanted: Annotated[Wanted, Depends()],
    suite: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:  # fmt: skip
    """A page of them, with how many there are in each département."""
    of, found, problem = year_named(year), NotRenewedPage((), None), ""
    with here.house.database.read() as connection:
        counts, had_key = count_not_renewed(connection, of), count_had_key(connection, of)
        try:
            departement = departement_of(wanted.departement)
            found = list_not_renewed(connection, of, departement=departement, after=suite or None)
        except ValueError as error:
            problem = str(error) if not suite else "Cette suite de liste n'existe pas : repartir de la première page."
    place = place_of(of)
    return page(
        request, here, visitor, "rectorat/year_end_not_renewed.html", years=in_play(here),
        status=422 if problem else 200, year=of, end=here.house.policy.calendar.end_of(of), found=found,
        problem=problem, counts=counts, total=sum(counts.values()), had_key=had_key, wanted=wanted, place=place,
        file=wanted.address(f"{place}.csv"), first=wanted.address(place) if suite else None,
        more=wanted.address(place, found.after) if found.after else None,
    )  # fmt: skip


@router.get("/{year}/non-renouveles.csv")
def file(here: Here, visitor: Rectorat, year: str, wanted: Annotated[Wanted, Depends()]) -> Response:  # noqa: ARG001
    """The whole list, under the same filter."""
    of = year_named(year)
    try:
        departement = departement_of(wanted.departement)
    except ValueError:  # which the page says in French
        return RedirectResponse(wanted.address(place_of(of)), status_code=303)
    return spreadsheet(
        here, filename(of), HEADINGS,
        lambda connection: rows(of, all_not_renewed(connection, of, departement=departement)),
    )  # fmt: skip
