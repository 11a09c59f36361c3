"""« Déclarer au nom de l'établissement »: an operator does what a chef who telephoned asked (R5, R25)."""

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.actions.chef_fields import HOMONYM
from portal.web.actions.model import BEHALF, on_behalf
from portal.web.chef.declaring import declaration, declaration_fields, with_homonym
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.installed import Installed
from portal.web.rectorat.establishments import PLACE, known
from portal.web.visitors import Here, Operator, Posted, Visitor
from states.case import Refused
from states.vocabulary import Trigger
from workflow.directory import Listed

router = APIRouter(prefix=PLACE, include_in_schema=False)


def _fields(here: Installed) -> list[Field]:
    """The chef's form, then who asked, how and when."""
    today = here.pages.today().isoformat()
    behalf = (replace(one, value=today) if one.shape is Shape.DAY else one for one in BEHALF)
    return [*declaration_fields(here), *behalf]


@router.get("/{uai}/declarer")
def prepare(request: Request, here: Here, visitor: Operator, uai: str) -> Response:
    """The form."""
    place, _ = known(here, visitor, uai)
    return _page(request, here, visitor, place, blank(_fields(here)))


@router.post("/{uai}/declarer")
def declare(request: Request, here: Here, visitor: Operator, uai: str, data: Posted) -> Response:
    """Declare, and lead to the request."""
    place, _ = known(here, visitor, uai)
    form = filled(with_homonym(_fields(here), data), data)
    if not form.is_right:
        return _page(request, here, visitor, place, form, status=422)
    command = replace(declaration(place.uai, form.values), on_behalf=on_behalf(form.values))
    (result,) = here.house.engine.execute([command], visitor.actor, key=f"web:{form.key}")
    if isinstance(result, Refused):
        form = form.asking([HOMONYM], result.reasons).refused(result.reasons)
        return _page(request, here, visitor, place, form, status=422)
    address = f"/rectorat/demandes/{result.reference}"
    if result.warnings:
        return here.pages.page(
            request, "actions/done.html", visitor, result=result, place=address, warnings=result.warnings
        )
    return RedirectResponse(f"{address}?fait={Trigger.DECLARE.value}", status_code=303)


def _page(
    request: Request, here: Installed, visitor: Visitor, place: Listed, form: Form, status: int = 200
) -> Response:
    return here.pages.page(
        request, "rectorat/establishments_declare.html", visitor, status=status, place=place, form=form
    )
