"""/rectorat: the counters of what comes first, and the list behind each; a reader sees it without actions (R2)."""

from dataclasses import dataclass
from typing import Final, Self

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from portal.web.context import Context, Rectorat
from portal.web.security import Visitor
from portal.web.worklist.bulk_actions import BULK, ISSUE
from portal.web.worklist.filters import (
    PLACE,
    USUAL,
    Age,
    CheckChoice,
    StateChoice,
    Task,
    WorklistCriteria,
    origin_query,
)
from states.model import Actor
from states.vocabulary import State
from workflow.app import App
from workflow.requests.filters import years_with_requests
from workflow.requests.worklist import PAGE, Count, Order, Worklist, WorkPage, kinds_and_departements
from workflow.year_end.renewals import RenewalProgress, renewal_progress

router = APIRouter(include_in_schema=False)

CURSOR: Final = 200
"""Characters of a page's end mark that are read."""


@dataclass(frozen=True, kw_only=True)
class FilterCounter:
    """A number above the list, with the filter that it counts. ``singular`` and ``plural`` follow the number."""

    criteria: WorklistCriteria
    singular: str
    plural: str
    is_urgent: bool = False


@dataclass(frozen=True)
class Tile:
    """A counter with its number."""

    counter: FilterCounter
    count: Count

    @property
    def address(self) -> str:
        return self.counter.criteria.address()

    @property
    def label(self) -> str:
        return self.counter.singular if self.count.number < 2 else self.counter.plural

    @property
    def is_urgent(self) -> bool:
        return self.counter.is_urgent and self.count.number > 0


def _task(task: Task, singular: str, plural: str, *, is_urgent: bool = False) -> FilterCounter:
    return FilterCounter(
        criteria=WorklistCriteria(tasks=(task,)), singular=singular, plural=plural, is_urgent=is_urgent
    )


def _checks(checks: CheckChoice, singular: str, plural: str) -> FilterCounter:
    return FilterCounter(criteria=WorklistCriteria(checks=checks), singular=singular, plural=plural)


TASKS: Final = (
    _task(Task.UNDELIVERED, "code non remis", "codes non remis", is_urgent=True),
    _task(Task.CODE_WAITS, "code pas encore parti", "codes pas encore partis", is_urgent=True),
    _task(Task.REPORT_DUE, "signalement à régler", "signalements à régler", is_urgent=True),
    _task(Task.LATE, "demande en retard", "demandes en retard", is_urgent=True),
    _checks(CheckChoice.READY, "prête à émettre", "prêtes à émettre"),
    _checks(CheckChoice.TO_DO, "à vérifier", "à vérifier"),
    _checks(CheckChoice.TOO_OLD, "vérification trop ancienne", "vérifications trop anciennes"),
    _checks(CheckChoice.NEGATIVE, "vérification négative", "vérifications négatives"),
    _task(Task.HANDOVER, "remise à confirmer", "remises à confirmer"),
    _task(Task.REMOVAL, "retrait à confirmer", "retraits à confirmer"),
    _task(Task.EXPIRY, "expiration à cocher", "expirations à cocher"),
)

STATES: Final = tuple(
    FilterCounter(criteria=WorklistCriteria(states=(choice,)), singular=choice.label, plural=choice.label)
    for choice in StateChoice if choice.state
)  # fmt: skip

AGES: Final = tuple(
    FilterCounter(
        criteria=WorklistCriteria(states=(StateChoice.REQUESTED,), age=age), singular=age.label, plural=age.label
    )
    for age in Age
)


@dataclass(frozen=True)
class Counters:
    """The tasks, the requests by state, and those that wait for the rectorat by age."""

    tasks: tuple[Tile, ...]
    states: tuple[Tile, ...]
    ages: tuple[Tile, ...]

    @classmethod
    def load(cls, worklist: Worklist, app: App, actor: Actor) -> Self:
        """Every counter, by one query."""
        counters = {f"{number}": counter for number, counter in enumerate((*TASKS, *STATES, *AGES))}
        counts = worklist.counts({number: counter.criteria.filters(app, actor) for number, counter in counters.items()})
        tiles = tuple(Tile(counter, counts[number]) for number, counter in counters.items())
        ages = len(TASKS) + len(STATES)
        return cls(tiles[: len(TASKS)], tiles[len(TASKS) : ages], tiles[ages:])


@dataclass(frozen=True, kw_only=True)
class Options:
    """The choices of each filter."""

    kinds: list[str]
    departements: list[str]
    years: list[str]
    states: tuple[StateChoice, ...] = tuple(StateChoice)
    checks: tuple[CheckChoice, ...] = tuple(CheckChoice)
    ages: tuple[Age, ...] = tuple(Age)
    tasks: tuple[Task, ...] = tuple(Task)
    orders: tuple[Order, ...] = tuple(Order)


@dataclass(frozen=True)
class WorklistPage:
    """One read of the database: a page of the list, the count of the whole list, the counters, the options."""

    page: WorkPage
    total: Count
    counters: Counters
    options: Options
    renewals: RenewalProgress | None

    @property
    def ready(self) -> tuple[str, ...]:
        """The references of this page whose code can be issued."""
        return tuple(item.line.reference for item in self.page.lines if item.is_ready)

    @property
    def references(self) -> tuple[str, ...]:
        return tuple(item.line.reference for item in self.page.lines)


@router.get(PLACE)
def show_worklist(request: Request, context: Context, visitor: Rectorat) -> HTMLResponse:
    """The worklist, filtered as its address tells."""
    criteria = WorklistCriteria.read(request.query_params)
    after = request.query_params.get("apres", "")[:CURSOR]
    worklist = _load(context.app, visitor, criteria, after)
    following = criteria.address(("apres", worklist.page.after)) if worklist.page.after else None
    return context.pages.page(
        request, "worklist/page.html", visitor, criteria=criteria, worklist=worklist, tags=list(criteria.tags()),
        actions=BULK.values(), issue=ISSUE, following=following, first=criteria.address() if after else None,
        is_default=criteria == USUAL, origin_query=origin_query(criteria), live=StateChoice.LIVE, State=State,
    )  # fmt: skip


def _load(app: App, visitor: Visitor, criteria: WorklistCriteria, after: str) -> WorklistPage:
    filters = criteria.filters(app, visitor.actor)
    with app.database.read() as connection:
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        total = worklist.counts({"": filters})[""]
        page = worklist.page(filters, criteria.order, after or None, PAGE)
        kinds, departements = kinds_and_departements(connection)
        years = [str(year) for year in reversed(years_with_requests(connection))]
        options = Options(kinds=kinds, departements=departements, years=years)
        renewals = renewal_progress(connection, app.policy, app.clock.now())
        return WorklistPage(page, total, Counters.load(worklist, app, visitor.actor), options, renewals)
