"""What is left of a request that was begun, in one sitting."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.actions.acting import is_open, seen
from portal.web.actions.chef import SLUGS, charter_fields, delegation_fields
from portal.web.actions.model import Asked
from portal.web.chef.steps import REMAINING, arrived, sat, steps_of, version_of
from portal.web.forms import Field, Form, blank, filled
from portal.web.installed import Installed
from portal.web.visitors import Chef, Here, Posted, Visitor
from states.case import Refused
from states.vocabulary import Trigger

router = APIRouter(prefix="/demandes/{reference}")


@router.get("/terminer")
def finish_page(request: Request, here: Here, visitor: Chef, reference: str) -> Response:
    """The steps that are left, together; one alone has its own page."""
    asked, left = _asked(here, visitor, reference)
    if len(left) < 2:
        place = f"{asked.place}/{SLUGS[left[0]]}" if left else asked.place
        return RedirectResponse(place, status_code=303)
    return _shown(request, asked, left, blank(_fields(asked, left)))


@router.post("/terminer")
def finish(request: Request, here: Here, visitor: Chef, reference: str, data: Posted) -> Response:
    """Do what is left, or none of it (R7)."""
    asked, left = _asked(here, visitor, reference)
    if not left:  # somebody did it, or this form was sent twice
        return RedirectResponse(asked.place, status_code=303)
    form = filled(_fields(asked, left), data)
    if not form.is_right:
        return _shown(request, asked, left, form, status=422)
    known = asked.view.request
    identity = (known.nom, known.prenom, known.mail)
    steps = steps_of(here, left, form.values, identity, version=version_of(data))
    result = sat(here, visitor, steps, form, reference)
    if isinstance(result, Refused):
        return _shown(request, asked, left, form.refused(result.reasons), status=422)
    return arrived(request, here, visitor, result)


def _asked(here: Installed, visitor: Visitor, reference: str) -> tuple[Asked, tuple[Trigger, ...]]:
    """The request, and the steps that are left to who asks; none when the first one is not open."""
    view = seen(here, visitor, reference)
    left = REMAINING.get(view.request.state, ())
    asked = Asked(here=here, visitor=visitor, view=view, today=here.pages.today())
    return asked, left if left and is_open(view, left[0]) else ()


def _fields(asked: Asked, left: Sequence[Trigger]) -> list[Field]:
    delegation = delegation_fields(asked) if Trigger.DELEGATE in left else ()
    charter = charter_fields(asked) if Trigger.SIGN_CHARTER in left else ()
    return [*delegation, *charter]


def _shown(request: Request, asked: Asked, left: Sequence[Trigger], form: Form, status: int = 200) -> Response:
    return asked.here.pages.page(
        request, "chef/finish.html", asked.visitor, status=status, form=form, view=asked.view, asked=asked, left=left
    )
