"""Renewing last year's requests: one of them whole, or several by one button (R33, R81)."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.actions.base import ActionContext, show_result, version_of, with_refusal
from portal.web.actions.chef import CONFIRMATIONS, made_on_field, renewal, renewal_fields, signed_on_field
from portal.web.chef.declare import (
    REMAINING,
    execute_steps,
    school_of,
    steps_of,
    uai_of,
    with_confirmations,
)
from portal.web.chef.home import may_act
from portal.web.context import Chef, Context, Posted, Typed, WebContext
from portal.web.forms import REFERENCE, Field, Form, blank, filled
from portal.web.security import Visitor
from states import commands as c
from states import french
from states.decision import Refused
from states.refusals import Reason
from states.vocabulary import State, Trigger
from workflow.engine.engine import Done, Result
from workflow.engine.idempotency import key_of
from workflow.year_end.renewals import MAX_TAKEN_OVER, names_of, open_year, to_take_over

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class RenewalResult:
    """The renewal of one request. ``reference`` is the new request's when it is done, the old one's when refused."""

    who: str
    reference: str
    is_done: bool
    reasons: tuple[Reason, ...]
    is_theirs: bool

    @property
    def may_be_confirmed(self) -> bool:
        """True for an address or a homonym, which the chef can confirm on a page of its own (R16, R17)."""
        names = {field.name for field in CONFIRMATIONS}
        return not self.is_done and all(reason.field in names for reason in self.reasons)


@router.get("/demandes/{reference}/renouveler")
def show_renewal(request: Request, context: Context, visitor: Chef, reference: str) -> Response:
    """The identity that is taken over, and the two dates to give."""
    action_context = ActionContext.load(context, visitor, reference)
    if not action_context.is_open(Trigger.RENEW):
        return RedirectResponse(action_context.address, status_code=303)
    return _render(request, action_context, blank(_fields(action_context)))


@router.post("/demandes/{reference}/renouveler")
def execute_renewal(request: Request, context: Context, visitor: Chef, reference: str, data: Typed) -> Response:
    """Renew, attest and submit, or none of it (R7)."""
    action_context = ActionContext.load(context, visitor, reference)
    if not action_context.is_open(Trigger.RENEW):
        return RedirectResponse(action_context.address, status_code=303)
    form = filled(with_confirmations(_fields(action_context), data), data)
    if form.is_right:
        former = action_context.view.request
        common = {"reference": reference, "expected_version": version_of(data), "on_behalf": None}
        command = renewal(action_context, form.values, common)
        identity = (former.nom, former.prenom, former.mail)
        rest = steps_of(context, REMAINING[State.DECLARED], form.values, identity, why=_why(action_context))
        result = execute_steps(context, visitor, [lambda _: command, *rest], form, reference)
        if isinstance(result, Done):
            return show_result(request, context, visitor, result)
        form = with_refusal(form, result, visitor, CONFIRMATIONS)
    return _render(request, action_context, form, status=422)


_INDISPENSABLE = "Cette délégation est indispensable pour administrer les comptes EduConnect des responsables légaux."
"""For a request of last year that says none."""


def _why(action_context: ActionContext) -> str:
    """The reason of last year, shown on the page."""
    return action_context.view.request.delegation_why or _INDISPENSABLE


def _fields(action_context: ActionContext) -> list[Field]:
    calendar, today = action_context.app.policy.calendar, action_context.today
    first = min((calendar.accepts_from(year) for year in action_context.view.renewal_years), default=None)
    return [*renewal_fields(action_context), made_on_field(today, first), signed_on_field(today, first)]


def _render(request: Request, action_context: ActionContext, form: Form, status: int = 200) -> Response:
    view = action_context.view
    return action_context.web.pages.page(
        request, "chef/renew.html", action_context.visitor, status=status, form=form, view=view,
        action_context=action_context, why=_why(action_context), years=view.renewal_years,
    )  # fmt: skip


@router.get("/reprendre")
def show_take_over(request: Request, context: Context, visitor: Chef) -> Response:
    """The names of last year's RUPN, all ticked."""
    if not may_act(context, visitor):
        return RedirectResponse("/etablissement", status_code=303)
    return _render_take_over(request, context, visitor, visitor.uai, blank(()))


@router.post("/reprendre")
def execute_take_over(request: Request, context: Context, visitor: Chef, data: Posted) -> Response:
    """Renew each request that is ticked; one refused stops no other, and its reasons are shown."""
    uai, form = uai_of(visitor, data), filled((), data)
    ticked = {str(value) for value in data.getlist("choix")}
    # in an order of their own: the same form is the same action (R10)
    references = sorted(value for value in ticked if REFERENCE.fullmatch(value))[:MAX_TAKEN_OVER]
    if not references:
        return _render_take_over(request, context, visitor, uai, form, status=422, nobody=True)
    app = context.app
    with app.database.read() as connection:
        names = names_of(connection, references, visitor.actor)
    year = open_year(app.policy, app.clock.now())
    commands = [c.Renew(reference=reference, school_year=year) for reference in references]
    key = key_of(app.hasher, f"web:{form.key}", commands)
    results = app.engine.execute(commands, visitor.actor, key=key)
    renewals = [
        _renewal_result(reference, result, names) for reference, result in zip(references, results, strict=True)
    ]
    if all(renewal.is_done and not renewal.reasons for renewal in renewals):
        done = french.plural(len(renewals), "RUPN est repris", "RUPN sont repris")
        sentence = f"{done} pour {year} ; il reste la délégation, la charte et l'envoi"
        return context.success_messages.redirect(visitor, "/etablissement", sentence)
    accepted = [renewal for renewal in renewals if renewal.is_done]
    return context.pages.page(
        request, "chef/taken_over.html", visitor, status=200 if accepted else 422, school=school_of(context, uai),
        year=year, accepted=accepted, refused=[renewal for renewal in renewals if not renewal.is_done],
    )  # fmt: skip


def _renewal_result(reference: str, result: Result, names: Mapping[str, str]) -> RenewalResult:
    who, is_theirs = names.get(reference, f"demande {reference}"), reference in names
    if isinstance(result, Refused):
        return RenewalResult(
            who=who, reference=reference, is_done=False, reasons=result.reasons, is_theirs=is_theirs
        )  # fmt: skip
    return RenewalResult(
        who=who, reference=result.reference, is_done=True, reasons=result.warnings, is_theirs=is_theirs
    )  # fmt: skip


def _render_take_over(
    request: Request, context: WebContext, visitor: Visitor, uai: str, form: Form, status: int = 200, *,
    nobody: bool = False,
) -> Response:  # fmt: skip
    app = context.app
    now = app.clock.now()
    with app.database.read() as connection:
        items = to_take_over(connection, uai, visitor.actor, app.policy, app.mailer, now)
    return context.pages.page(
        request, "chef/take_over.html", visitor, status=status, form=form, school=school_of(context, uai),
        items=items, year=open_year(app.policy, now), nobody=nobody,
    )  # fmt: skip
