"""/rectorat/etablissements: found by name, town or UAI; each with its mailbox, its requests, its mails (R11 to R15)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from portal.web.actions.base import behalf_fields, on_behalf, show_result
from portal.web.actions.chef import HOMONYM
from portal.web.chef.declare import declaration, declaration_fields, with_homonym
from portal.web.context import WebContext
from portal.web.dependencies import Context, Operator, Posted, Rectorat
from portal.web.forms import Field, Form, Shape, address, blank, departement_of, filled
from portal.web.security import Visitor
from states.decision import Refused
from workflow.directory.model import DirectoryRefused
from workflow.directory.queries import Criteria, Listed, OfRequest, last_mailbox_set, stuck_mails
from workflow.mail.queries import MailFilters, list_mails

router = APIRouter(prefix="/rectorat/etablissements", include_in_schema=False)


PLACE = "/rectorat/etablissements"


SIZE = 50


LAST_MAILS = 5


DONE = {
    "boite": "la boîte est fixée, les imports de l'annuaire ne la changeront plus",
    "annuaire": "la boîte est de nouveau celle de l'annuaire",
    "deja": "c'était déjà la boîte de l'établissement, rien n'a changé",
}
"""What was done, by the word that the address bears."""


@dataclass(frozen=True)
class Wanted:
    """The filters as the address bears them."""

    mots: Annotated[str, Query(max_length=200)] = ""
    departement: Annotated[str, Query(max_length=20)] = ""
    sans_boite: Annotated[str, Query(max_length=5)] = ""
    fermes: Annotated[str, Query(max_length=5)] = ""

    def criteria(self) -> Criteria:
        """Raises ValueError in French."""
        return Criteria(
            departement=departement_of(self.departement) or None, is_open=not self.fermes, text=self.mots,
            without_mailbox=bool(self.sans_boite),
        )  # fmt: skip

    def address(self, after: str | None = None) -> str:
        return address(PLACE, **vars(self), suite=after)


@router.get("")
def listing(
    request: Request, context: Context, visitor: Rectorat, wanted: Annotated[Wanted, Depends()],
    suite: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:  # fmt: skip
    """The establishments, by UAI."""
    found: list[Listed] = []
    problem = ""
    try:
        criteria = wanted.criteria()
        found = context.app.directory.establishments(visitor.actor, criteria, limit=SIZE + 1, after=suite)
    except ValueError as error:
        problem = str(error)
    more = wanted.address(found[SIZE - 1].uai) if len(found) > SIZE else None
    return context.pages.page(
        request, "rectorat/establishments.html", visitor, status=422 if problem else 200, lines=found[:SIZE],
        problem=problem, wanted=wanted, first=wanted.address() if suite else None, more=more,
    )  # fmt: skip


@router.get("/{uai}")
def showing(request: Request, context: Context, visitor: Rectorat, uai: str, fait: str = "") -> HTMLResponse:
    """One establishment whole."""
    found, requests = known(context, visitor, uai)
    with context.app.database.read() as connection:
        mails = list_mails(connection, MailFilters(uai=found.uai), limit=LAST_MAILS)
        decided, stuck = last_mailbox_set(connection, found.uai), stuck_mails(connection, found.uai)
    return context.pages.page(
        request, "rectorat/establishments_one.html", visitor, place=found, requests=requests, mails=mails,
        decided=decided, stuck=stuck, notice=DONE.get(fait, ""),
    )  # fmt: skip


def known(context: WebContext, visitor: Visitor, uai: str) -> tuple[Listed, list[OfRequest]]:
    """The establishment and its requests; 404 for an unknown one."""
    try:
        return context.app.directory.establishment(visitor.actor, uai)
    except DirectoryRefused:
        raise HTTPException(404) from None


# « Déclarer au nom de l'établissement »: an operator does what a chef who telephoned asked (R5, R25).


router_establishments_declare = APIRouter(prefix=PLACE, include_in_schema=False)


def _fields(context: WebContext) -> list[Field]:
    """The chef's form, then who asked, how and when."""
    return [*declaration_fields(context), *behalf_fields(context.pages.today())]


@router_establishments_declare.get("/{uai}/declarer")
def prepare(request: Request, context: Context, visitor: Operator, uai: str) -> Response:
    """The form."""
    place, _ = known(context, visitor, uai)
    return _page(request, context, visitor, place, blank(_fields(context)))


@router_establishments_declare.post("/{uai}/declarer")
def declare(request: Request, context: Context, visitor: Operator, uai: str, data: Posted) -> Response:
    """Declare, and lead to the request."""
    place, _ = known(context, visitor, uai)
    form = filled(with_homonym(_fields(context), data), data)
    if not form.is_right:
        return _page(request, context, visitor, place, form, status=422)
    command = replace(declaration(place.uai, form.values), on_behalf=on_behalf(form.values))
    (result,) = context.app.engine.execute([command], visitor.actor, key=f"web:{form.key}")
    if isinstance(result, Refused):
        form = form.asking([HOMONYM], result.reasons).refused(result.reasons)
        return _page(request, context, visitor, place, form, status=422)
    return show_result(request, context, visitor, result)


def _page(
    request: Request, context: WebContext, visitor: Visitor, place: Listed, form: Form, status: int = 200
) -> Response:
    return context.pages.page(
        request, "rectorat/establishments_declare.html", visitor, status=status, place=place, form=form
    )


# An operator sets an establishment's mailbox, or gives it back the directory's (R14).


router_establishments_mailbox = APIRouter(prefix=PLACE, include_in_schema=False)


_WHY = Field(
    name="why", label="Pourquoi", shape=Shape.AREA, missing="Dire pourquoi en une phrase.",
    hint="Une phrase, sans nommer personne : elle reste dans le journal.",
)  # fmt: skip


_SET = (
    Field(
        name="address", label="Adresse de la boîte", shape=Shape.MAIL, missing="Donner l'adresse de la boîte.",
        hint="La boîte fonctionnelle de l'établissement, par exemple ce.0310001h@ac-toulouse.fr.",
    ),
    _WHY,
)  # fmt: skip


_CLEAR = (_WHY,)


@router_establishments_mailbox.get("/{uai}/boite")
def prepare_establishments_mailbox(request: Request, context: Context, visitor: Operator, uai: str) -> Response:
    """The form that sets it."""
    return _page_establishments_mailbox(request, context, visitor, known(context, visitor, uai)[0], blank(_SET))


@router_establishments_mailbox.post("/{uai}/boite")
def set_mailbox(request: Request, context: Context, visitor: Operator, uai: str, data: Posted) -> Response:
    """Set it."""
    return _done(request, context, visitor, uai, filled(_SET, data), _SET)


@router_establishments_mailbox.get("/{uai}/boite/annuaire")
def prepare_clearing(request: Request, context: Context, visitor: Operator, uai: str) -> Response:
    """The form that gives it back; where nothing was set, there is nothing to give back."""
    place, _ = known(context, visitor, uai)
    if not place.set_mailbox:
        return RedirectResponse(f"{PLACE}/{place.uai}", status_code=303)
    return _page_establishments_mailbox(request, context, visitor, place, blank(_CLEAR), clearing=True)


@router_establishments_mailbox.post("/{uai}/boite/annuaire")
def clear_mailbox(request: Request, context: Context, visitor: Operator, uai: str, data: Posted) -> Response:
    """Give it back."""
    return _done(request, context, visitor, uai, filled(_CLEAR, data), _CLEAR)


def _done(
    request: Request, context: WebContext, visitor: Visitor, uai: str, form: Form, fields: Sequence[Field]
) -> Response:
    place, _ = known(context, visitor, uai)
    clearing = fields is _CLEAR
    if not form.is_right:
        return _page_establishments_mailbox(request, context, visitor, place, form, clearing=clearing, status=422)
    address = None if clearing else form.values["address"]
    try:
        change = context.app.directory.set_mailbox(place.uai, address, form.values["why"], visitor.actor)
    except DirectoryRefused as refused:
        form = form.refused(refused.reasons)
        return _page_establishments_mailbox(request, context, visitor, place, form, clearing=clearing, status=422)
    said = ("annuaire" if clearing else "boite") if change.is_done else "deja"
    return RedirectResponse(f"{PLACE}/{place.uai}?fait={said}", status_code=303)


def _page_establishments_mailbox(
    request: Request, context: WebContext, visitor: Visitor, place: Listed, form: Form, *,
    clearing: bool = False, status: int = 200,
) -> Response:  # fmt: skip
    return context.pages.page(
        request, "rectorat/establishments_mailbox.html", visitor, status=status, place=place, form=form,
        clearing=clearing,
    )  # fmt: skip
