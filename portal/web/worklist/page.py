"""/rectorat: the counters of what comes first, the list behind each, and the actions on many of its requests.

A reader sees it without actions (R2).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Self
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection

from portal.exports.lists import READ_TOGETHER, worklist_workbook
from portal.exports.spreadsheet_files import Workbook
from portal.texts import TRIGGER_TEXTS, BulkTexts
from portal.web.context import Context, Rectorat, WebContext
from portal.web.download import ChosenFormat, download_list
from portal.web.forms import Field, Shape, choices
from portal.web.security import Visitor
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
from states import commands as c
from states.model import Actor, Policy
from states.transitions import BY_TRIGGER
from states.vocabulary import CheckOutcome, Labelled, RemovalOutcome, RevokeReason, Settlement, Step, Trigger
from workflow.app import App
from workflow.journal.security_log import ExportedList
from workflow.requests.filters import Count, count_named, years_with_requests
from workflow.requests.worklist import PAGE, Order, WorkLine, Worklist, WorkPage, kinds_and_departements
from workflow.year_end.renewals import RenewalProgress, renewal_progress

Values = Mapping[str, Any]

BATCH: Final = f"{PLACE}/lot"

_SETTLEMENT: Final = Field(
    name="settlement", label="Ce qui a été fait", shape=Shape.CHOICE,
    options=choices(s for s in Settlement if s is not Settlement.REVOCATION_DATED),
)  # fmt: skip
"""A day is set request by request."""

router = APIRouter(include_in_schema=False)

EXPORT: Final = f"{PLACE}/export"

DASHBOARD: Final = f"{PLACE}/tableau-de-bord"
"""A reader's first page."""


@dataclass(frozen=True, kw_only=True)
class BulkAction:
    """One trigger on many requests.

    ``danger``: it cannot be taken back, and is confirmed by a box; ``build`` makes the command from the values read and
    from what every command has: ``reference``, ``expected_version``. ``by_line``: each request has a field of its own.
    """

    trigger: Trigger
    slug: str
    build: Callable[[Values, Mapping[str, Any]], c.Command]
    fields: Callable[[date], tuple[Field, ...]] = lambda _: ()
    danger: bool = False
    by_line: bool = False

    @property
    def texts(self) -> BulkTexts:
        return TRIGGER_TEXTS[self.trigger].bulk

    @property
    def address(self) -> str:
        return f"{BATCH}/{self.slug}"

    def prepared(self, references: Iterable[str], filters: Iterable[tuple[str, str]]) -> str:
        """The address at which it is prepared for these requests; ``filters``: of the list to come back to."""
        pairs = [("action", self.slug), ("cochees", packed(references)), *filters]
        return f"{BATCH}?{urlencode(pairs)}"

    def prepared_of_filter(self, filters: Iterable[tuple[str, str]]) -> str:
        """The address at which it is prepared for all the requests that these filters leave."""
        return f"{BATCH}?{urlencode([('action', self.slug), ('portee', 'filtre'), *filters])}"

    def can_have(self, item: WorkLine) -> bool:
        """Return True when the action starts from this request's state (R1) and its object is there.

        The engine decides all the same.
        """
        if item.line.state not in BY_TRIGGER[self.trigger].sources:
            return False
        match self.trigger:
            case Trigger.ISSUE_CODE | Trigger.DRAW_CODE:
                return item.is_ready
            case Trigger.CONFIRM_REMOVAL:
                return item.line.removal_open
            case Trigger.SETTLE_CHANGE:
                return item.line.report_open
            case Trigger.CONFIRM_EXPIRY:
                return item.expiry_differs
        return True


def _choice(name: str, label: str, values: type[Labelled], missing: str = "") -> Field:
    return Field(name=name, label=label, shape=Shape.CHOICE, options=choices(values), missing=missing)


def _check_fields(today: date) -> tuple[Field, ...]:
    return (
        _choice("outcome", "Résultat, le même pour toutes", CheckOutcome, "Dire ce que la vérification a trouvé."),
        Field(name="source", label="La liste qui a été lue", hint="En quelques mots, par exemple « export DelegCE »."),
        Field(name="checked_on", label="Vérifiée le", shape=Shape.DAY, value=today.isoformat()),
    )


def _check(command: type[c.CheckListing] | type[c.CheckDelegation]) -> Callable[..., c.Command]:
    def build(values: Values, common: Mapping[str, Any]) -> c.Command:
        outcome = CheckOutcome(values["outcome"])
        return command(outcome=outcome, source=values["source"], checked_on=values["checked_on"], **common)

    return build


def _why(label: str, hint: str = "", *, required: bool = True, name: str = "why") -> Field:
    return Field(name=name, label=label, shape=Shape.AREA, required=required,
                 hint=hint or "La même pour toutes. Quelques mots, sans nom ni donnée de santé.")  # fmt: skip


_ALL: Final = (
    BulkAction(trigger=Trigger.DRAW_CODE, slug="tirer", build=lambda _, common: c.DrawCode(batch=0, **common)),
    BulkAction(
        trigger=Trigger.ISSUE_CODE, slug="emettre", by_line=True,
        build=lambda values, common: c.IssueCode(code=values["code"], **common),
    ),
    BulkAction(
        trigger=Trigger.CHECK_LISTING, slug="verifier-liste", fields=_check_fields, build=_check(c.CheckListing),
    ),
    BulkAction(
        trigger=Trigger.CHECK_DELEGATION, slug="verifier-delegation", fields=_check_fields,
        build=_check(c.CheckDelegation),
    ),
    BulkAction(
        trigger=Trigger.SEND_BACK, slug="renvoyer", danger=True,
        fields=lambda _: (_choice("step", "L'étape à refaire", Step),
                          _why("La raison, que chaque établissement lira")),
        build=lambda v, common: c.SendBack(step=Step(v["step"]), why=v["why"], **common),
    ),
    BulkAction(
        trigger=Trigger.CONFIRM_EXPIRY, slug="cocher-expiration", build=lambda _, common: c.ConfirmExpiry(**common),
    ),
    BulkAction(
        trigger=Trigger.SETTLE_CHANGE, slug="regler",
        fields=lambda _: (_SETTLEMENT, _why("Pourquoi, ce que chaque établissement lira")),
        build=lambda v, common: c.SettleChange(settlement=Settlement(v["settlement"]), why=v["why"], **common),
    ),
    BulkAction(
        trigger=Trigger.CONFIRM_REMOVAL, slug="confirmer-retrait", danger=True,
        fields=lambda _: (_choice("outcome", "Ce qui a été fait sur le serveur ODA", RemovalOutcome),
                          _why("Précision", required=False, name="note")),
        build=lambda v, common: c.ConfirmRemoval(
            outcome=RemovalOutcome(v["outcome"]), note=v["note"] or "", **common
        ),
    ),
    BulkAction(
        trigger=Trigger.REVOKE, slug="revoquer", danger=True,
        fields=lambda _: (_choice("reason", "La raison, la même pour toutes", RevokeReason),
                          _why("Précision", "Nécessaire pour un refus, une erreur ou une autre raison.",
                               required=False, name="note")),
        build=lambda v, common: c.Revoke(reason=RevokeReason(v["reason"]), note=v["note"] or "", **common),
    ),
)  # fmt: skip

BULK: Final[Mapping[str, BulkAction]] = MappingProxyType({action.slug: action for action in _ALL})
"""The actions by the end of their address, in the order in which they are proposed."""

ISSUE: Final = BULK["emettre"]

DRAW: Final = BULK["tirer"]
"""Its batch is made by the post of its page."""


def bulk_actions(policy: Policy) -> list[BulkAction]:
    """The actions that are proposed under these settings."""
    return [action for action in BULK.values() if action is not DRAW or policy.draws_codes]


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
        """The sorting of the column, in the words of ARIA; empty when it is not sorted."""
        if order is self.forwards:
            return "ascending"
        return "descending" if order is self.backwards else ""

    def next_order(self, order: Order) -> Order | None:
        """The order to which its heading leads; None for a column that does not sort."""
        return self.backwards if order is self.forwards and self.backwards else self.forwards


COLUMNS: Final = (
    SortColumn("RUPN", Order.NAME, Order.NAME_BACKWARDS),
    SortColumn("Établissement", Order.SCHOOL, Order.SCHOOL_BACKWARDS),
    SortColumn("Dép.", Order.ESTABLISHMENT, Order.ESTABLISHMENT_BACKWARDS),
    SortColumn("État", Order.STATE),
    SortColumn("Depuis", Order.WAITING, Order.LATEST),
    SortColumn("Suivi"),
    SortColumn("À noter"),
)

_HEADED: Final = {order for column in COLUMNS for order in (column.forwards, column.backwards)}
"""The orders that a column's arrow shows; any other is said in words."""


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

    @classmethod
    def load(cls, app: App, actor: Actor, position: ListPosition) -> Self:
        """The page at this position, as this reader may see it."""
        criteria = position.criteria
        filters = criteria.filters(app, actor)
        with app.database.read() as connection:
            worklist = Worklist(connection, actor, app.policy, app.clock.now())
            total = worklist.counts({"": filters})[""]
            after, before = position.after or None, position.before or None
            page = worklist.page(filters, criteria.order, after, PAGE, before=before)
            kinds, departements = kinds_and_departements(connection)
            years = [str(year) for year in reversed(years_with_requests(connection))]
            options = Options(kinds=kinds, departements=departements, years=years)
            is_arrival = criteria == USUAL and not (
                after or before
            )  # the count grows with the keys of a year: told once
            renewals = renewal_progress(connection, app.policy, app.clock.now()) if is_arrival else None
            elsewhere = None
            if criteria.name:
                named = count_named(connection, actor, criteria.name)
                elsewhere = Count(max(0, named.number - total.number))
            return cls(page, total, Counters.load(worklist, app, actor), options, renewals, elsewhere)

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
    criteria, label = position.criteria, position.criteria.order.label
    worklist = WorklistPage.load(context.app, visitor.actor, position)
    return context.pages.page(
        request, "worklist/page.html", visitor, status=422 if problem else 200, position=position, criteria=criteria,
        worklist=worklist, tags=list(criteria.tags()), actions=bulk_actions(context.app.policy), issue=ISSUE,
        problem=problem, draw_codes=DRAW, draw=_draw_button(context.app, worklist, criteria),
        columns=COLUMNS, is_default=criteria == USUAL, live=StateChoice.LIVE,
        unheaded_order="" if criteria.order in _HEADED else label[:1].lower() + label[1:],
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
