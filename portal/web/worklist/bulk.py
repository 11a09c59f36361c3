"""/rectorat/lot: one action on the requests chosen in the worklist, shown before, told one by one after."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, Self

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException

from portal.web.context import WebContext
from portal.web.dependencies import Context, Operator, Posted, operator
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.security import Visitor
from portal.web.worklist.bulk_actions import BATCH, BULK, ISSUE, BulkAction
from portal.web.worklist.filters import Criteria
from states.commands import Code, Command
from states.decision import Refused
from states.refusals import Reason
from workflow.engine.engine import Done, Result
from workflow.engine.sequence import execute_in_batches
from workflow.requests.worklist import Count, WorkLine, Worklist

# One action on many requests, slice after slice, each request refused or done by itself (R7, R10).


@dataclass(frozen=True)
class Told:
    """A request and what came of it."""

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


def execute_all(
    context: WebContext, visitor: Visitor, commands: Mapping[str, Command], key: str
) -> Iterator[tuple[str, Result]]:
    """Yield the result of each request, in order; sent twice, the same results.

    A batch's key is drawn from the form's and from the references that it holds, so that another selection under the
    same form is another action (R10).
    """
    references = list(commands)

    def key_of(start: int, batch: Sequence[Command]) -> str:
        named = " ".join(references[start : start + len(batch)])
        return f"web:{key}:{hashlib.sha256(named.encode()).hexdigest()[:16]}"

    results = execute_in_batches(context.app.engine, list(commands.values()), visitor.actor, key=key_of)
    return zip(references, results, strict=True)


def build_all(versions: Mapping[str, int], build: Callable[[str, Mapping[str, Any]], Command]) -> dict[str, Command]:
    """The command of each request, which must still be as it was shown (R9)."""
    return {
        reference: build(reference, {"reference": reference, "expected_version": version})
        for reference, version in versions.items()
    }


# Which requests an action is asked of: those ticked, those of the page, or all that the filter leaves.


MOST: Final = 300
"""How many requests one action takes at most: what is left stays in the filter for the next time."""


_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")


_NAMED: Final = re.compile(r"(ODA-[0-9]{4}-[0-9]{5,9}):([0-9]{1,9})")


class Reach(StrEnum):
    """How far a choice reaches; the value stands in the address."""

    TICKED = "cochees"
    PAGE = "page"
    FILTER = "filtre"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Requests of which one action is asked, as they were shown: each with its version, so that one that somebody
    changed in between is left alone and said (R9). ``left_out`` are not where the action starts from; ``beyond`` is
    how many more the filter leaves."""

    lines: tuple[WorkLine, ...]
    left_out: tuple[WorkLine, ...] = ()
    beyond: Count | None = None

    @classmethod
    def of(cls, action: BulkAction, lines: Iterable[WorkLine], beyond: Count | None = None) -> Self:
        told = tuple(lines)
        able = tuple(line for line in told if action.can_have(line))
        return cls(lines=able, left_out=tuple(line for line in told if line not in able), beyond=beyond)

    @property
    def named(self) -> str:
        """What the form carries: the very requests that are shown, and how they were."""
        return " ".join(f"{one.line.reference}:{one.line.version}" for one in self.lines)


def chosen(context: WebContext, visitor: Visitor, action: BulkAction, criteria: Criteria, query: QueryParams) -> Batch:
    """The requests of the address, looked up now."""
    app, reach = context.app, query.get("portee", Reach.TICKED.value)
    with app.database.read() as connection:
        worklist = Worklist(connection, visitor.actor, app.policy, app.clock.now())
        if reach != Reach.FILTER.value:
            texts = query.get("page", "").split() if reach == Reach.PAGE.value else query.getlist("ref")
            return Batch.of(action, worklist.lines(_references(texts)))
        filters = criteria.filters(app)
        references = worklist.references(filters, criteria.order, MOST)
        total = worklist.counts({"": filters})[""]
        beyond = Count(total.number - len(references)) if total.number > len(references) else None
        return Batch.of(action, worklist.lines(references), beyond)


def shown_again(context: WebContext, visitor: Visitor, versions: dict[str, int]) -> tuple[WorkLine, ...]:
    """The requests that a form carries, as they are now."""
    app = context.app
    with app.database.read() as connection:
        return Worklist(connection, visitor.actor, app.policy, app.clock.now()).lines(list(versions))


def carried(text: str) -> dict[str, int]:
    """The references and versions that a form carries; what is not of that form is left out."""
    found = (_NAMED.fullmatch(part) for part in text[: MOST * 40].split())
    return dict([(one[1], int(one[2])) for one in found if one][:MOST])


def _references(texts: Sequence[str]) -> list[str]:
    """Each once, in the order given."""
    return list(dict.fromkeys(text for text in texts if _REFERENCE.fullmatch(text)))[:MOST]


router = APIRouter(prefix=BATCH, include_in_schema=False)


SURE: Final = "sure"


@router.get("")
def prepare(request: Request, context: Context, visitor: Operator) -> Response:
    """What is about to be done, of which requests: nothing is done yet."""
    query = request.query_params
    criteria, action = Criteria.read(query), BULK.get(query.get("action", ""))
    if action is None:
        return nothing(
            request, context, visitor, criteria, "Aucune action n'est choisie", "Choisir ce qu'il faut faire."
        )
    batch = chosen(context, visitor, action, criteria, query)
    return page(request, context, visitor, action, batch, blank(_fields(action, context, len(batch.lines))), criteria)


@router.get("/{slug}", dependencies=[Depends(operator)])
def lost(slug: str) -> Response:
    """The page that a result stood on, asked for again: there is nothing left to show."""
    if slug not in BULK:
        raise HTTPException(404)
    return RedirectResponse(Criteria.read(QueryParams()).address(), status_code=303)


@router.post("/{slug}")
def act(request: Request, context: Context, visitor: Operator, slug: str, data: Posted) -> Response:
    """Do it, and tell what came of each; what is wrong in the form stays on the page and changes nothing."""
    action = BULK.get(slug)
    if action is None or action.by_line:
        raise HTTPException(404)
    versions = carried(str(data.get("lot") or ""))
    criteria = Criteria.read(QueryParams(str(data.get("retour") or "")[:4000]))
    form = filled(_fields(action, context, len(versions)), data)
    lines = shown_again(context, visitor, versions)
    if not form.is_right or not versions:
        return page(request, context, visitor, action, Batch(lines=lines), form, criteria, status=422)
    commands = build_all(versions, lambda _, common: action.build(form.values, common))
    by_reference = {line.line.reference: line for line in lines}
    told = [
        Told(reference, by_reference.get(reference), result)
        for reference, result in execute_all(context, visitor, commands, form.key)
    ]
    return results(request, context, visitor, action, told, criteria)


def page(
    request: Request, context: WebContext, visitor: Visitor, action: BulkAction, batch: Batch, form: Form,
    criteria: Criteria, *, status: int = 200,
) -> Response:  # fmt: skip
    """The requests and the action's fields; an action with a field a request has a page of its own."""
    if not batch.lines:
        left_out = "Aucune des demandes choisies n'est dans l'état d'où part cette action."
        remedy = left_out if batch.left_out else "Cocher au moins une demande de la liste."
        return nothing(request, context, visitor, criteria, "Aucune demande à traiter", remedy)
    return context.pages.page(
        request, "worklist/codes.html" if action.by_line else "worklist/batch.html", visitor, status=status,
        action=action, batch=batch, form=form, back=criteria.address(), last_days=_last_days(batch.lines),
        kept=criteria.address().partition("?")[2], most=MOST,
    )  # fmt: skip


def results(
    request: Request, context: WebContext, visitor: Visitor, action: BulkAction, told: list[Told], criteria: Criteria
) -> Response:
    """What came of each; sent again by the browser, it shows the same (R10)."""
    return context.pages.page(
        request, "worklist/results.html", visitor, action=action, done_ones=[one for one in told if one.is_done],
        refused=[one for one in told if not one.is_done], back=criteria.address(),
        again=action.prepared([one.reference for one in told if not one.is_done], criteria.pairs()),
    )  # fmt: skip


def nothing(
    request: Request, context: WebContext, visitor: Visitor, criteria: Criteria, title: str, remedy: str
) -> Response:
    """Why there is nothing to do, and the way back."""
    return context.pages.page(
        request, "worklist/nothing.html", visitor, status=422, title=title, remedy=remedy, back=criteria.address()
    )


def _fields(action: BulkAction, context: WebContext, count: int) -> tuple[Field, ...]:
    """The action's own; what cannot be taken back wants a box ticked, that says how many."""
    fields = action.fields(context.pages.today())
    if not action.danger:
        return fields
    told = "Je confirme pour cette demande" if count < 2 else f"Je confirme pour ces {count} demandes"
    return (*fields, Field(name=SURE, label=told, shape=Shape.CHECK, missing="Cocher pour confirmer."))


def _last_days(lines: tuple[WorkLine, ...]) -> Mapping[str, date]:
    """The day that a key must bear on the ODA server, by school year (R43)."""
    return {str(one.line.school_year): one.last_day for one in lines}


# « Saisir les codes »: a field a request, in the order of the list; what is typed is never shown again (R39, R60).


router_codes = APIRouter(prefix=BATCH, include_in_schema=False)


FIELD: Final = "code-"


LONGEST: Final = 64


_TWICE: Final = Reason(
    "code_twice", "R42", "Le même code est saisi pour plusieurs de ces demandes",
    "Relire ces codes sur le serveur ODA et les ressaisir : chaque clé a le sien.",
)  # fmt: skip


_NONE: Final = Reason("no_code", "R41", "Aucun code n'est saisi", "Saisir au moins un code.")


@router_codes.post(f"/{ISSUE.slug}")
def issue(request: Request, context: Context, visitor: Operator, data: Posted) -> Response:
    """Issue the codes that were typed; a field left empty leaves its request as it is."""
    versions = carried(str(data.get("lot") or ""))
    criteria = Criteria.read(QueryParams(str(data.get("retour") or "")[:4000]))
    lines = shown_again(context, visitor, versions)
    codes = _typed(data, versions)
    if not codes:
        form = blank(()).refused([_NONE])
        return page(request, context, visitor, ISSUE, Batch(lines=lines), form, criteria, status=422)
    twice = _typed_twice(codes)
    wanted = {reference: versions[reference] for reference in codes if reference not in twice}
    commands = build_all(wanted, lambda one, common: ISSUE.build({"code": Code(clear=codes[one])}, common))
    found: dict[str, Result] = {reference: Refused((_TWICE,)) for reference in twice}
    found |= execute_all(context, visitor, commands, filled((), data).key)
    by_reference = {line.line.reference: line for line in lines}
    told = [Told(reference, by_reference.get(reference), found[reference]) for reference in codes]
    return results(request, context, visitor, ISSUE, told, criteria)


def _typed(data: FormData, versions: Mapping[str, int]) -> dict[str, str]:
    """The codes by reference, in the order of the page; spaces around them are a slip of the hand."""
    read = {reference: str(data.get(f"{FIELD}{reference}") or "").strip()[:LONGEST] for reference in versions}
    return {reference: code for reference, code in read.items() if code}


def _typed_twice(codes: Mapping[str, str]) -> set[str]:
    """The requests that were given the same code: one of them at least is a slip."""
    often = Counter(codes.values())
    return {reference for reference, code in codes.items() if often[code] > 1}
