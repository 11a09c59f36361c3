"""Declaring a RUPN: the first step alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from portal.web.actions.base import ActionContext, show_result, version_of
from portal.web.actions.chef import (
    HOMONYM,
    SLUGS,
    charter_fields,
    delegation_fields,
    drane_fields,
    ends_soon,
    identity_fields,
    made_on_field,
    school_year_fields,
    signed_on_field,
    why_field,
)
from portal.web.chef.home import may_act
from portal.web.context import WebContext
from portal.web.dependencies import Chef, Context, Posted
from portal.web.forms import Field, Form, blank, filled
from portal.web.security import Visitor
from states import commands as c
from states.decision import Refused
from states.model import Establishment
from states.school_calendar import SchoolYear
from states.vocabulary import State, Trigger
from workflow.engine.engine import Done
from workflow.engine.sequence import Step, execute_sequence
from workflow.requests.lists import establishment_of

# The steps that lead to « demande envoyée », done in one sitting: their fields, their commands (R25 to R28).


REMAINING: Final[Mapping[State, tuple[Trigger, ...]]] = {
    State.DECLARED: (Trigger.DELEGATE, Trigger.SIGN_CHARTER, Trigger.SUBMIT),
    State.DELEGATED: (Trigger.SIGN_CHARTER, Trigger.SUBMIT),
    State.CHARTER_SIGNED: (Trigger.SUBMIT,),
}
"""What is left to do before the rectorat has the request, by where it stands."""


Identity = tuple[str, str, str]
"""Nom, prénom, mail: as the page showed them, or as they were just typed (R28)."""


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
                reason = values.get("why") or why
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


def sat(
    context: WebContext, visitor: Visitor, steps: Sequence[Step], form: Form, reference: str = ""
) -> Done | Refused:
    """Do them, all or none; a form sent twice is done once (R7, R10)."""
    return execute_sequence(context.app.engine, steps, visitor.actor, reference=reference, key=f"web:{form.key}")


router = APIRouter()


@router.get("/declarer")
def declare_page(request: Request, context: Context, visitor: Chef) -> Response:
    """Who the RUPN is; nothing that is known is asked."""
    if not may_act(context, visitor):
        return RedirectResponse("/etablissement", status_code=303)
    return _shown(request, context, visitor, visitor.uai, blank(declaration_fields(context)))


@router.post("/declarer")
def declare(request: Request, context: Context, visitor: Chef, data: Posted) -> Response:
    """Declare, then lead to the request that is born."""
    uai = uai_of(visitor, data)
    form = filled(with_homonym(declaration_fields(context), data), data)
    if not form.is_right:
        return _shown(request, context, visitor, uai, form, status=422)
    command = declaration(uai, form.values)
    result = sat(context, visitor, [lambda _: command], form)
    if isinstance(result, Refused):
        form = form.asking([HOMONYM], result.reasons).refused(result.reasons)
        return _shown(request, context, visitor, uai, form, status=422)
    return show_result(request, context, visitor, result)


def declaration_fields(context: WebContext) -> list[Field]:
    """The fields of a declaration (R25)."""
    return [*identity_fields(), *school_year_fields(context), *drane_fields(context)]


def with_homonym(fields: Sequence[Field], data: FormData) -> list[Field]:
    """The fields, with the confirmation of a homonym when somebody gave it (R17)."""
    return [*fields, HOMONYM] if HOMONYM.name in data else list(fields)


def declaration(uai: str, values: Mapping[str, Any]) -> c.Declare:
    """The command of a declaration (R25)."""
    year = values.get("school_year")
    return c.Declare(
        uai=uai, nom=values["nom"], prenom=values["prenom"], mail=values["mail"],
        school_year=SchoolYear.parse(year) if year else None, drane_declared_on=values.get("drane_declared_on"),
        homonym_confirmed=bool(values.get(HOMONYM.name)),
    )  # fmt: skip


def uai_of(visitor: Visitor, data: FormData) -> str:
    """The establishment that the page was about, whichever is in view since. Raises 404 for one of somebody else."""
    uai = str(data.get("uai") or "")
    if uai not in visitor.session_user.uais:
        raise HTTPException(404)
    return uai


def school_of(context: WebContext, uai: str) -> Establishment:
    """The establishment that is declared for."""
    with context.app.database.read() as connection:
        found = establishment_of(connection, uai)
    if found is None:
        raise HTTPException(404)
    return found


def ending_soon(context: WebContext) -> SchoolYear | None:
    """The only year that is open, when it ends in less than 30 days (R21)."""
    app = context.app
    years = app.policy.calendar.open_years(app.clock.now())
    return years[0] if len(years) == 1 and ends_soon(context, years[0]) else None


def _shown(
    request: Request, context: WebContext, visitor: Visitor, uai: str, form: Form, status: int = 200
) -> Response:
    app = context.app
    return context.pages.page(
        request, "chef/declare.html", visitor, status=status, form=form, school=school_of(context, uai),
        years=app.policy.calendar.open_years(app.clock.now()), ends_soon=ending_soon(context),
    )  # fmt: skip


# A whole request in one sitting: from the declaration to « demande envoyée », on one page, in one transaction.


router_whole = APIRouter()


@router_whole.get("/demande-complete")
def whole_page(request: Request, context: Context, visitor: Chef) -> Response:
    """Everything that a new request needs, each datum once."""
    if not may_act(context, visitor):
        return RedirectResponse("/etablissement", status_code=303)
    return _shown_whole(request, context, visitor, visitor.uai, blank(_fields(context)))


@router_whole.post("/demande-complete")
def whole(request: Request, context: Context, visitor: Chef, data: Posted) -> Response:
    """Do every step, or none of them (R7)."""
    uai = uai_of(visitor, data)
    form = filled(with_homonym(_fields(context), data), data)
    if not form.is_right:
        return _shown_whole(request, context, visitor, uai, form, status=422)
    command = declaration(uai, form.values)
    identity = (command.nom, command.prenom, command.mail)
    steps = steps_of(context, REMAINING[State.DECLARED], form.values, identity)
    result = sat(context, visitor, [lambda _: command, *steps], form)
    if isinstance(result, Refused):
        form = form.asking([HOMONYM], result.reasons).refused(result.reasons)
        return _shown_whole(request, context, visitor, uai, form, status=422)
    return show_result(request, context, visitor, result)


def _fields(context: WebContext) -> list[Field]:
    today = context.pages.today()
    calendar, now = context.app.policy.calendar, context.app.clock.now()
    first = min(calendar.accepts_from(year) for year in calendar.open_years(now))
    return [*declaration_fields(context), made_on_field(today), why_field(), signed_on_field(today, first)]


def _shown_whole(
    request: Request, context: WebContext, visitor: Visitor, uai: str, form: Form, status: int = 200
) -> Response:
    app = context.app
    return context.pages.page(
        request, "chef/whole.html", visitor, status=status, form=form, school=school_of(context, uai),
        years=app.policy.calendar.open_years(app.clock.now()), ends_soon=ending_soon(context),
    )  # fmt: skip


# What is left of a request that was begun, in one sitting.


router_finishing = APIRouter(prefix="/demandes/{reference}")


@router_finishing.get("/terminer")
def finish_page(request: Request, context: Context, visitor: Chef, reference: str) -> Response:
    """The steps that are left, together; one alone has its own page."""
    action_context, left = _asked(context, visitor, reference)
    if len(left) < 2:
        place = f"{action_context.address}/{SLUGS[left[0]]}" if left else action_context.address
        return RedirectResponse(place, status_code=303)
    return _shown_finishing(request, action_context, left, blank(_fields_finishing(action_context, left)))


@router_finishing.post("/terminer")
def finish(request: Request, context: Context, visitor: Chef, reference: str, data: Posted) -> Response:
    """Do what is left, or none of it (R7)."""
    action_context, left = _asked(context, visitor, reference)
    if not left:  # somebody did it, or this form was sent twice
        return RedirectResponse(action_context.address, status_code=303)
    form = filled(_fields_finishing(action_context, left), data)
    if not form.is_right:
        return _shown_finishing(request, action_context, left, form, status=422)
    known = action_context.view.request
    identity = (known.nom, known.prenom, known.mail)
    steps = steps_of(context, left, form.values, identity, version=version_of(data))
    result = sat(context, visitor, steps, form, reference)
    if isinstance(result, Refused):
        return _shown_finishing(request, action_context, left, form.refused(result.reasons), status=422)
    return show_result(request, context, visitor, result)


def _asked(context: WebContext, visitor: Visitor, reference: str) -> tuple[ActionContext, tuple[Trigger, ...]]:
    """The request, and the steps that are left to who asks; none when the first one is not open."""
    action_context = ActionContext.load(context, visitor, reference)
    left = REMAINING.get(action_context.view.request.state, ())
    return action_context, left if left and action_context.is_open(left[0]) else ()


def _fields_finishing(action_context: ActionContext, left: Sequence[Trigger]) -> list[Field]:
    delegation = delegation_fields(action_context) if Trigger.DELEGATE in left else ()
    charter = charter_fields(action_context) if Trigger.SIGN_CHARTER in left else ()
    return [*delegation, *charter]


def _shown_finishing(
    request: Request, action_context: ActionContext, left: Sequence[Trigger], form: Form, status: int = 200
) -> Response:
    return action_context.web.pages.page(
        request,
        "chef/finish.html",
        action_context.visitor,
        status=status,
        form=form,
        view=action_context.view,
        action_context=action_context,
        left=left,
    )
