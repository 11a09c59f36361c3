"""Asking for a link: whatever is typed, the answer is the same (R72)."""

import re
from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData
from starlette.responses import Response as Response_of_cookies

from notifications.vocabulary import LINK_PATH
from portal.web.context import WebContext
from portal.web.dependencies import (
    AnyVisitor,
    Chef,
    Context,
    Forged,
    MaybeVisitor,
    Posted,
    PostedByAnyone,
    SignedIn,
    SignInNeeded,
)
from portal.web.errors import error_page
from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.security import CSRF_FIELD, Visitor, comes_from_here, csrf_of, is_same
from states.refusals import bad_field
from states.validation import clean, has_uai_form, mail_problem, name_problem, normalise_uai
from states.vocabulary import Role
from workflow.auth.sessions import LinkDead, SessionUser, TooManyTries
from workflow.auth.sign_in_links import LinkRequest

# Where to return after signing in: a page of ours, and no other.


LONGEST: Final = 500


_OURS = re.compile(r"/(?![/\\])[!-~]*")
"""One slash, then plain characters: what a browser cannot take for another host."""


_NOT_AGAIN: Final = ("/connexion", "/deconnexion")


def safe_back(path: object) -> str:
    """The path if it leads to one of our pages; empty for anything else, and for the pages of signing in themselves."""
    if not isinstance(path, str) or len(path) > LONGEST or "\\" in path or not _OURS.fullmatch(path):
        return ""
    return "" if path.startswith(_NOT_AGAIN) else path


def with_back(place: str, back: str) -> str:
    """The address of a page of signing in, which remembers where to return."""
    return f"{place}?suite={quote(back, safe='/')}" if back else place


# The doors of these pages: somebody signed in who has perhaps not said who they are, and who holds a link.


def mailbox(signed: SignedIn) -> tuple[SessionUser, str]:
    """Who came in by the link of a mailbox, with the session's secret. Raises SignInNeeded."""
    if signed is None or not signed[0].is_establishment:
        raise SignInNeeded
    return signed


Mailbox = Annotated[tuple[SessionUser, str], Depends(mailbox)]


async def posted_by_signed(request: Request, signed: SignedIn) -> FormData:
    """The fields of a form of this session, presented or not; of none, when nobody is signed in. Raises Forged."""
    form = await request.form(max_files=0, max_fields=20)
    given = form.get(CSRF_FIELD)
    if not comes_from_here(request):
        raise Forged
    if signed and not (isinstance(given, str) and is_same(given, csrf_of(signed[1]))):
        raise Forged
    return form


PostedBySigned = Annotated[FormData, Depends(posted_by_signed)]


def from_the_page(request: Request) -> None:
    """Raises Forged unless the button of the link's own page was pressed.

    That page tells nobody its address; a browser then gives ``null`` for its origin, which is believed.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise Forged
    origin = request.headers.get("origin", "null")
    if site is None and origin != "null" and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Forged


def network_address(request: Request) -> str:
    """Where the request comes from; behind a proxy, what it says when the settings trust it."""
    return request.client.host if request.client else ""


Client = Annotated[str, Depends(network_address)]


router = APIRouter(prefix="/connexion", include_in_schema=False)


UAI: Final = Field(
    name="uai", label="UAI de votre établissement", hint="7 chiffres et une lettre, par exemple 0310001H.",
    missing="Donner l'UAI de l'établissement.",
)  # fmt: skip


ADDRESS: Final = Field(
    name="adresse", label="Votre adresse professionnelle", shape=Shape.MAIL, autocomplete="email",
    hint="Celle sous laquelle l'administrateur du portail vous a inscrit.", missing="Donner votre adresse.",
)  # fmt: skip


_ENDS: Final = {
    "ici": "Vous êtes déconnecté.",
    "partout": "Vous êtes déconnecté sur tous les appareils.",
}


@router.get("")
def start(request: Request, context: Context, visitor: MaybeVisitor, suite: str = "", fin: str = "") -> Response:
    """Where a chef begins."""
    if visitor:
        return RedirectResponse(safe_back(suite) or visitor.home, status_code=303)
    return _page(request, context, "sign_in/school.html", blank((UAI,)), safe_back(suite), ended=_ENDS.get(fin, ""))


@router.post("")
def ask(request: Request, context: Context, data: PostedByAnyone, client: Client) -> Response:
    """Send a link to an establishment's mailbox, if there is one; where it goes is not said."""
    form, back = checked_uai(data), safe_back(data.get("suite"))
    if not form.is_right:
        return _page(request, context, "sign_in/school.html", form, back, status=422)
    context.links.send_to_establishment(form.values["uai"], LinkRequest(client=client, back=back))
    return RedirectResponse("/connexion/envoye", status_code=303)


@router.get("/rectorat")
def start_rectorat(request: Request, context: Context, visitor: MaybeVisitor, suite: str = "") -> Response:
    """Where an operator or a reader begins."""
    if visitor:
        return RedirectResponse(safe_back(suite) or visitor.home, status_code=303)
    return _page(request, context, "sign_in/rectorat.html", blank((ADDRESS,)), safe_back(suite))


@router.post("/rectorat")
def ask_rectorat(request: Request, context: Context, data: PostedByAnyone, client: Client) -> Response:
    """Send a link to an operator or a reader."""
    form, back = filled((ADDRESS,), data), safe_back(data.get("suite"))
    if form.is_right and (problem := mail_problem(form.values["adresse"])):
        form = form.refused([bad_field("adresse", "L'adresse", problem, "R16")])
    if not form.is_right:
        return _page(request, context, "sign_in/rectorat.html", form, back, status=422)
    context.links.send_to_rectorat(form.values["adresse"], LinkRequest(client=client, back=back))
    return RedirectResponse("/connexion/envoye?pour=rectorat", status_code=303)


@router.get("/envoye")
def sent(request: Request, context: Context, visitor: MaybeVisitor, pour: str = "") -> HTMLResponse:
    """What to do now, whether or not something left."""
    minutes = context.settings.link_minutes
    return context.pages.page(
        request,
        "sign_in/sent.html",
        visitor,
        minutes=minutes,
        for_rectorat=pour == "rectorat",
        subject=_subject(context),
    )


def checked_uai(data: FormData, field: Field = UAI) -> Form:
    """The form of one UAI, whose shape alone is judged: the directory is not asked (R11)."""
    form = filled((field,), data)
    if form.is_right and not has_uai_form(normalise_uai(form.values["uai"])):
        form = form.refused([bad_field("uai", "L'UAI", "a 7 chiffres puis une lettre", "R11")])
    return form


def _page(
    request: Request, context: WebContext, template: str, form: Form, back: str, *, ended: str = "", status: int = 200
) -> HTMLResponse:
    other = with_back("/connexion/rectorat" if "school" in template else "/connexion", back)
    return context.pages.page(request, template, status=status, form=form, back=back, other=other, ended=ended)


def _subject(context: WebContext) -> str:
    """Who the mail comes from, for whoever looks for it."""
    return context.app.settings.mail.sender_address


# The session's cookie, put and taken away with the same attributes: browsers heed the second only so.


def give(response: Response_of_cookies, context: WebContext, secret: str) -> None:
    """The browser keeps it until it is closed; the session itself ends sooner or later (R73)."""
    response.set_cookie(context.cookie, secret, path="/", httponly=True, samesite="lax", secure=context.is_https)


def take_away(response: Response_of_cookies, context: WebContext) -> None:
    """Neither the session nor the establishment in view remains."""
    for name in (context.cookie, context.uai_cookie):
        response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=context.is_https)


# Opening a link: a page with a button, for what opens links by itself presses none (R72).


router_opening = APIRouter(prefix=LINK_PATH.rstrip("/"), include_in_schema=False)


UNTOLD: Final = {"Referrer-Policy": "no-referrer"}
"""The address of this page is a secret."""


@router_opening.get("/{secret}")
def show(request: Request, context: Context, client: Client, secret: str) -> Response:
    """The page with the button: looking at it, however often, changes nothing."""
    if context.sign_in.is_blocked(client):
        return _untold(error_page(request, 429))
    found = context.links.preview(secret, request.cookies.get(context.cookie, ""))
    if found is None:
        return _dead(request, context)
    opens, joins = found
    return _untold(context.pages.page(request, "sign_in/link.html", opens=opens, joins=joins))


@router_opening.post("/{secret}", dependencies=[Depends(from_the_page)])
def come_in(request: Request, context: Context, client: Client, secret: str) -> Response:
    """Consume the link and begin a session of this browser."""
    former = request.cookies.get(context.cookie, "")
    try:
        entered = context.sign_in.sign_in(secret, client=client, cookie=former)
    except TooManyTries:
        return _untold(error_page(request, 429))
    except LinkDead:
        return _dead(request, context)
    place = entered.back or ("/etablissement" if entered.session_user.is_establishment else "/rectorat")
    if not entered.session_user.is_identified:
        place = with_back("/connexion/qui", entered.back)
    response = _untold(RedirectResponse(place, status_code=303))
    give(response, context, entered.secret)
    return response


def _dead(request: Request, context: WebContext) -> Response:
    minutes = context.settings.link_minutes
    return _untold(context.pages.page(request, "sign_in/dead.html", status=410, minutes=minutes))


def _untold(response: Response) -> Response:
    response.headers.update(UNTOLD)
    return response


# Who acts, among those who read an establishment's mailbox (R37, R73).


router_presenting = APIRouter(prefix="/connexion/qui", include_in_schema=False)


def _fields(context: WebContext, session_user: SessionUser) -> list[Field]:
    name = Field(
        name="nom",
        label="Vos prénom et nom",
        hint="Ils sont inscrits avec ce que vous ferez.",
        value=session_user.name,
        autocomplete="name",
        missing="Donner votre prénom et votre nom.",
    )
    function = Field(
        name="fonction", label="Votre fonction", shape=Shape.CHOICE, value=session_user.role.value,
        options=tuple((role.value, role.label.capitalize()) for role in (Role.CHEF, Role.DEPUTY)),
    )  # fmt: skip
    return [name, function] if context.app.settings.people.deputy_may_act else [name]


@router_presenting.get("")
def show_presenting(request: Request, context: Context, signed: Mailbox, suite: str = "") -> HTMLResponse:
    """The one question that a mailbox cannot answer by itself."""
    return _page_presenting(request, context, signed, blank(_fields(context, signed[0])), safe_back(suite))


@router_presenting.post("")
def present(request: Request, context: Context, signed: Mailbox, data: PostedBySigned) -> Response:
    """Keep the answer for this session, under a new secret."""
    session_user, secret = signed
    form, back = filled(_fields(context, session_user), data), safe_back(data.get("suite"))
    if form.is_right and (problem := name_problem(form.values["nom"])):
        form = form.refused([bad_field("nom", "Votre nom", problem, "R37")])
    if not form.is_right:
        return _page_presenting(request, context, signed, form, back, status=422)
    role = Role.of(form.values.get("fonction", Role.CHEF.value))
    fresh = context.sign_in.identify(session_user, secret, clean(form.values["nom"]), role)
    response = RedirectResponse(back or "/etablissement", status_code=303)
    give(response, context, fresh)
    return response


def _page_presenting(
    request: Request, context: WebContext, signed: tuple[SessionUser, str], form: Form, back: str, status: int = 200
) -> HTMLResponse:
    session_user, secret = signed
    return context.pages.page(
        request,
        "sign_in/who.html",
        status=status,
        form=form,
        back=back,
        places=context.links.places(session_user.uais),
        csrf=csrf_of(secret),
    )


# My connection: who I am here, until when, for which establishments; signing out, here or everywhere (R73).


router_account = APIRouter(include_in_schema=False)


OTHER: Final = replace(UAI, label="UAI de l'autre établissement")


@router_account.get("/compte")
def account(request: Request, context: Context, visitor: AnyVisitor) -> HTMLResponse:
    """What this session stands for."""
    return _page_account(request, context, visitor, blank((OTHER,)))


@router_account.post("/compte/etablissement")
def add(request: Request, context: Context, visitor: Chef, data: Posted, client: Client) -> Response:
    """Send a link to another establishment's mailbox, which adds it to this session; the answer is the same (R72)."""
    form = checked_uai(data, OTHER)
    if not form.is_right:
        return _page_account(request, context, visitor, form, status=422)
    asking = LinkRequest(client=client, back="/compte", session=visitor.secret)
    context.links.send_to_establishment(form.values["uai"], asking)
    return RedirectResponse("/connexion/envoye", status_code=303)


@router_account.post("/compte/partout")
def leave_everywhere(context: Context, visitor: AnyVisitor, _: Posted) -> Response:
    """End every session of this address, or of any of these establishments."""
    context.sign_in.sign_out_everywhere(visitor.session_user)
    return _left(context, "partout")


@router_account.post("/deconnexion")
def leave(context: Context, signed: SignedIn, _: PostedBySigned) -> Response:
    """End this session."""
    if signed:
        context.sign_in.sign_out(signed[1])
    return _left(context, "ici")


def _left(context: WebContext, how: str) -> Response:
    response = RedirectResponse(f"/connexion?fin={how}", status_code=303)
    take_away(response, context)
    return response


def _page_account(
    request: Request, context: WebContext, visitor: Visitor, form: Form, status: int = 200
) -> HTMLResponse:
    ends_at = context.sessions.ends_at(visitor.secret)
    return context.pages.page(
        request, "sign_in/account.html", visitor, status=status, form=form, ends_at=ends_at,
        places=context.links.places(visitor.session_user.uais), idle=context.settings.session_idle_minutes,
    )  # fmt: skip


# Signing in by a link sent by mail, saying who one is, signing out (R72, R73).


ROUTERS = (router_account, router, router_opening, router_presenting)
