"""Renewing last year's request in one sitting: the two dates, and nothing else (R33)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from portal.web.actions.base import ActionContext, show_result, version_of
from portal.web.actions.chef import HOMONYM, WHY, made_on_field, renewal, renewal_fields, signed_on_field
from portal.web.chef.declare import REMAINING, sat, school_of, steps_of, uai_of, with_homonym
from portal.web.chef.home import may_act
from portal.web.context import WebContext
from portal.web.dependencies import Chef, Context, Posted
from portal.web.forms import Field, Form, blank, filled
from portal.web.security import Visitor
from states import commands as c
from states.decision import Refused
from states.refusals import Reason
from states.vocabulary import State, Trigger
from workflow.engine.engine import Result
from workflow.requests.lists import ChefRequest
from workflow.year_end.renewals import MAX_TAKEN_OVER, names_of, open_year, to_take_over

router = APIRouter(prefix="/demandes/{reference}")


@router.get("/renouveler")
def renewal_page(request: Request, context: Context, visitor: Chef, reference: str) -> Response:
    """What is known, and the two dates that are to be given."""
    action_context = ActionContext.load(context, visitor, reference)
    if not action_context.is_open(Trigger.RENEW):
        return RedirectResponse(action_context.address, status_code=303)
    return _shown(request, action_context, blank(_fields(action_context)))


@router.post("/renouveler")
def renew(request: Request, context: Context, visitor: Chef, reference: str, data: Posted) -> Response:
    """Renew, attest and submit, or none of it (R7)."""
    action_context = ActionContext.load(context, visitor, reference)
    if not action_context.is_open(Trigger.RENEW):
        return RedirectResponse(action_context.address, status_code=303)
    form = filled(with_homonym(_fields(action_context), data), data)
    if not form.is_right:
        return _shown(request, action_context, form, status=422)
    old = action_context.view.request
    common = {"reference": reference, "expected_version": version_of(data), "on_behalf": None}
    command = renewal(action_context, form.values, common)
    identity = (old.nom, old.prenom, old.mail)
    steps = steps_of(context, REMAINING[State.DECLARED], form.values, identity, why=_why(action_context))
    result = sat(context, visitor, [lambda _: command, *steps], form, reference)
    if isinstance(result, Refused):
        form = form.asking([HOMONYM], result.reasons).refused(result.reasons)
        return _shown(request, action_context, form, status=422)
    return show_result(request, context, visitor, result)


def _why(action_context: ActionContext) -> str:
    """The reason of last year, shown on the page."""
    return action_context.view.request.delegation_why or WHY


def _fields(action_context: ActionContext) -> list[Field]:
    calendar = action_context.app.policy.calendar
    first = min((calendar.accepts_from(year) for year in action_context.view.renewal_years), default=None)
    days = [made_on_field(action_context.today, first), signed_on_field(action_context.today, first)]
    return [*renewal_fields(action_context), *days]


def _shown(request: Request, action_context: ActionContext, form: Form, status: int = 200) -> Response:
    return action_context.web.pages.page(
        request, "chef/renew.html", action_context.visitor, status=status, form=form,
        view=action_context.view, action_context=action_context, why=_why(action_context),
        years=action_context.view.renewal_years,
    )  # fmt: skip


# One button that takes last year's RUPN over for the year that is open: nothing is typed (R33, R81).


router_taking_over = APIRouter()


_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What came of one: ``reference`` is the new request's when it is done, the old one's when it is refused."""

    who: str
    reference: str
    is_done: bool
    reasons: tuple[Reason, ...]
    is_theirs: bool

    @property
    def may_be_confirmed(self) -> bool:
        """Whether it is a homonym that a word of the chef's clears up, on a page of its own (R17)."""
        return not self.is_done and all(reason.field == HOMONYM.name for reason in self.reasons)


@router_taking_over.get("/reprendre")
def prepare(request: Request, context: Context, visitor: Chef) -> Response:
    """Their names, all ticked."""
    if not may_act(context, visitor):
        return RedirectResponse("/etablissement", status_code=303)
    return _page(request, context, visitor, visitor.uai, blank(()))


@router_taking_over.post("/reprendre")
def take_over(request: Request, context: Context, visitor: Chef, data: Posted) -> Response:
    """Renew each of those that are ticked; one refused stops no other, and is told why."""
    uai, form, chosen = uai_of(visitor, data), filled((), data), _chosen(data)
    if not chosen:
        return _page(request, context, visitor, uai, form, status=422, nobody=True)
    app = context.app
    with app.database.read() as connection:
        names = names_of(connection, chosen, visitor.actor)
    year = open_year(app.policy, app.clock.now())
    commands = [c.Renew(reference=one, school_year=year) for one in chosen]
    results = app.engine.execute(commands, visitor.actor, key=f"web:{form.key}")
    taken = [_taken(one, result, names) for one, result in zip(chosen, results, strict=True)]
    if all(one.is_done and not one.reasons for one in taken):
        return RedirectResponse(f"/etablissement?repris={len(taken)}", status_code=303)
    return context.pages.page(
        request, "chef/taken_over.html", visitor, status=200 if any(one.is_done for one in taken) else 422,
        school=school_of(context, uai), year=year, done_ones=[one for one in taken if one.is_done],
        refused=[one for one in taken if not one.is_done],
    )  # fmt: skip


def _chosen(data: FormData) -> list[str]:
    """The ticked references, each once, in an order of their own: the same form is the same action (R10)."""
    given = {str(one) for one in data.getlist("choix")}
    return sorted(one for one in given if _REFERENCE.fullmatch(one))[:MAX_TAKEN_OVER]


def _taken(reference: str, result: Result, names: Mapping[str, str]) -> Taken:
    who, theirs = names.get(reference, f"demande {reference}"), reference in names
    if isinstance(result, Refused):
        return Taken(who=who, reference=reference, is_done=False, reasons=result.reasons, is_theirs=theirs)
    return Taken(who=who, reference=result.reference, is_done=True, reasons=result.warnings, is_theirs=theirs)


def _offered(context: WebContext, visitor: Visitor, uai: str) -> Sequence[ChefRequest]:
    app = context.app
    with app.database.read() as connection:
        return to_take_over(connection, uai, visitor.actor, app.policy, app.mailer, app.clock.now())


def _page(
    request: Request, context: WebContext, visitor: Visitor, uai: str, form: Form, status: int = 200, *,
    nobody: bool = False,
) -> Response:  # fmt: skip
    app = context.app
    return context.pages.page(
        request, "chef/take_over.html", visitor, status=status, form=form, school=school_of(context, uai),
        items=_offered(context, visitor, uai), year=open_year(app.policy, app.clock.now()), nobody=nobody,
    )  # fmt: skip
