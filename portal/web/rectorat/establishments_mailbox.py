"""An operator sets an establishment's mailbox, or gives it back the directory's (R14)."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.forms import Field, Form, Shape, blank, filled
from portal.web.installed import Installed
from portal.web.rectorat.establishments import PLACE, known
from portal.web.visitors import Here, Operator, Posted, Visitor
from workflow.directory import DirectoryRefused, Listed

router = APIRouter(prefix=PLACE, include_in_schema=False)
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


@router.get("/{uai}/boite")
def prepare(request: Request, here: Here, visitor: Operator, uai: str) -> Response:
    """The form that sets it."""
    return _page(request, here, visitor, known(here, visitor, uai)[0], blank(_SET))


@router.post("/{uai}/boite")
def set_mailbox(request: Request, here: Here, visitor: Operator, uai: str, data: Posted) -> Response:
    """Set it."""
    return _done(request, here, visitor, uai, filled(_SET, data), _SET)


@router.get("/{uai}/boite/annuaire")
def prepare_clearing(request: Request, here: Here, visitor: Operator, uai: str) -> Response:
    """The form that gives it back; where nothing was set, there is nothing to give back."""
    place, _ = known(here, visitor, uai)
    if not place.set_mailbox:
        return RedirectResponse(f"{PLACE}/{place.uai}", status_code=303)
    return _page(request, here, visitor, place, blank(_CLEAR), clearing=True)


@router.post("/{uai}/boite/annuaire")
def clear_mailbox(request: Request, here: Here, visitor: Operator, uai: str, data: Posted) -> Response:
    """Give it back."""
    return _done(request, here, visitor, uai, filled(_CLEAR, data), _CLEAR)


def _done(
    request: Request, here: Installed, visitor: Visitor, uai: str, form: Form, fields: Sequence[Field]
) -> Response:
    place, _ = known(here, visitor, uai)
    clearing = fields is _CLEAR
    if not form.is_right:
        return _page(request, here, visitor, place, form, clearing=clearing, status=422)
    address = None if clearing else form.values["address"]
    try:
        change = here.house.directory.set_mailbox(place.uai, address, form.values["why"], visitor.actor)
    except DirectoryRefused as refused:
        form = form.refused(refused.reasons)
        return _page(request, here, visitor, place, form, clearing=clearing, status=422)
    said = ("annuaire" if clearing else "boite") if change.is_done else "deja"
    return RedirectResponse(f"{PLACE}/{place.uai}?fait={said}", status_code=303)


def _page(
    request: Request, here: Installed, visitor: Visitor, place: Listed, form: Form, *,
    clearing: bool = False, status: int = 200,
) -> Response:  # fmt: skip
    return here.pages.page(
        request, "rectorat/establishments_mailbox.html", visitor, status=status, place=place, form=form,
        clearing=clearing,
    )  # fmt: skip
