"""/rectorat: the counters of what comes first, and the list behind each; a reader sees it without actions (R2)."""

from dataclasses import dataclass, replace
from typing import Final, Self

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection

from portal.exports.lists import READ_TOGETHER, worklist_workbook
from portal.exports.workbook import Workbook
from portal.web.context import Context, Rectorat, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.security import Visitor
from portal.web.worklist.bulk_actions import DRAW, ISSUE, bulk_actions
from portal.web.worklist.filters import (
    PLACE,
    USUAL,
    Age,
    CheckChoice,
    ListPosition,
    StateChoice,
    Task,
    WorklistCriteria,
    packed,
)
from states.model import Actor
from workflow.app import App
from workflow.journal.exports import ExportedList
from workflow.requests.filters import years_with_requests
from workflow.requests.search import count_named
from workflow.requests.worklist import PAGE, Count, Order, Worklist, WorkPage, kinds_and_departements
from workflow.year_end.renewals import RenewalProgress, renewal_progress

router = APIRouter(include_in_schema=False)

EXPORT: Final = f"{PLACE}/export"

DASHBOARD: Final = f"{PLACE}/tableau-de-bord"
"""A reader's first page."""


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
    _task(Task.CODE_HELD, "code tiré à transmettre", "codes tirés à transmettre", is_urgent=True),
    _task(Task.REPORT_DUE, "signalement à régler", "signalements à régler", is_urgent=True),
    _task(Task.LATE, "demande en retard", "demandes en retard", is_urgent=True),
    _task(Task.ANSWERED, "réponse reçue", "réponses reçues"),
    _checks(CheckChoice.READY, "prête à émettre", "prêtes à émettre"),
    _checks(CheckChoice.TO_DO, "à vérifier", "à vérifier"),
    _checks(CheckChoice.TOO_OLD, "vérification trop ancienne", "vérifications trop anciennes"),
    _checks(CheckChoice.NEGATIVE, "vérification négative", "vérifications négatives"),
    _task(Task.SCHOOL_CLOSED, "d'un établissement fermé", "d'établissements fermés"),
    _task(Task.CODE_UNREAD, "code pas encore lu", "codes pas encore lus"),
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
class SortColumn:
    """A column of the list, and the orders that its heading offers: ``forwards`` first, then the other way."""

    label: str
    forwards: Order | None = None
    backwards: Order | None = None

    def aria_sort(self, order: Order) -> str:
        """How the column is sorted, in the words of ARIA; empty when it is not."""
        if order is self.forwards:
            return "ascending"
        return "descending" if order is self.backwards else ""

    def next_order(self, order: Order) -> Order | None:
        """The order to which its heading leads; None for a column that does not sort."""
        return self.backwards if order is self.forwards and self.backwards else self.forwards


COLUMNS: Final = (
    SortColumn("RUPN", Order.NAME, Order.NAME_BACKWARDS),
    SortColumn("Établissement"),
    SortColumn("Dép.", Order.ESTABLISHMENT, Order.ESTABLISHMENT_BACKWARDS),
    SortColumn("État", Order.STATE),
    SortColumn("Depuis", Order.WAITING, Order.LATEST),
    SortColumn("Suivi"),
    SortColumn("À noter"),
)


@dataclass(frozen=True)
class WorklistPage:
    """One read of the database: a page of the list, the count of the whole list, the counters, the options.

    ``elsewhere`` counts the requests of the same name that the other filters leave out; None without a name.
    """

    page: WorkPage
    total: Count
    counters: Counters
    options: Options
    renewals: RenewalProgress | None
    elsewhere: Count | None

    @property
    def ready(self) -> tuple[str, ...]:
        """The references of this page whose code can be issued."""
        return tuple(item.line.reference for item in self.page.lines if item.is_ready)

    @property
    def references(self) -> tuple[str, ...]:
        return tuple(item.line.reference for item in self.page.lines)

    @property
    def first(self) -> int:
        """The position of the first line in the whole list, from 1."""
        return self.page.rank.number + 1

    @property
    def last(self) -> int:
        return self.page.rank.number + len(self.page.lines)


@router.get(PLACE)
def show_worklist(request: Request, context: Context, visitor: Rectorat) -> Response:
    """The worklist, filtered as its address tells; what the form of its ticks sent gets a clean address.

    A reader who asks for no list in particular comes to the first page of readers.
    """
    position = ListPosition.read(request.query_params)
    if not visitor.is_operator and not request.query_params:  # nothing of the usual list waits for a reader
        return RedirectResponse(DASHBOARD, status_code=303)
    if "portee" in request.query_params:
        return RedirectResponse(f"{position.address()}#liste", status_code=303)
    return render_worklist(request, context, visitor, position)


def render_worklist(
    request: Request, context: WebContext, visitor: Visitor, position: ListPosition, problem: str = ""
) -> HTMLResponse:
    """The list at this position; ``problem``: why what was asked for could not be prepared (R7)."""
    criteria = position.criteria
    worklist = _load(context.app, visitor, position)
    return context.pages.page(
        request, "worklist/page.html", visitor, status=422 if problem else 200, position=position, criteria=criteria,
        worklist=worklist, tags=list(criteria.tags()), actions=bulk_actions(context.app.policy), issue=ISSUE,
        problem=problem, draw_codes=DRAW, draw=_draw_button(context.app, worklist, criteria),
        columns=COLUMNS, is_default=criteria == USUAL, live=StateChoice.LIVE,
        elsewhere=position.elsewhere(worklist.references), packed=packed,
        export=replace(position, after="", before="", ticked=()).address(EXPORT),
    )  # fmt: skip


def _draw_button(app: App, worklist: WorklistPage, criteria: WorklistCriteria) -> Tile | None:
    """The ready requests whose codes can be drawn at once: those of the list when it shows them, else all (R97)."""
    if not app.policy.draws_codes:
        return None
    ready = next(tile for tile in worklist.counters.tasks if tile.counter.criteria.checks is CheckChoice.READY)
    if criteria.checks is CheckChoice.READY:
        ready = Tile(replace(ready.counter, criteria=criteria), worklist.total)
    return ready if ready.count.number else None


def _load(app: App, visitor: Visitor, position: ListPosition) -> WorklistPage:
    criteria = position.criteria
    filters = criteria.filters(app, visitor.actor)
    with app.database.read() as connection:
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        total = worklist.counts({"": filters})[""]
        after, before = position.after or None, position.before or None
        page = worklist.page(filters, criteria.order, after, PAGE, before=before)
        kinds, departements = kinds_and_departements(connection)
        years = [str(year) for year in reversed(years_with_requests(connection))]
        options = Options(kinds=kinds, departements=departements, years=years)
        is_arrival = criteria == USUAL and not (after or before)  # the count grows with the keys of a year: told once
        renewals = renewal_progress(connection, app.policy, app.clock.now()) if is_arrival else None
        elsewhere = None
        if criteria.name:
            named = count_named(connection, visitor.actor, criteria.name)
            elsewhere = Count(max(0, named.number - total.number))
        return WorklistPage(page, total, Counters.load(worklist, app, visitor.actor), options, renewals, elsewhere)


@router.get(EXPORT)
async def export_worklist(request: Request, context: Context, visitor: Rectorat, file_format: ChosenFormat) -> Response:
    """The whole list that these filters leave, in its order, as a file (R87, R92)."""
    app, criteria = context.app, ListPosition.read(request.query_params).criteria

    def workbook(connection: Connection) -> Workbook:
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        lines = worklist.walk(criteria.filters(app, visitor.actor), criteria.order, READ_TOGETHER)
        return worklist_workbook(lines, app.settings.zoneinfo)

    return await download_list(
        context.export_of(visitor, ExportedList.REQUESTS), file_format, workbook, criteria.address()
    )
