"""/rectorat/etablissements: found by name, town or UAI; each with its mailbox, its requests, its mails (R11 to R15)."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from portal.web.installed import Installed
from portal.web.narrowing import address, departement_of
from portal.web.visitors import Here, Rectorat, Visitor
from workflow.directory import Criteria, DirectoryRefused, Listed, OfRequest
from workflow.reading.establishments import last_mailbox_set, stuck_mails
from workflow.reading.mail_lists import MailFilters, list_mails

router = APIRouter(prefix="/rectorat/etablissements", include_in_schema=False)
PLACE = "/rectorat/etablissements"
SIZE = 50
LAST_MAILS = 5
DONE = {
    "boite": "la boîte est fixée, les imports de l'annuaire ne la changeront plus",
    "annuaire": "la boîte est de nouveau celle de l'annuaire",
    "deja": "c'était déjà la boîte de l'établissement, rien n'a changé",
}
"""What was done, by the word that the address bears."""


@dataclass(frozen=True)
class Wanted:
    """The filters as the address bears them."""

    mots: Annotated[str, Query(max_length=200)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    sans_boite: Annotated[str, Query(max_length=5)] = ""
    fermes: Annotated[str, Query(max_length=5)] = ""

    def criteria(self) -> Criteria:
        """Raises ValueError in French."""
        return Criteria(
            departement=departement_of(self.departement) or None, is_open=not self.fermes, text=self.mots,
            without_mailbox=bool(self.sans_boite),
        )  # fmt: skip

    def address(self, after: str | None = None) -> str:
        return address(PLACE, **vars(self), suite=after)


@router.get("")
def listing(
    request: Request, here: Here, visitor: Rectorat, wanted: Annotated[Wanted, Depends()],
    suite: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:  # fmt: skip
    """The establishments, by UAI."""
    found: list[Listed] = []
    problem = ""
    try:
        criteria = wanted.criteria()
        found = here.house.directory.establishments(visitor.actor, criteria, limit=SIZE + 1, after=suite)
    except ValueError as error:
        problem = str(error)
    more = wanted.address(found[SIZE - 1].uai) if len(found) > SIZE else None
    return here.pages.page(
        request, "rectorat/establishments.html", visitor, status=422 if problem else 200, lines=found[:SIZE],
        problem=problem, wanted=wanted, first=wanted.address() if suite else None, more=more,
    )  # fmt: skip


@router.get("/{uai}")
def showing(request: Request, here: Here, visitor: Rectorat, uai: str, fait: str = "") -> HTMLResponse:
    """One establishment whole."""
    found, requests = known(here, visitor, uai)
    with here.house.database.read() as connection:
        mails = list_mails(connection, MailFilters(uai=found.uai), limit=LAST_MAILS)
        decided, stuck = last_mailbox_set(connection, found.uai), stuck_mails(connection, found.uai)
    return here.pages.page(
        request, "rectorat/establishments_one.html", visitor, place=found, requests=requests, mails=mails,
        decided=decided, stuck=stuck, notice=DONE.get(fait, ""),
    )  # fmt: skip


def known(here: Installed, visitor: Visitor, uai: str) -> tuple[Listed, list[OfRequest]]:
    """The establishment and its requests; 404 for an unknown one."""
    try:
        return here.house.directory.establishment(visitor.actor, uai)
    except DirectoryRefused:
        raise HTTPException(404) from None
