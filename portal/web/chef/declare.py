"""Declaring a RUPN: the first step alone, the whole request at once, or the rest of one that was begun.

Last year's requests are renewed: one of them whole, or several by one button (R33, R81).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from portal.web.actions.base import ActionContext, show_result, version_of, with_refusal
from portal.web.actions.chef import (
    CONFIRMATIONS,
    HOMONYM,
    MAIL_CONFIRMED,
    SLUGS,
    attested_reason,
    charter_fields,
    delegation_fields,
    drane_fields,
    ends_soon,
    identity_fields,
    made_on_field,
    reason_fields,
    renewal,
    renewal_fields,
    school_year_fields,
    signed_on_field,
    with_proposed_names,
)
from portal.web.chef.home import may_act
from portal.web.context import Chef, Context, Posted, Typed, WebContext
from portal.web.forms import REFERENCE, Field, Form, blank, filled
from portal.web.security import Visitor
from states import commands as c
from states import french
from states.decision import Refused
from states.model import Establishment
from states.refusals import Reason
from states.school_calendar import SchoolYear
from states.validation import storable
from states.vocabulary import State, Trigger
from workflow.engine.engine import Done, Result, Step, execute_sequence
from workflow.engine.idempotency import key_of
from workflow.requests.lists import establishment_of
from workflow.year_end.renewals import MAX_TAKEN_OVER, names_of, open_year, to_take_over

router = APIRouter()

REMAINING: Final[Mapping[State, tuple[Trigger, ...]]] = {
    State.DECLARED: (Trigger.DELEGATE, Trigger.SIGN_CHARTER, Trigger.SUBMIT),
    State.DELEGATED: (Trigger.SIGN_CHARTER, Trigger.SUBMIT),
    State.CHARTER_SIGNED: (Trigger.SUBMIT,),
}
"""The steps left before the rectorat has the request, by its state (R25 to R28)."""

OPEN_WHOLE: Final = "ouvrir"
"""The field that asks for the whole form, filled with what was typed in the one that declares alone."""

Identity = tuple[str, str, str]
"""Nom, prénom, mail: as the page showed them, or as they were just typed (R28)."""

_INDISPENSABLE = "Cette délégation est indispensable pour administrer les comptes EduConnect des responsables légaux."
"""For a request of last year that says none."""


def steps_of(
    context: WebContext, triggers: Sequence[Trigger], values: Mapping[str, Any], identity: Identity, why: str = "",
    version: int | None = None,
) -> list[Step]:  # fmt: skip
    """The steps in their order; ``version`` is the request's as the page showed it, judged by the first one (R9)."""
    nom, prenom, mail = identity
    charter = context.app.settings.charter.version

    def step(trigger: Trigger, expected: int | None) -> Step:
        match trigger:
            case Trigger.DELEGATE:
                reason = attested_reason(values) or why
                return lambda reference: c.Delegate(
                    reference=reference, why=reason, made_on=values["made_on"], expected_version=expected
                )
            case Trigger.SIGN_CHARTER:
                return lambda reference: c.SignCharter(
                    reference=reference, signed_on=values["signed_on"], version=charter, copy_kept=True,
                    expected_version=expected,
                )  # fmt: skip
            case _:
                return lambda reference: c.Submit(
                    reference=reference, nom=nom, prenom=prenom, mail=mail, expected_version=expected
                )

    return [step(trigger, None if number else version) for number, trigger in enumerate(triggers)]


def execute_steps(
    context: WebContext, visitor: Visitor, steps: Sequence[Step], form: Form, reference: str = "", *,
    dry_run: bool = False,
) -> Done | Refused:  # fmt: skip
    """Execute all the steps, or none; a form sent twice is executed once (R7, R10)."""
    return execute_sequence(
        context.app.engine, steps, visitor.actor, reference=reference, key=f"web:{form.key}", dry_run=dry_run
    )


def declaration_fields(context: WebContext) -> list[Field]:
    """The fields of a declaration (R25)."""
    return [*identity_fields(context), *school_year_fields(context), *drane_fields(context)]


def with_confirmations(fields: Sequence[Field], data: FormData) -> list[Field]:
    """The fields, with the confirmations that the form has: of the address, of a homonym (R16, R17)."""
    return [*fields, *(field for field in CONFIRMATIONS if field.name in data)]


def declaration(uai: str, values: Mapping[str, Any]) -> c.Declare:
    """The command of a declaration (R25)."""
    year = values.get("school_year")
    return c.Declare(
        uai=uai, nom=values["nom"], prenom=values["prenom"], mail=values["mail"],
        school_year=SchoolYear.parse(year) if year else None, drane_declared_on=values.get("drane_declared_on"),
        homonym_confirmed=bool(values.get(HOMONYM.name)), mail_confirmed=bool(values.get(MAIL_CONFIRMED.name)),
    )  # fmt: skip


def uai_of(visitor: Visitor, data: FormData) -> str:
    """The establishment that the page was about, whichever is in view since. Raises 404 for one of somebody else."""
    uai = str(data.get("uai") or "")
    if uai not in visitor.session_user.uais:
        raise HTTPException(404)
    return uai


def school_of(context: WebContext, uai: str) -> Establishment:
    """The establishment that is declared for. Raises HTTPException (404)."""
    with context.app.database.read() as connection:
        school = establishment_of(connection, uai)
    if school is None:
        raise HTTPException(404)
    return school


@router.get("/declarer")
def show_declaration(request: Request, context: Context, visitor: Chef) -> Response:
    """The declaration alone."""
    return _show(request, context, visitor, is_whole=False)


@router.post("/declarer")
def execute_declaration(request: Request, context: Context, visitor: Chef, data: Typed) -> Response:
    """Declare, then lead to the new request."""
    return _execute(request, context, visitor, data, is_whole=False)


@router.get("/demande-complete")
def show_whole(request: Request, context: Context, visitor: Chef) -> Response:
    """Everything that a new request needs, each datum once."""
    return _show(request, context, visitor, is_whole=True)


@router.post("/demande-complete")
def execute_whole(request: Request, context: Context, visitor: Chef, data: Typed) -> Response:
    """Execute every step from the declaration to the sending, in one transaction (R7).

    From the form that declares the RUPN alone, the whole form is opened with what was typed there: nothing is executed.
    """
    if OPEN_WHOLE in data and may_act(context, visitor):
        fields = [
            replace(field, value=storable(str(data.get(field.name) or "")) or field.value)
            for field in _fields(context, is_whole=True)
        ]
        return _render(request, context, visitor, uai_of(visitor, data), blank(fields), is_whole=True)
    return _execute(request, context, visitor, data, is_whole=True)


def _show(request: Request, context: WebContext, visitor: Visitor, *, is_whole: bool) -> Response:
    if not may_act(context, visitor):
        return RedirectResponse("/etablissement", status_code=303)
    return _render(request, context, visitor, visitor.uai, blank(_fields(context, is_whole)), is_whole=is_whole)


def _execute(request: Request, context: WebContext, visitor: Visitor, data: FormData, *, is_whole: bool) -> Response:
    uai = uai_of(visitor, data)
    typed = filled(with_confirmations(_fields(context, is_whole), data), data)
    form = with_proposed_names(typed, data)
    if typed.is_right:
        values = form.values if form.is_right else typed.values  # the name's writing is still to be chosen
        command = declaration(uai, values)
        identity = (command.nom, command.prenom, command.mail)
        rest = steps_of(context, REMAINING[State.DECLARED], values, identity) if is_whole else []
        steps: list[Step] = [lambda _: command, *rest]
        result = execute_steps(context, visitor, steps, form, dry_run=not form.is_right)
        if isinstance(result, Done):
            return show_result(request, context, visitor, result)
        form = with_refusal(form, result, visitor, CONFIRMATIONS)
    elif is_whole:  # the rules already say what is wrong with the RUPN, though a date is missing (R7)
        declared = filled(with_confirmations(declaration_fields(context), data), data)
        if declared.is_right:
            first = declaration(uai, declared.values)
            alone = execute_steps(context, visitor, [lambda _: first], form, dry_run=True)
            form = with_refusal(form, alone, visitor, CONFIRMATIONS) if isinstance(alone, Refused) else form
    return _render(request, context, visitor, uai, form, is_whole=is_whole, status=422)


def _fields(context: WebContext, is_whole: bool) -> list[Field]:
    if not is_whole:
        return declaration_fields(context)
    today, calendar, now = context.pages.today(), context.app.policy.calendar, context.app.clock.now()
    first = min(calendar.accepts_from(year) for year in calendar.open_years(now))
    return [*declaration_fields(context), made_on_field(today), *reason_fields(), signed_on_field(today, first)]


def _render(
    request: Request, context: WebContext, visitor: Visitor, uai: str, form: Form, *, is_whole: bool, status: int = 200
) -> Response:
    years = context.app.policy.calendar.open_years(context.app.clock.now())
    only_year = years[0] if len(years) == 1 else None
    return context.pages.page(
        request, "chef/whole.html" if is_whole else "chef/declare.html", visitor, status=status, form=form,
        open_whole=OPEN_WHOLE,
        school=school_of(context, uai), years=years,
        ends_soon=only_year if only_year and ends_soon(context, only_year) else None,
    )  # fmt: skip


@router.get("/demandes/{reference}/terminer")
def show_remaining(request: Request, context: Context, visitor: Chef, reference: str) -> Response:
    """The steps that are left, together; one alone has its own page."""
    action_context = ActionContext.load(context, visitor, reference)
    steps = _remaining(action_context)
    if len(steps) < 2:
        return RedirectResponse(action_context.address_of(SLUGS[steps[0]] if steps else ""), status_code=303)
    return _render_remaining(request, action_context, steps, blank(_remaining_fields(action_context, steps)))


@router.post("/demandes/{reference}/terminer")
def execute_remaining(request: Request, context: Context, visitor: Chef, reference: str, data: Typed) -> Response:
    """Execute the steps that are left, or none of them (R7)."""
    action_context = ActionContext.load(context, visitor, reference)
    steps = _remaining(action_context) or _steps_sent(data)  # somebody ended it, or this form is sent twice (R9, R10)
    form = filled(_remaining_fields(action_context, steps), data)
    if form.is_right:
        rupn = action_context.view.request
        identity = (rupn.nom, rupn.prenom, rupn.mail)
        commands = steps_of(context, steps, form.values, identity, version=version_of(data))
        result = execute_steps(context, visitor, commands, form, reference)
        if isinstance(result, Done):
            return show_result(request, context, visitor, result)
        form = with_refusal(form, result, visitor)
    return _render_remaining(request, action_context, steps, form, status=422)


def _remaining(action_context: ActionContext) -> tuple[Trigger, ...]:
    """The steps left to the visitor; none when the first one is not open."""
    steps = REMAINING.get(action_context.view.request.state, ())
    return steps if steps and action_context.is_open(steps[0]) else ()


def _steps_sent(data: FormData) -> tuple[Trigger, ...]:
    """The steps that the page of this form asked for, by the dates that it bears."""
    asked = {Trigger.DELEGATE: "made_on" in data, Trigger.SIGN_CHARTER: "signed_on" in data, Trigger.SUBMIT: True}
    return tuple(trigger for trigger, is_asked in asked.items() if is_asked)


def _remaining_fields(action_context: ActionContext, steps: Sequence[Trigger]) -> list[Field]:
    delegation = delegation_fields(action_context) if Trigger.DELEGATE in steps else ()
    charter = charter_fields(action_context) if Trigger.SIGN_CHARTER in steps else ()
    return [*delegation, *charter]


def _render_remaining(
    request: Request, action_context: ActionContext, steps: Sequence[Trigger], form: Form, status: int = 200
) -> Response:
    return action_context.web.pages.page(
        request, "chef/finish.html", action_context.visitor, status=status, form=form, view=action_context.view,
        action_context=action_context, steps=steps, can_act=bool(_remaining(action_context)),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RenewalResult:
    """The renewal of one request. ``reference`` is the new request's when it is done, the old one's when refused."""

    who: str
    reference: str
    is_done: bool
    reasons: tuple[Reason, ...]
    is_theirs: bool

    @classmethod
    def of(cls, reference: str, result: Result, names: Mapping[str, str]) -> Self:
        """The result of the renewal of this request; ``names``: of the RUPN of this establishment's requests."""
        return cls(
            who=names.get(reference, f"demande {reference}"), is_theirs=reference in names,
            is_done=isinstance(result, Done), reference=result.reference if isinstance(result, Done) else reference,
            reasons=result.warnings if isinstance(result, Done) else result.reasons,
        )  # fmt: skip

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
    return _render_renewal(request, action_context, blank(_renewal_fields(action_context)))


@router.post("/demandes/{reference}/renouveler")
def execute_renewal(request: Request, context: Context, visitor: Chef, reference: str, data: Typed) -> Response:
    """Renew, attest and submit, or none of it (R7)."""
    action_context = ActionContext.load(context, visitor, reference)
    form = filled(with_confirmations(_renewal_fields(action_context), data), data)
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
    return _render_renewal(request, action_context, form, status=422)


def _why(action_context: ActionContext) -> str:
    """The reason of last year, shown on the page."""
    return action_context.view.request.delegation_why or _INDISPENSABLE


def _renewal_fields(action_context: ActionContext) -> list[Field]:
    calendar, today = action_context.app.policy.calendar, action_context.today
    first = min((calendar.accepts_from(year) for year in action_context.view.renewal_years), default=None)
    return [*renewal_fields(action_context), made_on_field(today, first), signed_on_field(today, first)]


def _render_renewal(request: Request, action_context: ActionContext, form: Form, status: int = 200) -> Response:
    view = action_context.view
    return action_context.web.pages.page(
        request, "chef/renew.html", action_context.visitor, status=status, form=form, view=view,
        action_context=action_context, why=_why(action_context), years=view.renewal_years,
        can_act=action_context.is_open(Trigger.RENEW),
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
    pairs = zip(references, results, strict=True)
    renewals = [RenewalResult.of(reference, result, names) for reference, result in pairs]
    if all(renewal.is_done and not renewal.reasons for renewal in renewals):
        done = french.plural(len(renewals), "RUPN est repris", "RUPN sont repris")
        sentence = f"{done} pour {year} ; il reste la délégation, la charte et l'envoi"
        return context.success_messages.redirect(visitor, "/etablissement", sentence)
    accepted = [renewal for renewal in renewals if renewal.is_done]
    return context.pages.page(
        request, "chef/taken_over.html", visitor, status=200 if accepted else 422, school=school_of(context, uai),
        year=year, accepted=accepted, refused=[renewal for renewal in renewals if not renewal.is_done],
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
