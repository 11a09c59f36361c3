"""/rectorat/lot: one action on many requests of the worklist, shown before, reported one by one after.

Codes that were drawn together have a page of their batch (R97).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException

from portal.web.context import Context, Posted, ProvenOperator, Typed, WebContext, operator
from portal.web.forms import REFERENCE, Field, Form, Shape, blank, filled
from portal.web.security import Visitor
from portal.web.worklist.filters import MOST, ListPosition, references_among
from portal.web.worklist.page import BATCH, BULK, DRAW, ISSUE, BulkAction, render_worklist
from states.commands import Code, Command
from states.decision import Refused
from states.refusals import Reason
from states.rules.code import typed_code
from states.vocabulary import CodeStatus
from workflow.codes.batches import MOST_DRAWN, Drawing, UnknownBatch, batch_state, draw_codes, load_batch
from workflow.engine.engine import Done, Result, execute_in_batches
from workflow.engine.idempotency import key_of
from workflow.requests.filters import Count
from workflow.requests.worklist import WorkLine, Worklist

CODES_PATH: Final = "/rectorat/codes"

router = APIRouter(prefix=BATCH, include_in_schema=False)

LONGEST_WAY_BACK: Final = 8000
"""Characters of the list's address that a form carries: its filters, and as many ticks as there can be."""

SURE: Final = "sure"
"""The field that confirms an action that cannot be taken back."""

_VERSION: Final = re.compile(rf"({REFERENCE.pattern}):([0-9]{{1,9}})")

_SAME_CODE: Final = Reason(
    "code_twice", "R42", "Le même code est saisi pour plusieurs de ces demandes",
    "Relire ces codes sur le serveur ODA et les ressaisir : chaque clé a le sien.",
)  # fmt: skip

_NO_CODE: Final = Reason("no_code", "R41", "Aucun code n'est saisi", "Saisir au moins un code.")


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The results of some requests of a batch; ``done`` is said of those that were accepted."""

    done: str
    results: Mapping[str, Result]

    @property
    def accepted(self) -> int:
        return sum(isinstance(result, Done) for result in self.results.values())

    @property
    def on_the_way(self) -> Mapping[str, int]:
        """The version of each request whose mail was let go, for who takes it back (R62)."""
        return {ref: x.version for ref, x in self.results.items() if isinstance(x, Done) and not x.replayed}

    @property
    def refused(self) -> Mapping[str, tuple[Reason, ...]]:
        return {ref: result.reasons for ref, result in self.results.items() if isinstance(result, Refused)}

    @property
    def warned(self) -> Mapping[str, tuple[Reason, ...]]:
        return {r: x.warnings for r, x in self.results.items() if isinstance(x, Done) and x.warnings}


class Reach(StrEnum):
    """The requests chosen: those ticked, those of the page, all of the filter. The value stands in the address."""

    TICKED = "cochees"
    PAGE = "page"
    FILTER = "filtre"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The requests of one bulk action, as they were shown.

    Each has its version, so that one changed in between is left alone and reported (R9). ``left_out`` are not where
    the action starts from; ``beyond`` counts those that the filter leaves.
    """

    lines: tuple[WorkLine, ...]
    left_out: tuple[WorkLine, ...] = ()
    beyond: Count | None = None

    @classmethod
    def of(cls, action: BulkAction, lines: Iterable[WorkLine], beyond: Count | None = None) -> Self:
        able: list[WorkLine] = []
        left_out: list[WorkLine] = []
        for line in lines:
            (able if action.can_have(line) else left_out).append(line)
        return cls(lines=tuple(able), left_out=tuple(left_out), beyond=beyond)

    @property
    def versions(self) -> str:
        """The requests and their versions, as the form carries them."""
        return " ".join(f"{item.line.reference}:{item.line.version}" for item in self.lines)


@dataclass(frozen=True)
class BulkResult:
    """A request and the result of its command."""

    reference: str
    line: WorkLine | None
    result: Result

    @property
    def is_done(self) -> bool:
        return isinstance(self.result, Done)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.result.reasons if isinstance(self.result, Refused) else ()

    @property
    def warnings(self) -> tuple[Reason, ...]:
        return self.result.warnings if isinstance(self.result, Done) else ()


def render_batch(
    request: Request, context: WebContext, visitor: Visitor, number: int, *, result: BatchResult | None = None,
    reasons: Sequence[Reason] = (), problem: str = "", ticked: Sequence[str] = (), status: int = 200,
) -> Response:  # fmt: skip
    """The batch as it is now, below what was just done of it. Raises HTTPException (404)."""
    app = context.app
    with app.database.read() as connection:
        try:
            batch = load_batch(connection, number)
        except UnknownBatch:
            raise HTTPException(404) from None
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        lines = worklist.lines(batch.references[:MOST_DRAWN])
    waiting, others = list[WorkLine](), list[WorkLine]()
    for line in lines:
        (waiting if line.line.reference in batch.waiting else others).append(line)
    hold = app.policy.code_hold
    return context.pages.page(
        request, "rectorat/code_batch.html", visitor, status=status, batch=batch, waiting=waiting, others=others,
        result=result, reasons=reasons, problem=problem, ticked=ticked, state=batch_state(batch), form=blank(()),
        file_form=blank(()), leaves_at=app.clock.now() + hold if hold else None, hold_key=blank(()).key,
        HELD=CodeStatus.HELD,
    )  # fmt: skip


@router.get("")
def show_bulk_action(request: Request, context: Context, visitor: ProvenOperator) -> Response:
    """The action and its requests: nothing is done yet."""
    query = request.query_params
    position, action = ListPosition.read(query), BULK.get(query.get("action", ""))
    if action is None:
        problem = "Aucune action n'est choisie : choisissez-en une dans la barre au bas de la liste."
        return render_worklist(request, context, visitor, position, problem)
    batch = load_chosen(context, visitor, action, position, query)
    form = blank(_fields(action, context, len(batch.lines)))
    return _render_batch(request, context, visitor, action, batch, form, position)


@router.get("/{slug}", dependencies=[Depends(operator)])
def leave_result(slug: str) -> Response:
    """The page of a result, read again: there is nothing left to show."""
    if slug not in BULK:
        raise HTTPException(404)
    return RedirectResponse(ListPosition.read(QueryParams()).address(), status_code=303)


@router.post(f"/{ISSUE.slug}")
def issue_codes(request: Request, context: Context, visitor: ProvenOperator, data: Posted) -> Response:
    """Issue the codes that were typed, one field a request; an empty field leaves its request as it is (R39).

    A code that was typed is never shown again (R60).
    """
    versions, position = _sent(data)
    lines = _load_lines(context, visitor, versions)
    texts = {reference: typed_code(str(data.get(f"code-{reference}") or "")) for reference in versions}
    codes = {reference: code for reference, code in texts.items() if code}
    if not codes:
        form = blank(()).refused([_NO_CODE])
        return _render_batch(request, context, visitor, ISSUE, Batch(lines=lines), form, position, status=422)
    uses = Counter(codes.values())
    repeated = [reference for reference, code in codes.items() if uses[code] > 1]
    unique = {reference: versions[reference] for reference in codes if reference not in repeated}
    commands = build_all(unique, lambda ref, common: ISSUE.build({"code": Code(clear=codes[ref])}, common))
    results: dict[str, Result] = {reference: Refused((_SAME_CODE,)) for reference in repeated}
    results |= execute_all(context, visitor, commands, filled((), data).key)
    in_page_order = ((reference, results[reference]) for reference in codes)
    return _render_results(request, context, visitor, ISSUE, lines, in_page_order, position)


@router.post(f"/{DRAW.slug}")
def draw_batch(request: Request, context: Context, visitor: ProvenOperator, data: Posted) -> Response:
    """Draw a code for each request, in one batch, and lead to it; sent twice, it is the same batch (R97)."""
    versions, position = _sent(data)
    lines = _load_lines(context, visitor, versions)
    form = filled((), data)
    if not versions:
        return _render_batch(request, context, visitor, DRAW, Batch(lines=lines), form, position, status=422)
    drawings = [Drawing(reference=reference, version=version) for reference, version in versions.items()]
    drawn = draw_codes(context.app.engine, drawings, visitor.actor, key=f"web:{form.key}")
    if drawn.number is None:
        return _render_results(request, context, visitor, DRAW, lines, drawn.results.items(), position)
    result = BatchResult("tiré", drawn.results)
    if not result.refused and not result.warned:
        return RedirectResponse(f"{CODES_PATH}/{drawn.number}", status_code=303)
    return render_batch(request, context, visitor, drawn.number, result=result)


@router.post("/{slug}")
def execute_bulk_action(
    request: Request, context: Context, visitor: ProvenOperator, slug: str, data: Typed
) -> Response:
    """Execute the action and report each request; a wrong field keeps the page, and nothing changes."""
    action = BULK.get(slug)
    if action is None or action.by_line:
        raise HTTPException(404)
    versions, position = _sent(data)
    form = filled(_fields(action, context, len(versions)), data)
    lines = _load_lines(context, visitor, versions)
    if not form.is_right or not versions:
        return _render_batch(request, context, visitor, action, Batch(lines=lines), form, position, status=422)
    commands = build_all(versions, lambda _, common: action.build(form.values, common))
    results = execute_all(context, visitor, commands, form.key)
    return _render_results(request, context, visitor, action, lines, results, position)


def load_chosen(
    context: WebContext, visitor: Visitor, action: BulkAction, position: ListPosition, query: QueryParams
) -> Batch:
    """The requests of the address, as they are now."""
    app, reach = context.app, query.get("portee", Reach.TICKED.value)
    with app.database.read() as connection:
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        if reach != Reach.FILTER.value:
            is_page = reach == Reach.PAGE.value
            chosen = references_among(query.get("page", "").split()) if is_page else position.ticked
            return Batch.of(action, worklist.lines(chosen))
        filters = position.criteria.filters(app, visitor.actor)
        references = worklist.references(filters, position.criteria.order, MOST)
        total = worklist.counts({"": filters})[""]
        beyond = Count(total.number - len(references)) if total.number > len(references) else None
        return Batch.of(action, worklist.lines(references), beyond)


def _load_lines(context: WebContext, visitor: Visitor, versions: Mapping[str, int]) -> tuple[WorkLine, ...]:
    app = context.app
    with app.database.read() as connection:
        return Worklist(connection, visitor.actor, app.policy, app.clock.now()).lines(list(versions))


def _sent(data: FormData) -> tuple[dict[str, int], ListPosition]:
    """The requests with their versions, and the list's position, that a form carries; anything else is ignored."""
    texts = str(data.get("lot") or "")[: MOST * 40].split()
    matches = [match for text in texts if (match := _VERSION.fullmatch(text))]
    versions = {match[1]: int(match[2]) for match in matches[:MOST]}
    return versions, ListPosition.read(QueryParams(str(data.get("retour") or "")[:LONGEST_WAY_BACK]))


def execute_all(
    context: WebContext, visitor: Visitor, commands: Mapping[str, Command], key: str
) -> Iterator[tuple[str, Result]]:
    """Yield the result of each request, in order; sent twice, the same results.

    Another selection, or other answers, under the same form are another action (R10).
    """
    engine = context.app.engine
    results = execute_in_batches(
        engine, list(commands.values()), visitor.actor,
        key=lambda _, batch: key_of(engine.hasher, f"web:{key}", batch),
    )  # fmt: skip
    return zip(commands, results, strict=True)


def build_all(versions: Mapping[str, int], build: Callable[[str, Mapping[str, Any]], Command]) -> dict[str, Command]:
    """The command of each request, which must still be as it was shown (R9)."""
    return {
        reference: build(reference, {"reference": reference, "expected_version": version})
        for reference, version in versions.items()
    }


def _fields(action: BulkAction, context: WebContext, count: int) -> tuple[Field, ...]:
    """The action's own; one that cannot be taken back adds a box to tick, which tells how many."""
    fields = action.fields(context.pages.today())
    if not action.danger:
        return fields
    label = "Je confirme pour cette demande" if count < 2 else f"Je confirme pour ces {count} demandes"
    return (*fields, Field(name=SURE, label=label, shape=Shape.CHECK, missing="Cocher pour confirmer."))


def _render_batch(
    request: Request, context: WebContext, visitor: Visitor, action: BulkAction, batch: Batch, form: Form,
    position: ListPosition, *, status: int = 200,
) -> Response:  # fmt: skip
    """The requests and the action's fields; ``last_days``: of each school year, for the key (R43).

    Without a request that the action can have, the list again, its ticks kept, which says why.
    """
    if not batch.lines:
        problem = f"« {action.texts.choice} » n'est possible pour aucune des demandes choisies, dans leur état actuel."
        if not batch.left_out:
            problem = "Aucune demande n'est cochée : cochez-en au moins une, ou agissez sur toute la page."
        return render_worklist(request, context, visitor, position, problem)
    back = position.address()
    return context.pages.page(
        request, "worklist/codes.html" if action.by_line else "worklist/batch.html", visitor, status=status,
        action=action, batch=batch, form=form, back=back, way_back=back.partition("?")[2], most=MOST,
        last_days={str(item.line.school_year): item.last_day for item in batch.lines},
    )  # fmt: skip


def _render_results(
    request: Request, context: WebContext, visitor: Visitor, action: BulkAction, lines: Iterable[WorkLine],
    results: Iterable[tuple[str, Result]], position: ListPosition,
) -> Response:  # fmt: skip
    """The result of each request; sent again by the browser, the form shows the same (R10)."""
    by_reference = {item.line.reference: item for item in lines}
    hold, now = context.app.policy.code_hold, context.app.clock.now()
    reports = [BulkResult(reference, by_reference.get(reference), result) for reference, result in results]
    refused = [report for report in reports if not report.is_done]
    unticked = replace(position, ticked=tuple(report.reference for report in refused))
    return context.pages.page(
        request, "worklist/results.html", visitor, action=action, refused=refused, back=unticked.address(),
        accepted=[report for report in reports if report.is_done],
        leaves_at=now + hold if action.by_line and hold else None, hold_key=blank(()).key,
        on_the_way=BatchResult("", {report.reference: report.result for report in reports}).on_the_way,
        again=action.prepared([report.reference for report in refused], replace(position, ticked=()).pairs()),
    )  # fmt: skip
