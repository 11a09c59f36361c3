"""/rectorat: what first, and the requests behind each number; a reader sees the same and can do nothing of it (R2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from portal.web.context import WebContext
from portal.web.dependencies import Context, Rectorat
from portal.web.security import Visitor
from portal.web.worklist.bulk_actions import BULK, ISSUE
from portal.web.worklist.filters import PLACE, USUAL, Age, CheckChoice, Criteria, StateChoice, Task, onward
from states.vocabulary import State
from workflow.app import App
from workflow.requests.filters import years_with_requests
from workflow.requests.worklist import PAGE, Count, Order, Worklist, WorkPage, kinds_and_departements

# What first? The counters above the worklist: each is a link to the filter that it counts.


URGENT: Final = "urgent"


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A number to read first. ``kind``: what its look says; ``what`` and ``several`` follow the number."""

    criteria: Criteria
    what: str
    several: str
    kind: str = ""


@dataclass(frozen=True)
class Tile:
    """A counter with its number."""

    counter: Counter
    count: Count

    @property
    def address(self) -> str:
        return self.counter.criteria.address()

    @property
    def label(self) -> str:
        return self.counter.what if self.count.number < 2 else self.counter.several

    @property
    def is_urgent(self) -> bool:
        return self.counter.kind == URGENT and self.count.number > 0


def _waiting(**more: Age | CheckChoice | None) -> Criteria:
    return Criteria(states=(StateChoice.REQUESTED,), **more)  # type: ignore[arg-type]


TASKS: Final = (
    Counter(criteria=Criteria(tasks=(Task.UNDELIVERED,)), what="code non remis", several="codes non remis",
            kind=URGENT),
    Counter(criteria=Criteria(tasks=(Task.REPORT_DUE,)), what="signalement à régler",
            several="signalements à régler", kind=URGENT),
    Counter(criteria=Criteria(tasks=(Task.LATE,)), what="demande en retard", several="demandes en retard",
            kind=URGENT),
    Counter(criteria=Criteria(checks=CheckChoice.READY), what="prête à émettre", several="prêtes à émettre"),
    Counter(criteria=Criteria(checks=CheckChoice.TO_DO), what="à vérifier", several="à vérifier"),
    Counter(criteria=Criteria(checks=CheckChoice.TOO_OLD), what="vérification trop ancienne",
            several="vérifications trop anciennes"),
    Counter(criteria=Criteria(checks=CheckChoice.NEGATIVE), what="vérification négative",
            several="vérifications négatives"),
    Counter(criteria=Criteria(tasks=(Task.HANDOVER,)), what="remise à confirmer", several="remises à confirmer"),
    Counter(criteria=Criteria(tasks=(Task.REMOVAL,)), what="retrait à confirmer", several="retraits à confirmer"),
    Counter(criteria=Criteria(tasks=(Task.EXPIRY,)), what="expiration à cocher", several="expirations à cocher"),
)  # fmt: skip


STATES: Final = tuple(
    Counter(criteria=Criteria(states=(one,)), what=one.label, several=one.label) for one in StateChoice if one.state
)


AGES: Final = tuple(Counter(criteria=_waiting(age=age), what=age.label, several=age.label) for age in Age)


@dataclass(frozen=True)
class Counters:
    """What calls for somebody, the requests by state, and those that wait for the rectorat by age."""

    tasks: tuple[Tile, ...]
    states: tuple[Tile, ...]
    ages: tuple[Tile, ...]


def count_all(worklist: Worklist, app: App) -> Counters:
    """Every counter, by one query."""
    groups = (TASKS, STATES, AGES)
    wanted = {f"{g}.{n}": counter.criteria.filters(app) for g, n, counter in _numbered(groups)}
    counts = worklist.counts(wanted)
    tasks, states, ages = (
        tuple(Tile(counter, counts[f"{g}.{n}"]) for n, counter in enumerate(group)) for g, group in enumerate(groups)
    )
    return Counters(tasks, states, ages)


def _numbered(groups: tuple[tuple[Counter, ...], ...]) -> Iterator[tuple[int, int, Counter]]:
    for number, group in enumerate(groups):
        for rank, counter in enumerate(group):
            yield number, rank, counter


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
def worklist(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """The worklist as its address narrows it."""
    criteria = Criteria.read(request.query_params)
    after = request.query_params.get("apres", "")[:CURSOR]
    found = _found(context, visitor, criteria, after)
    more = criteria.address(("apres", found.page.after)) if found.page.after else None
    return context.pages.page(
        request, "worklist/page.html", visitor, criteria=criteria, found=found, tags=list(criteria.tags()),
        actions=BULK.values(), issue=ISSUE, more=more, first=criteria.address() if after else None,
        is_default=criteria == USUAL, onward=onward(criteria), live=StateChoice.LIVE, State=State,
    )  # fmt: skip


def _found(context: WebContext, visitor: Visitor, criteria: Criteria, after: str) -> Found:
    app = context.app
    filters = criteria.filters(app)
    with app.database.read() as connection:
        found = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        total = found.counts({"": filters})[""]
        page = found.page(filters, criteria.order, after or None, PAGE)
        return Found(page, total, count_all(found, app), _options(connection))


def _options(connection: Connection) -> Options:
    kinds, departements = kinds_and_departements(connection)
    years = [str(year) for year in reversed(years_with_requests(connection))]
    return Options(kinds=kinds, departements=departements, years=years)
