"""/rectorat/lot: one action on the requests chosen in the worklist, shown before, told one by one after."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.installed import Installed
from portal.web.visitors import Here, Operator, Posted, Visitor, operator
from portal.web.worklist.bulk_actions import BATCH, BULK, BulkAction
from portal.web.worklist.criteria import Criteria
from portal.web.worklist.executing import Told, build_all, execute_all
from portal.web.worklist.selection import MOST, Batch, carried, chosen, shown_again
from workflow.reading.worklist import WorkLine

router = APIRouter(prefix=BATCH, include_in_schema=False)
SURE: Final = "sure"


@router.get("")
def prepare(request: Request, here: Here, visitor: Operator) -> Response:
    """What is about to be done, of which requests: nothing is done yet."""
    query = request.query_params
    criteria, action = Criteria.read(query), BULK.get(query.get("action", ""))
    if action is None:
        return nothing(request, here, visitor, criteria, "Aucune action n'est choisie", "Choisir ce qu'il faut faire.")
    batch = chosen(here, visitor, action, criteria, query)
    return page(request, here, visitor, action, batch, blank(_fields(action, here, len(batch.lines))), criteria)


@router.get("/{slug}", dependencies=[Depends(operator)])
def lost(slug: str) -> Response:
    """The page that a result stood on, asked for again: there is nothing left to show."""
    if slug not in BULK:
        raise HTTPException(404)
    return RedirectResponse(Criteria.read(QueryParams()).address(), status_code=303)


@router.post("/{slug}")
def act(request: Request, here: Here, visitor: Operator, slug: str, data: Posted) -> Response:
    """Do it, and tell what came of each; what is wrong in the form stays on the page and changes nothing."""
    action = BULK.get(slug)
    if action is None or action.by_line:
        raise HTTPException(404)
    versions = carried(str(data.get("lot") or ""))
    criteria = Criteria.read(QueryParams(str(data.get("retour") or "")[:4000]))
    form = filled(_fields(action, here, len(versions)), data)
    lines = shown_again(here, visitor, versions)
    if not form.is_right or not versions:
        return page(request, here, visitor, action, Batch(lines=lines), form, criteria, status=422)
    commands = build_all(versions, lambda _, common: action.build(form.values, common))
    by_reference = {line.line.reference: line for line in lines}
    told = [
        Told(reference, by_reference.get(reference), result)
        for reference, result in execute_all(here, visitor, commands, form.key)
    ]
    return results(request, here, visitor, action, told, criteria)


def page(
    request: Request, here: Installed, visitor: Visitor, action: BulkAction, batch: Batch, form: Form,
    criteria: Criteria, *, status: int = 200,
) -> Response:  # fmt: skip
    """The requests and the action's fields; an action with a field a request has a page of its own."""
    if not batch.lines:
        left_out = "Aucune des demandes choisies n'est dans l'état d'où part cette action."
        remedy = left_out if batch.left_out else "Cocher au moins une demande de la liste."
        return nothing(request, here, visitor, criteria, "Aucune demande à traiter", remedy)
    return here.pages.page(
        request, "worklist/codes.html" if action.by_line else "worklist/batch.html", visitor, status=status,
        action=action, batch=batch, form=form, back=criteria.address(), last_days=_last_days(batch.lines),
        kept=criteria.address().partition("?")[2], most=MOST,
    )  # fmt: skip


def results(
    request: Request, here: Installed, visitor: Visitor, action: BulkAction, told: list[Told], criteria: Criteria
) -> Response:
    """What came of each; sent again by the browser, it shows the same (R10)."""
    return here.pages.page(
        request, "worklist/results.html", visitor, action=action, done_ones=[one for one in told if one.is_done],
        refused=[one for one in told if not one.is_done], back=criteria.address(),
        again=action.prepared([one.reference for one in told if not one.is_done], criteria.pairs()),
    )  # fmt: skip


def nothing(
    request: Request, here: Installed, visitor: Visitor, criteria: Criteria, title: str, remedy: str
) -> Response:
    """Why there is nothing to do, and the way back."""
    return here.pages.page(
        request, "worklist/nothing.html", visitor, status=422, title=title, remedy=remedy, back=criteria.address()
    )


def _fields(action: BulkAction, here: Installed, count: int) -> tuple[Field, ...]:
    """The action's own; what cannot be taken back wants a box ticked, that says how many."""
    fields = action.fields(here.pages.today())
    if not action.danger:
        return fields
    told = "Je confirme pour cette demande" if count < 2 else f"Je confirme pour ces {count} demandes"
    return (*fields, Field(name=SURE, label=told, shape=Shape.CHECK, missing="Cocher pour confirmer."))


def _last_days(lines: tuple[WorkLine, ...]) -> Mapping[str, date]:
    """The day that a key must bear on the ODA server, by school year (R43)."""
    return {str(one.line.school_year): one.last_day for one in lines}
