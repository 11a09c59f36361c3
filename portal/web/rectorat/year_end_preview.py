"""/rectorat/fin-d-annee/apercu: what the end of a year would do on a given day; nothing is written (R53)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from portal.days import parse_day
from portal.web.installed import Installed
from portal.web.narrowing import address, departement_of
from portal.web.rectorat.year_end import PLACE, in_play, page
from portal.web.visitors import Here, Rectorat
from states.school_year import SchoolYear
from states.vocabulary import State
from workflow.endings import EstablishmentEnd, Summary
from workflow.preview import Preview

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


@dataclass(kw_only=True)
class Seen:
    """What a walk through the whole preview leaves: its figures, and one page of its establishments."""

    summary: Summary
    states: dict[SchoolYear, Counter[State]] = field(default_factory=dict)
    lines: list[EstablishmentEnd] = field(default_factory=list)
    after: str | None = None


@router.get("/apercu")
def preview(
    request: Request, here: Here, visitor: Rectorat, wanted: Annotated[Wanted, Depends()],
    suite: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:  # fmt: skip
    """The figures of each year that would end by that day, and who would be revoked."""
    seen, problem = None, ""
    day = _proposed(here)
    try:
        day = _day(wanted.jour) or day
        seen = _walk(here, day, departement_of(wanted.departement), suite, odd_only=bool(wanted.surprises))
    except ValueError as error:
        problem = str(error)
    return page(
        request, here, visitor, "rectorat/year_end_preview.html", years=in_play(here), status=422 if problem else 200,
        day=day, wanted=wanted, seen=seen, problem=problem, first=wanted.address() if suite else None,
        more=wanted.address(seen.after) if seen and seen.after else None,
    )  # fmt: skip


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


def _walk(here: Installed, day: date, departement: str, after: str, *, odd_only: bool) -> Seen:
    """The whole preview, of which one page is kept: its figures need every request, in bounded memory."""
    house = here.house
    with house.database.read() as connection:
        found = Preview(
            connection, house.year_ends, house.mailer, now=house.clock.now(), at=house.year_ends.instant_of(day)
        )
        seen = Seen(summary=found.summary)
        for one in _counted(found, seen):
            if _place(one) <= after or not _is_listed(one, departement, odd_only=odd_only):
                continue
            if len(seen.lines) < SIZE:
                seen.lines.append(one)
            elif seen.after is None:
                seen.after = _place(seen.lines[-1])
    return seen


def _counted(found: Preview, seen: Seen) -> Iterator[EstablishmentEnd]:
    for one in found.establishments():
        counts = seen.states.setdefault(one.school_year, Counter())
        counts.update(ending.request.state for ending in one.requests)
        yield one


def _place(one: EstablishmentEnd) -> str:
    """Where it stands in the walk: year after year, by UAI."""
    return f"{one.school_year}:{one.establishment.uai}"


def _is_listed(one: EstablishmentEnd, departement: str, *, odd_only: bool) -> bool:
    odd = one.oddities or any(ending.oddities for ending in one.requests)
    return not (departement and one.establishment.departement.lstrip("0") != departement.lstrip("0")) and (
        bool(odd) or not odd_only
    )
