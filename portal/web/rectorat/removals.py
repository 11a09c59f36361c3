"""/rectorat/retraits: the rights to remove on the ODA server, and those that were (R47 to R49)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from portal.web.narrowing import address, departement_of, year_of
from portal.web.rectorat.removals_call import calls_shown
from portal.web.visitors import Here, Rectorat
from states.vocabulary import RemovalKind
from states.words import normalise_uai
from workflow.connector.reading import CallView
from workflow.reading.removals import (
    RemovalFilters,
    RemovalPage,
    count_removals,
    list_removals,
    years_with_open,
)

router = APIRouter(prefix="/rectorat/retraits", include_in_schema=False)
PLACE = "/rectorat/retraits"
PARTS = {"": RemovalKind.REMOVE_RIGHTS, "questions": RemovalKind.KEY_ENABLED, "confirmes": None}
"""The parts of the list, by the word that the address bears."""


@dataclass(frozen=True)
class Wanted:
    """The filters as the address bears them; ``vue`` is the part of the list."""

    vue: Annotated[str, Query(max_length=20)] = ""
    annee: Annotated[str, Query(max_length=20)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    etablissement: Annotated[str, Query(max_length=40)] = ""

    def filters(self) -> RemovalFilters:
        """Raises ValueError in French."""
        if self.vue not in PARTS:
            raise ValueError("Cette liste n'existe pas : choisir une des trois listes.")
        return RemovalFilters(
            kind=PARTS[self.vue], confirmed=self.vue == "confirmes", school_year=year_of(self.annee),
            departement=departement_of(self.departement), uai=normalise_uai(self.etablissement),
        )  # fmt: skip

    def address(self, place: str = PLACE, **more: str | None) -> str:
        return address(place, **{**vars(self), **more})


@router.get("")
def listing(
    request: Request, here: Here, visitor: Rectorat, wanted: Annotated[Wanted, Depends()], suite: str = "",
    coches: str = "",
) -> HTMLResponse:  # fmt: skip
    """What is to be removed today."""
    house = here.house
    called: Mapping[str, CallView] = {}
    page, problem, counts = RemovalPage((), None), "", dict.fromkeys(RemovalKind, 0)
    with house.database.read() as connection:
        years = years_with_open(connection)
        try:
            filters = wanted.filters()
            counts = count_removals(connection, filters)
            page = list_removals(connection, filters, house.policy, house.mailer, after=suite[:80])
            called = calls_shown(here, connection, [line.request.reference for line in page.lines])
        except ValueError as error:
            problem = str(error) if not suite else "Cette suite de liste n'existe pas : repartir de la première page."
    return here.pages.page(
        request, "rectorat/removals.html", visitor, status=422 if problem else 200, page=page, problem=problem,
        counts=counts, years=[(str(year), str(year)) for year in years], wanted=wanted, called=called,
        kind=PARTS.get(wanted.vue), RemovalKind=RemovalKind, all_ticked=bool(coches),
        tick_all=wanted.address(suite=suite, coches="oui"),
        first=wanted.address() if suite else None, more=wanted.address(suite=page.after) if page.after else None,
    )  # fmt: skip
