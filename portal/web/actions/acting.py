"""Showing the page of an action, and doing it: the same for every trigger and for both sides."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from portal.web.actions.model import BEHALF, Action, Asked, on_behalf
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.installed import Installed
from portal.web.visitors import Visitor
from portal.web.worklist.origin import origin_of
from states.case import Refused
from states.refusals import Reason
from states.table import BY_TRIGGER
from states.vocabulary import Role, Trigger
from workflow.reading.showing import show_request
from workflow.reading.view import RequestView

Actions = Mapping[str, Action]
"""The actions of one side, by slug."""


def seen(here: Installed, visitor: Visitor, reference: str) -> RequestView:
    """The request whole; 404 alike for an unknown one and for one that this visitor may not see (R3)."""
    house = here.house
    if not reference.isascii() or not reference.isprintable():  # which a database may not even compare
        raise HTTPException(404)
    with house.database.read() as connection:
        view = show_request(connection, reference, visitor.actor, house.policy, house.mailer, house.clock.now())
    if view is None:
        raise HTTPException(404)
    return view


def page_of(
    request: Request, here: Installed, visitor: Visitor, reference: str, actions: Actions, slug: str,
    given: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page on which the action is prepared; one that is no longer open leads back to the request.

    ``given`` stands in the fields that it names instead of what they propose.
    """
    action, asked = _asked(request, here, visitor, reference, actions, slug)
    if not is_open(asked.view, action.trigger):
        return RedirectResponse(asked.at(), status_code=303)
    fields = [replace(one, value=(given or {}).get(one.name, one.value)) for one in _fields(action, asked)]
    return _shown(request, asked, action, blank(fields))


def done_by(
    request: Request, here: Installed, visitor: Visitor, reference: str, actions: Actions, slug: str, data: FormData
) -> Response:
    """Do it, and lead to the request; what is refused stays on the page with its reasons, and nothing has changed."""
    action, asked = _asked(request, here, visitor, reference, actions, slug)
    form = filled([*_fields(action, asked), *(one for one in action.on_demand if one.name in data)], data)
    if not form.is_right:
        return _shown(request, asked, action, form, status=422)
    version = str(data.get("version") or "")
    common: dict[str, Any] = {
        "reference": reference, "expected_version": int(version) if version.isdecimal() and len(version) < 10 else None,
        "on_behalf": on_behalf(form.values),
    }  # fmt: skip
    command = action.build(asked, form.values, common)
    (result,) = here.house.engine.execute([command], visitor.actor, key=f"web:{form.key}")
    if isinstance(result, Refused):
        form = form.asking(action.on_demand, result.reasons)
        return _shown(request, asked, action, form.refused(_placed(result.reasons)), status=422)
    if result.warnings:
        place = asked.at(reference=result.reference)
        return here.pages.page(
            request, "actions/done.html", visitor, result=result, place=place, warnings=result.warnings
        )
    return RedirectResponse(asked.at(reference=result.reference, fait=result.trigger.value), status_code=303)


def is_open(view: RequestView, trigger: Trigger) -> bool:
    """Whether this visitor may do this now."""
    return any(action.trigger is trigger for action in view.actions)


def _asked(
    request: Request, here: Installed, visitor: Visitor, reference: str, actions: Actions, slug: str
) -> tuple[Action, Asked]:
    action = actions.get(slug)
    if action is None:
        raise HTTPException(404)
    view = seen(here, visitor, reference)
    origin = origin_of(request, visitor)
    return action, Asked(here=here, visitor=visitor, view=view, today=here.pages.today(), origin=origin)


def _fields(action: Action, asked: Asked) -> list[Field]:
    fields = list(action.fields(asked))
    if asked.visitor.is_operator and Role.OPERATOR not in BY_TRIGGER[action.trigger].roles:
        fields += _behalf(asked.today)
    return fields


def _placed(reasons: Iterable[Reason]) -> Iterator[Reason]:
    """The establishment's request to an operator is one thing for the rules, and three fields on a page (R5)."""
    for reason in reasons:
        at = "behalf_when" if reason.code == "date_out_of_bounds" else "behalf_who"
        yield replace(reason, field=at) if reason.field == "on_behalf" else reason


def _behalf(today: date) -> list[Field]:
    return [replace(one, value=today.isoformat()) if one.shape is Shape.DAY else one for one in BEHALF]


def _shown(request: Request, asked: Asked, action: Action, form: Form, status: int = 200) -> Response:
    return asked.here.pages.page(
        request, action.template, asked.visitor, status=status, action=action, asked=asked, form=form, view=asked.view,
        can_act=is_open(asked.view, action.trigger), **action.more(asked),
    )  # fmt: skip
