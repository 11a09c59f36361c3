"""A whole request in one sitting: from the declaration to « demande envoyée », on one page, in one transaction."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.actions import chef_fields as fields
from portal.web.chef.declaring import (
    declaration,
    declaration_fields,
    ending_soon,
    school_of,
    uai_of,
    with_homonym,
)
from portal.web.chef.home import may_act
from portal.web.chef.steps import REMAINING, arrived, sat, steps_of
from portal.web.forms import Field, Form, blank, filled
from portal.web.installed import Installed
from portal.web.visitors import Chef, Here, Posted, Visitor
from states.case import Refused
from states.vocabulary import State

router = APIRouter()


@router.get("/demande-complete")
def whole_page(request: Request, here: Here, visitor: Chef) -> Response:
    """Everything that a new request needs, each datum once."""
    if not may_act(here, visitor):
        return RedirectResponse("/etablissement", status_code=303)
    return _shown(request, here, visitor, visitor.uai, blank(_fields(here)))


@router.post("/demande-complete")
def whole(request: Request, here: Here, visitor: Chef, data: Posted) -> Response:
    """Do every step, or none of them (R7)."""
    uai = uai_of(visitor, data)
    form = filled(with_homonym(_fields(here), data), data)
    if not form.is_right:
        return _shown(request, here, visitor, uai, form, status=422)
    command = declaration(uai, form.values)
    identity = (command.nom, command.prenom, command.mail)
    steps = steps_of(here, REMAINING[State.DECLARED], form.values, identity)
    result = sat(here, visitor, [lambda _: command, *steps], form)
    if isinstance(result, Refused):
        form = form.asking([fields.HOMONYM], result.reasons).refused(result.reasons)
        return _shown(request, here, visitor, uai, form, status=422)
    return arrived(request, here, visitor, result)


def _fields(here: Installed) -> list[Field]:
    today = here.pages.today()
    calendar, now = here.house.policy.calendar, here.house.clock.now()
    first = min(calendar.accepts_from(year) for year in calendar.open_years(now))
    return [*declaration_fields(here), fields.made_on(today), fields.why(), fields.signed_on(today, first)]


def _shown(request: Request, here: Installed, visitor: Visitor, uai: str, form: Form, status: int = 200) -> Response:
    house = here.house
    return here.pages.page(
        request, "chef/whole.html", visitor, status=status, form=form, school=school_of(here, uai),
        years=house.policy.calendar.open_years(house.clock.now()), ends_soon=ending_soon(here),
    )  # fmt: skip
