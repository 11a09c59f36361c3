"""Pages of one's own account: the open sessions, each ended by a button (R107); the substitutions (R114).

A substitution is given, ended, and chosen by whoever acts in another's stead.
"""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from portal.web.context import AnyVisitor, Context, Posted, ProvenVisitor, Typed, WebContext
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.security import Visitor
from states import french
from states.validation import clean
from states.vocabulary import Role
from workflow.auth.access import SessionUnknown
from workflow.auth.actors import NotAllowed
from workflow.auth.substitutions import LONGEST, SubstitutionRefused

router = APIRouter(prefix="/compte/connexions", include_in_schema=False)

NO_OTHER: Final = "il n'y avait pas d'autre connexion ouverte"

PLACE: Final = "/compte/suppleances"

substitutions_router = APIRouter(prefix=PLACE, include_in_schema=False)


@router.post("/autres/fin")
def end_others(context: Context, visitor: AnyVisitor, _: Posted) -> Response:
    """End all of one's sessions but this one."""
    ended = context.app.open_sessions.end_others(visitor.session_user, visitor.secret, visitor.actor)
    sentence = (
        french.plural(ended, "autre connexion a pris fin", "autres connexions ont pris fin") if ended else NO_OTHER
    )
    return context.success_messages.redirect(visitor, "/compte", sentence)


@router.post("/{number}/fin")
def end_session(context: Context, visitor: AnyVisitor, number: int, _: Posted) -> Response:
    """End one of one's own sessions; one that is over already is over."""
    try:
        context.app.open_sessions.end_own(visitor.session_user, number, visitor.actor)
    except SessionUnknown:
        return RedirectResponse("/compte", status_code=303)
    return context.success_messages.redirect(visitor, "/compte", "cette connexion a pris fin")


@substitutions_router.get("")
def show_substitutions(request: Request, context: Context, visitor: AnyVisitor) -> HTMLResponse:
    """One's own, those of all for an operator, and the form that gives one."""
    return _render(request, context, visitor, blank(_fields(context, visitor)))


@substitutions_router.post("")
def give(request: Request, context: Context, visitor: ProvenVisitor, data: Typed) -> Response:
    """Give a substitution of one's own role."""
    form = filled(_fields(context, visitor), data)
    if not form.is_right or not form.fields:
        return _render(request, context, visitor, form, status=422)
    values = form.values
    try:
        substitution = context.app.substitutions.give(
            visitor.actor, visitor.session_user, values["du"], values["au"], to=values["suppleant"],
            name=clean(values.get("nom") or ""), uai=values.get("etablissement") or visitor.uai,
        )  # fmt: skip
    except SubstitutionRefused as refused:
        return _render(request, context, visitor, form.refused(refused.reasons), status=422)
    except NotAllowed:
        return RedirectResponse(PLACE, status_code=303)
    return context.success_messages.redirect(
        visitor, PLACE, f"{substitution.by} peut agir en suppléance {french.de(substitution.of)}"
    )


@substitutions_router.post("/revenir")
def come_back(context: Context, visitor: AnyVisitor, _: Posted) -> Response:
    """Act in one's own role again."""
    response = context.success_messages.redirect(visitor, PLACE, "vous agissez de nouveau en votre seul nom")
    context.delete_cookie(response, context.substitution_cookie)
    return response


@substitutions_router.post("/{number}/agir")
def act(context: Context, visitor: AnyVisitor, number: int, _: Posted) -> Response:
    """Choose to act by a substitution; one that does not hold leads back to the list."""
    substitution = context.app.substitutions.in_force(visitor.session_user, number)
    if substitution is None:
        return RedirectResponse(PLACE, status_code=303)
    response = RedirectResponse(
        "/rectorat" if substitution.role is Role.OPERATOR else "/etablissement", status_code=303
    )
    context.set_cookie(response, context.substitution_cookie, str(substitution.number))
    return response


@substitutions_router.post("/{number}/fin")
def end(context: Context, visitor: AnyVisitor, number: int, _: Posted) -> Response:
    """End a substitution: its giver, its substitute, or an operator; one that is over is over."""
    if not context.app.substitutions.end(number, visitor.actor, visitor.session_user):
        return RedirectResponse(PLACE, status_code=303)
    return context.success_messages.redirect(visitor, PLACE, "cette suppléance a pris fin")


def _fields(context: WebContext, visitor: Visitor) -> list[Field]:
    """The form of who may be substituted; none for a reader, and for a deputy."""
    today = context.pages.today()
    days = [
        Field(name="du", label="Du", shape=Shape.DAY, value=today.isoformat(), first=today),
        Field(
            name="au", label="Au", shape=Shape.DAY, first=today, last=today + 2 * LONGEST,
            hint="Ce jour compris, six mois au plus.",
        ),
    ]  # fmt: skip
    if visitor.is_operator:
        readers = context.app.people.readers() if context.app.substitutions.allows_readers else ()
        if not readers:
            return []
        options = tuple((address, address) for address in readers)
        substitute = Field(
            name="suppleant", label="Qui vous supplée", shape=Shape.SELECT, options=options,
            hint="Un lecteur des réglages. Un collègue opérateur n'en a pas besoin : il peut déjà ce que vous pouvez.",
        )  # fmt: skip
        return [substitute, *days]
    if visitor.actor.role is not Role.CHEF:
        return []
    places = context.links.places(visitor.session_user.uais)
    own = [
        Field(
            name="etablissement", label="Pour quel établissement", shape=Shape.SELECT,
            options=tuple((place.uai, place.full) for place in places),
        )
    ] if len(places) > 1 else []  # fmt: skip
    return [
        *own,
        Field(
            name="suppleant", label="UAI de l'établissement de votre suppléant", is_capitals=True,
            hint="Un chef d'un autre établissement, qui s'est déjà connecté ici. Votre adjoint n'en a pas besoin.",
        ),
        Field(name="nom", label="Ses prénom et nom", is_name=True),
        *days,
    ]  # fmt: skip


def _render(request: Request, context: WebContext, visitor: Visitor, form: Form, *, status: int = 200) -> HTMLResponse:
    substitutions, user, today = context.app.substitutions, visitor.session_user, context.pages.today()
    own = substitutions.of_user(user)
    received = [substitution for substitution in own if substitution.is_received_by(user)]
    return context.pages.page(
        request, "sign_in/substitutions.html", visitor, status=status, form=form, this_day=today,
        given=[substitution for substitution in own if substitution.is_given_by(user)], received=received,
        usable={substitution.number for substitution in received if substitutions.in_force(user, substitution.number)},
        others=substitutions.all(visitor.actor) if visitor.is_operator else (),
        chosen=request.cookies.get(context.substitution_cookie, ""),
        no_reader=visitor.is_operator and not form.fields,
        is_closed=not substitutions.allows_readers,
    )  # fmt: skip
