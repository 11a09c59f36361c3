"""Renewing last year's request in one sitting: the two dates, and nothing else (R33)."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.actions import chef_fields as fields
from portal.web.actions.acting import is_open, seen
from portal.web.actions.chef import renewal, renewal_fields, years_of
from portal.web.actions.model import Asked
from portal.web.chef.declaring import with_homonym
from portal.web.chef.steps import REMAINING, arrived, sat, steps_of, version_of
from portal.web.forms import Field, Form, blank, filled
from portal.web.installed import Installed
from portal.web.visitors import Chef, Here, Posted, Visitor
from states.case import Refused
from states.vocabulary import State, Trigger

router = APIRouter(prefix="/demandes/{reference}")


@router.get("/renouveler")
def renewal_page(request: Request, here: Here, visitor: Chef, reference: str) -> Response:
    """What is known, and the two dates that are to be given."""
    asked = _asked(here, visitor, reference)
    if not is_open(asked.view, Trigger.RENEW):
        return RedirectResponse(asked.place, status_code=303)
    return _shown(request, asked, blank(_fields(asked)))


@router.post("/renouveler")
def renew(request: Request, here: Here, visitor: Chef, reference: str, data: Posted) -> Response:
    """Renew, attest and submit, or none of it (R7)."""
    asked = _asked(here, visitor, reference)
    if not is_open(asked.view, Trigger.RENEW):
        return RedirectResponse(asked.place, status_code=303)
    form = filled(with_homonym(_fields(asked), data), data)
    if not form.is_right:
        return _shown(request, asked, form, status=422)
    old = asked.view.request
    common = {"reference": reference, "expected_version": version_of(data), "on_behalf": None}
    command = renewal(asked, form.values, common)
    identity = (old.nom, old.prenom, old.mail)
    steps = steps_of(here, REMAINING[State.DECLARED], form.values, identity, why=_why(asked))
    result = sat(here, visitor, [lambda _: command, *steps], form, reference)
    if isinstance(result, Refused):
        form = form.asking([fields.HOMONYM], result.reasons).refused(result.reasons)
        return _shown(request, asked, form, status=422)
    return arrived(request, here, visitor, result)


def _asked(here: Installed, visitor: Visitor, reference: str) -> Asked:
    view = seen(here, visitor, reference)
    return Asked(here=here, visitor=visitor, view=view, today=here.pages.today())


def _why(asked: Asked) -> str:
    """The reason of last year, shown on the page."""
    return asked.view.request.delegation_why or fields.WHY


def _fields(asked: Asked) -> list[Field]:
    calendar = asked.here.house.policy.calendar
    first = min((calendar.accepts_from(year) for year in years_of(asked)), default=None)
    days = [fields.made_on(asked.today, first), fields.signed_on(asked.today, first)]
    return [*renewal_fields(asked), *days]


def _shown(request: Request, asked: Asked, form: Form, status: int = 200) -> Response:
    return asked.here.pages.page(
        request, "chef/renew.html", asked.visitor, status=status, form=form, view=asked.view, asked=asked,
        why=_why(asked), years=years_of(asked),
    )  # fmt: skip
