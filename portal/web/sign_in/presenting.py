"""Who acts, among those who read an establishment's mailbox (R37, R73)."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from notifications.vocabulary import member
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.installed import Installed
from portal.web.security import csrf_of
from portal.web.sign_in import cookies
from portal.web.sign_in.back import safe_back
from portal.web.sign_in.doors import Mailbox, PostedBySigned
from portal.web.visitors import Here
from states.refusals import bad_field
from states.vocabulary import Role
from states.words import clean, name_problem
from workflow.doors.sessions import Entrant

router = APIRouter(prefix="/connexion/qui", include_in_schema=False)


def _fields(here: Installed, entrant: Entrant) -> list[Field]:
    name = Field(
        name="nom", label="Vos prénom et nom", hint="Ils sont inscrits avec ce que vous ferez.", value=entrant.name,
        autocomplete="name", missing="Donner votre prénom et votre nom.",
    )  # fmt: skip
    function = Field(
        name="fonction", label="Votre fonction", shape=Shape.CHOICE, value=entrant.role.value,
        options=tuple((role.value, role.label.capitalize()) for role in (Role.CHEF, Role.DEPUTY)),
    )  # fmt: skip
    return [name, function] if here.house.settings.people.deputy_may_act else [name]


@router.get("")
def show(request: Request, here: Here, signed: Mailbox, suite: str = "") -> HTMLResponse:
    """The one question that a mailbox cannot answer by itself."""
    return _page(request, here, signed, blank(_fields(here, signed[0])), safe_back(suite))


@router.post("")
def present(request: Request, here: Here, signed: Mailbox, data: PostedBySigned) -> Response:
    """Keep the answer for this session, under a new secret."""
    entrant, secret = signed
    form, back = filled(_fields(here, entrant), data), safe_back(data.get("suite"))
    if form.is_right and (problem := name_problem(form.values["nom"])):
        form = form.refused([bad_field("nom", "Votre nom", problem, "R37")])
    if not form.is_right:
        return _page(request, here, signed, form, back, status=422)
    role = member(Role, form.values.get("fonction", Role.CHEF.value))
    fresh = here.entrance.present(entrant, secret, clean(form.values["nom"]), role)
    response = RedirectResponse(back or "/etablissement", status_code=303)
    cookies.give(response, here, fresh)
    return response


def _page(
    request: Request, here: Installed, signed: tuple[Entrant, str], form: Form, back: str, status: int = 200
) -> HTMLResponse:
    entrant, secret = signed
    return here.pages.page(
        request, "sign_in/who.html", status=status, form=form, back=back, places=here.links.places(entrant.uais),
        csrf=csrf_of(secret),
    )  # fmt: skip
