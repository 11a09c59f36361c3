"""/rectorat/fin-d-annee/{year}: what is left of an end that is over, to look at again months later (R85)."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from portal.web.rectorat.year_end import PLACE, in_play, page, year_named
from portal.web.visitors import Here, Rectorat
from states.vocabulary import RemovalKind, RemovalOutcome
from workflow.reading.not_renewed import count_not_renewed
from workflow.reading.year_end_report import account_of

router = APIRouter(prefix=PLACE, include_in_schema=False)
BAR: Final = 100
"""The width of the picture's longest bar, in units of its view box."""


@router.get("/{year}")  # after every other address of this family, which it would take
def showing(request: Request, here: Here, visitor: Rectorat, year: str) -> HTMLResponse:
    """The account of a past end; of one that is not over, where to follow it."""
    wanted = year_named(year)
    with here.house.database.read() as connection:
        account = account_of(connection, wanted)
        not_renewed = sum(count_not_renewed(connection, wanted).values()) if account else 0
    longest = max((share.revoked for share in account.shares), default=0) if account else 0
    return page(
        request, here, visitor, "rectorat/year_end_report.html", years=in_play(here), status=200 if account else 404,
        wanted=wanted, account=account, not_renewed=not_renewed, end=here.house.policy.calendar.end_of(wanted),
        bars=[round(BAR * share.revoked / longest, 1) if longest else 0 for share in account.shares] if account else [],
        RemovalKind=RemovalKind, RemovalOutcome=RemovalOutcome,
    )  # fmt: skip
