"""/rectorat: what first, and the requests behind each number; a reader sees the same and can do nothing of it (R2)."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from portal.web.installed import Installed
from portal.web.visitors import Here, Rectorat, Visitor
from portal.web.worklist.bulk_actions import BULK, ISSUE
from portal.web.worklist.choices import Age, CheckChoice, StateChoice, Task
from portal.web.worklist.counters import Counters, count_all
from portal.web.worklist.criteria import PLACE, Criteria
from portal.web.worklist.origin import USUAL, onward
from states.vocabulary import State
from workflow.reading.filters import known_years
from workflow.reading.ordering import Order
from workflow.reading.worklist import PAGE, Count, Worklist, WorkPage, kinds_and_departements

router = APIRouter(include_in_schema=False)
CURSOR = 200
"""The longest mark of a page's end that is looked at."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the filters offer."""

    kinds: list[str]
    departements: list[str]
    years: list[str]
    states: tuple[StateChoice, ...] = tuple(StateChoice)
    checks: tuple[CheckChoice, ...] = tuple(CheckChoice)
    ages: tuple[Age, ...] = tuple(Age)
    tasks: tuple[Task, ...] = tuple(Task)
    orders: tuple[Order, ...] = tuple(Order)


@dataclass(frozen=True)
class Found:
    """One reading of the database: the page, how many its filter leaves in all, and the counters."""

    page: WorkPage
    total: Count
    counters: Counters
    options: Options

    @property
    def ready(self) -> tuple[str, ...]:
        """The references of this page whose code can be issued."""
        return tuple(one.line.reference for one in self.page.lines if one.is_ready)

    @property
    def references(self) -> tuple[str, ...]:
        return tuple(one.line.reference for one in self.page.lines)


@router.get(PLACE)
def worklist(request: Request, here: Here, visitor: Rectorat) -> HTMLResponse:
    """The worklist as its address narrows it."""
    criteria = Criteria.read(request.query_params)
    after = request.query_params.get("apres", "")[:CURSOR]
    found = _found(here, visitor, criteria, after)
    more = criteria.address(("apres", found.page.after)) if found.page.after else None
    return here.pages.page(
        request, "worklist/page.html", visitor, criteria=criteria, found=found, tags=list(criteria.tags()),
        actions=BULK.values(), issue=ISSUE, more=more, first=criteria.address() if after else None,
        is_default=criteria == USUAL, onward=onward(criteria), live=StateChoice.LIVE, State=State,
    )  # fmt: skip


def _found(here: Installed, visitor: Visitor, criteria: Criteria, after: str) -> Found:
    house = here.house
    filters = criteria.filters(house)
    with house.database.read() as connection:
        found = Worklist(connection, visitor.actor, house.policy, house.clock.now())
        total = found.counts({"": filters})[""]
        page = found.page(filters, criteria.order, after or None, PAGE)
        return Found(page, total, count_all(found, house), _options(connection))


def _options(connection: Connection) -> Options:
    kinds, departements = kinds_and_departements(connection)
    years = [str(year) for year in reversed(known_years(connection))]
    return Options(kinds=kinds, departements=departements, years=years)
